"""One rank of a small run with hooks that act differently on each: `hooks_on_ranks.py FOLDER`."""
from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
import conftest

from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import Runner


class Model(conftest.LineModel):
    """A model that says its tokens: as many for a sample as the number of its rank, from 1."""

    def count_tokens(self, data_batch: Any) -> int:
        return len(data_batch['inputs']) * (int(os.environ['RANK']) + 1)


def main(folder: str) -> None:
    for registry, item in ((MODELS, Model), (DATASETS, conftest.LinePoints), (METRICS, conftest.Error)):
        registry.register_module(module=item)
    checkpoint = dict(type='CheckpointHook', interval=1, max_keep_ckpts=1, save_best='line/error', rule='less',
                      published_keys=['state_dict'])
    runner = Runner.from_cfg(conftest.line_cfg(
        f'{folder}/run', model=dict(type='Model'), launcher='pytorch', randomness=dict(seed=5),
        env_cfg=dict(dist_cfg=dict(backend='gloo')), log_level='INFO',
        train_cfg=dict(by_epoch=True, max_epochs=2), default_hooks=dict(checkpoint=checkpoint),
        custom_hooks=[dict(type='SyncBuffersHook'), dict(type='EMAHook', momentum=0.1), dict(type='ProgressBarHook'),
                      dict(type='CurvePlotHook'), dict(type='ThroughputHook', flops_per_token=30, peak_flops=1e6),
                      dict(type='EarlyStoppingHook', monitor='line/error', rule='less', patience=9)]))
    runner.train()
    ema = next(hook for hook in runner.hooks if type(hook).__name__ == 'EMAHook')
    rates = {name: runner.message_hub.get_scalar(f'train/{name}').current()
             for name in ('samples_per_sec', 'tokens_per_sec', 'mfu')}
    torch.save(dict(rates=rates, buffers=dict(runner.model.named_buffers()), average=ema.ema_model.state_dict(),
                    epoch=runner.epoch, best=runner.message_hub.get_info('best_ckpt'), log_dir=runner.log_dir),
               f'{folder}/{os.environ["RANK"]}.pth')
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(*sys.argv[1:])
