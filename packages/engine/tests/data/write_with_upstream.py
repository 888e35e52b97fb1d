"""How the checkpoints beside this file were written: `write_with_upstream.py FOLDER`, with mmengine 0.10.7 installed.

One of a run by iterations, with all kinds of values that hooks put into checkpoints; one with the message hub as an
object, as the first releases wrote it; one in the format of torch before 1.6.
"""
import collections
import datetime
import os
import pathlib
import sys

import numpy as np
import torch
from torch.utils.data import Dataset

from mmengine.config import Config, ConfigDict
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner


class Model(BaseModel):
    """A layer."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        """Give a loss or values."""
        found = self.layer(torch.stack(inputs))
        return dict(loss=found.pow(2).mean()) if mode == 'loss' else list(found)


class Points(Dataset):
    """Some points."""

    metainfo = dict(classes=('a', 'b'), palette=[(1, 2, 3)], weights=np.array([1., 2.]))

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return dict(inputs=torch.full((2,), float(index)))


class Accuracy(BaseMetric):
    """Numbers of several kinds."""

    default_prefix = 'x'

    def process(self, data_batch, data_samples):
        """Count."""
        self.results.append(1)

    def compute_metrics(self, results):
        """Give them."""
        return dict(acc=np.float64(0.5), n=np.int64(3), t=torch.tensor(0.25))


class Facts(Hook):
    """Puts values of many types into a checkpoint."""

    def before_save_checkpoint(self, runner, checkpoint):
        """Put them in."""
        checkpoint['meta'].update(
            config=ConfigDict(a=1, b=dict(c=[1, dict(d=2)])), day=datetime.date(2024, 1, 2),
            when=datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc), clock=datetime.time(1, 2),
            took=datetime.timedelta(seconds=3), path=pathlib.Path('/a/b'), counts=collections.Counter('aab'),
            groups=collections.defaultdict(list, a=[1]), recent=collections.deque([1, 2], 3), names={'a', 'b'},
            frozen=frozenset('ab'), span=range(3), cut=slice(1, 2), raw=bytearray(b'ab'), z=1 + 2j,
            scalars=[np.float32(1.5), np.int64(7), np.bool_(True), np.str_('s'), np.datetime64('2024-01-01')],
            arrays=[np.arange(3), np.array(['a', 'b']), np.zeros((2, 2), np.float16)], size=torch.Size([1, 2]),
            dtype=torch.float16, device=torch.device('cpu'))


def main(folder):
    """Train, and write the files."""
    os.chdir(folder)
    loader = dict(batch_size=4, dataset=Points())
    runner = Runner(
        Model(), work_dir='run', experiment_name='line', cfg=Config(dict(a=1)), randomness=dict(seed=0),
        train_dataloader=dict(loader, sampler=dict(type='InfiniteSampler', shuffle=True)),
        val_dataloader=dict(loader, sampler=dict(type='DefaultSampler', shuffle=False)),
        train_cfg=dict(by_epoch=False, max_iters=4, val_interval=2), val_cfg={}, val_evaluator=[Accuracy()],
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=.01), clip_grad=dict(max_norm=1)),
        param_scheduler=[dict(type='LinearLR', start_factor=.1, begin=0, end=2, by_epoch=False),
                         dict(type='MultiStepLR', milestones=[1], by_epoch=False)],
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=2, by_epoch=False, save_best='auto',
                                           rule='greater', max_keep_ckpts=2)),
        log_processor=dict(by_epoch=False), custom_hooks=[dict(type='EMAHook'), Facts()])
    runner.train()
    os.replace('run/iter_4.pth', 'upstream_iter.pth')
    checkpoint = torch.load('upstream_iter.pth', weights_only=False)
    checkpoint['message_hub'] = runner.message_hub
    torch.save(checkpoint, 'upstream_hub.pth')
    meta = dict(mmcv_version='1.0', CLASSES=('a', 'b'), hook_msgs={})
    torch.save(dict(meta=meta, state_dict=checkpoint['state_dict']),
               'upstream_legacy.pth', _use_new_zipfile_serialization=False)


if __name__ == '__main__':
    main(*sys.argv[1:])
