"""Runs that are stopped after each of their iterations and resumed, and the comparison of all that they save.

As a program, one rank of two: `resume_matrix.py FOLDER CASES STOPS`, with the variables of torchrun set.
"""
from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
import conftest

from mmengine.checkpoint import read_checkpoint
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import Runner

#: What the clock, the name and the folder of a run bring into a checkpoint.
OF_THE_RUN = {'time', 'experiment_name', 'cfg', 'eta'}
PATHS = {'last_ckpt', 'best_ckpt', 'outdated'}
ITERATIONS = 12


class TwoParts(BaseModel):
    """Two networks, each with an optimizer of its own, trained in turns."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.drop = nn.Linear(2, 4), nn.Linear(4, 1), nn.Dropout(0.2)

    def train_step(self, data: Any, optim_wrapper: Any) -> dict[str, torch.Tensor]:
        data = self.data_preprocessor(data, True)
        inputs, target = torch.stack(data['inputs']), torch.stack(data['target'])
        losses = {}
        for name in ('first', 'second'):
            with optim_wrapper[name].optim_context(self):
                losses[name] = (self(inputs) - target).pow(2).mean()
            optim_wrapper[name].update_params(losses[name])
        return losses

    def forward(self, inputs: Any, target: Any = None, mode: str = 'tensor') -> Any:
        inputs = torch.stack(inputs) if isinstance(inputs, (list, tuple)) else inputs
        outputs = self.second(self.drop(self.first(inputs)))
        return list(outputs) if mode == 'predict' else outputs


def _two_optimizers(changes: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = changes['model'] = TwoParts()
    changes['optim_wrapper'] = OptimWrapperDict(
        first=OptimWrapper(torch.optim.Adam(model.first.parameters(), lr=0.01), accumulative_counts=2),
        second=OptimWrapper(torch.optim.SGD([*model.second.parameters()], lr=0.05, momentum=0.9)))
    changes['param_scheduler'] = dict(first=dict(type='ExponentialLR', gamma=0.9, by_epoch=False),
                                      second=dict(type='StepLR', step_size=5, by_epoch=False))


def _features(name: str, changes: dict[str, Any]) -> None:
    optim = changes['optim_wrapper'] = dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9))
    if 'accumulate' in name:
        optim['accumulative_counts'] = 5
    if 'amp' in name:
        optim.update(type='AmpOptimWrapper', dtype='bfloat16')
    if 'adam' in name:
        optim.update(optimizer=dict(type='AdamW', lr=0.01, amsgrad=True), clip_grad=dict(max_norm=0.5))
        changes['param_scheduler'] = [dict(type='LinearLR', start_factor=0.1, end=4, by_epoch=False),
                                      dict(type='CosineAnnealingLR', T_max=2, by_epoch=True),
                                      dict(type='CosineAnnealingMomentum', T_max=9, eta_min=0.5, by_epoch=False)]
    if 'ema' in name:
        changes['custom_hooks'] += [dict(type='EMAHook', momentum=0.1, update_buffers=True, begin_iter=3)]
    if 'stopping' in name:
        changes['custom_hooks'] += [dict(type='EarlyStoppingHook', monitor='line/error', rule='greater', min_delta=9.,
                                         patience=3)]
    if 'two' in name:
        _two_optimizers(changes)


def changes_of(case: str) -> dict[str, Any]:
    """Give what a case changes in the config: words of `epoch`, `iter`, `finite`, `workers` and the features."""
    words = case.split('-')
    loader = conftest.line_cfg('')['train_dataloader']
    loader['dataset'] = dict(type='LinePoints', noisy='workers' not in words)
    if 'workers' in words:
        loader.update(num_workers=2, persistent_workers='persistent' in words)
    checkpoint = dict(type='CheckpointHook', by_epoch=False, interval=1, save_best='line/error', rule='greater',
                      async_save='async' in words)
    changes: dict[str, Any] = dict(train_dataloader=loader, custom_hooks=[], randomness=dict(seed=5), log_level='ERROR',
                                   default_hooks=dict(checkpoint=checkpoint),
                                   train_cfg=dict(by_epoch=True, max_epochs=2, val_interval=1))
    if 'epoch' not in words:
        loader['sampler'] = dict(type='DefaultSampler' if 'finite' in words else 'InfiniteSampler', shuffle=True)
        changes['train_cfg'] = dict(by_epoch=False, max_iters=ITERATIONS, val_interval=4)
    _features(case, changes)
    if int(os.environ.get('WORLD_SIZE', 1)) > 1:
        loader['batch_size'] = 2
        changes.update(launcher='pytorch', randomness=dict(seed=5, diff_rank_seed=True),
                       env_cfg=dict(dist_cfg=dict(backend='gloo')))
    return changes


def run(folder: Path, case: str, **more: Any) -> Runner:
    """Train a case to its end, and save what is there then as `end.pth`."""
    runner = Runner.from_cfg(conftest.line_cfg(folder, **{**changes_of(case), **more}))
    runner.train()
    runner.collect_rank_states()
    runner.save_checkpoint(str(folder), 'end.pth', meta=dict(epoch=runner.epoch, iter=runner.iter))
    return runner


def saved(folder: Path) -> dict[str, Any]:
    """Read what was there at the end."""
    checkpoint: dict[str, Any] = read_checkpoint(folder / 'end.pth')
    return checkpoint


def differences(ours: Any, theirs: Any, path: str = '') -> Iterator[str]:
    """List where two checkpoints differ by a bit or by a type, but for clock, name and folder of the run."""
    name = path.rsplit('/', 1)[-1]
    if name in OF_THE_RUN or path.endswith(('/time', '/data_time')):
        return
    if type(ours) is not type(theirs):
        yield f'{path}: {type(ours)} and {type(theirs)}'
    elif isinstance(ours, dict):
        if list(ours) != list(theirs):
            yield f'{path}: {list(ours)} and {list(theirs)}'
        for key in ours.keys() & theirs.keys():
            yield from differences(ours[key], theirs[key], f'{path}/{key}')
    elif isinstance(ours, (list, tuple)):
        if len(ours) != len(theirs):
            yield f'{path}: {len(ours)} and {len(theirs)} items'
        for index, (mine, other) in enumerate(zip(ours, theirs, strict=False)):
            yield from differences(mine, other, f'{path}/{name if name in PATHS else index}')
    elif isinstance(ours, HistoryBuffer):
        yield from differences([array.tolist() for array in ours.data], [array.tolist() for array in theirs.data], path)
    elif not _same(ours, theirs, name in PATHS):
        yield f'{path}: {ours} and {theirs}'


def _same(ours: Any, theirs: Any, is_path: bool) -> bool:
    if isinstance(ours, torch.Tensor):
        return ours.dtype == theirs.dtype and torch.equal(ours, theirs)
    if isinstance(ours, np.ndarray):
        return ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    if is_path and isinstance(ours, str):
        return Path(ours).name == Path(theirs).name
    return bool(ours == theirs)


def stop_and_resume(folder: Path, case: str, stops: Sequence[int]) -> list[str]:
    """Run a case without a stop, then resume it from the checkpoint of each iteration; give all differences."""
    whole = run(folder / case, case)
    expected = {name: value.clone() for name, value in whole.model.state_dict().items()}
    found = []
    for stop in stops or range(1, whole.iter):
        ours = run(folder / f'{case}-{stop}', case, load_from=str(folder / case / f'iter_{stop}.pth'), resume=True)
        found += [f'{case} stopped at {stop}: {name}' for name, value in ours.model.state_dict().items()
                  if not torch.equal(value, expected[name])]
        if ours.rank == 0:
            found += [f'{case} stopped at {stop}: {text}'
                      for text in differences(saved(folder / f'{case}-{stop}'), saved(folder / case))]
            shutil.rmtree(folder / f'{case}-{stop}')
    return found


def register() -> None:
    """Register the task."""
    torch.set_num_threads(1)
    for registry, item in ((MODELS, conftest.LineModel), (DATASETS, conftest.LinePoints), (METRICS, conftest.Error)):
        registry.register_module(module=item, force=True)


def main(folder: str, cases: str, stops: str) -> None:
    """Run as one rank of two."""
    register()
    found = [text for case in cases.split(',')
             for text in stop_and_resume(Path(folder), case, [int(stop) for stop in stops.split(',') if stop])]
    print('\n'.join(found) or f'rank {os.environ["RANK"]}: no difference', flush=True)
    torch.distributed.destroy_process_group()
    sys.exit(bool(found))


if __name__ == '__main__':
    main(*sys.argv[1:])
