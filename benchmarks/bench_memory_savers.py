"""Measure the peak memory of a training step with each way of saving memory.

    python benchmarks/bench_memory_savers.py [--case NAME ...]

Two models: one whose memory are activations (convolutions), one whose memory are parameters, gradients and the averages
of Adam (wide layers). Each case trains two iterations in processes of its own, on the CPU, and tells what the resident
memory has grown to above that of the process before the model was built; of several ranks the largest.
Nothing is asserted: figures to compare.
"""
from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import Dataset

from mmengine.model import BaseModel
from mmengine.registry import DATASETS, MODELS
from mmengine.runner import Runner

BLOCKS, WIDTH, PIXELS, LAYERS, FEATURES = 8, 64, 48, 16, 1024
ITERATIONS = 2
BLOCK_NAMES = [f'layers.{index}' for index in range(BLOCKS)]
#: By name: the model, the number of ranks, and what the config of the run has besides.
CASES: dict[str, tuple[str, int, dict[str, Any]]] = {
    'convolutions, plain': ('Convolutions', 1, {}),
    'activation_checkpointing of each block': ('Convolutions', 1, dict(activation_checkpointing=BLOCK_NAMES)),
    'batches of 4, accumulative_counts=4': ('Convolutions', 1, dict(batch=4, accumulative_counts=4)),
    'MicroBatchHook(size=4)': ('Convolutions', 1, dict(custom_hooks=[dict(type='MicroBatchHook', size=4)])),
    'statistics fixed, plain': ('Convolutions', 1, dict(fixed=True)),
    'efficient_conv_bn_eval': ('Convolutions', 1, dict(fixed=True, efficient_conv_bn_eval='layers')),
    'wide layers, plain': ('Wide', 1, {}),
    'FSDP, 2 ranks': ('Wide', 2, dict(strategy={})),
    'FSDP, 2 ranks, meta_init': ('Wide', 2, dict(strategy=dict(meta_init=True))),
    'FSDP, 4 ranks, meta_init': ('Wide', 4, dict(strategy=dict(meta_init=True))),
    'FSDP, 2 ranks, cpu_offload': ('Wide', 2, dict(strategy=dict(meta_init=True), offload=True)),
}


class Convolutions(BaseModel):
    """Blocks that keep large activations."""

    def __init__(self, fixed: bool = False) -> None:
        super().__init__()
        self.fixed = fixed
        self.layers = nn.Sequential(*(nn.Sequential(nn.Conv2d(3 if index == 0 else WIDTH, WIDTH, 3, padding=1),
                                                    nn.BatchNorm2d(WIDTH), nn.ReLU()) for index in range(BLOCKS)))

    def train(self, mode: bool = True) -> Convolutions:
        """Keep the statistics of the normalisation as they are, where asked to."""
        super().train(mode)
        if self.fixed:
            self.layers.eval()
        return self

    def forward(self, inputs: Any, mode: str = 'tensor') -> Any:
        """Give the loss."""
        return {'loss': self.layers(torch.stack(list(inputs))).mean()}


class Wide(BaseModel):
    """Layers of 4 MB each, with hardly any activations."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(FEATURES, FEATURES) for _ in range(LAYERS)))

    def forward(self, inputs: Any, mode: str = 'tensor') -> Any:
        """Give the loss."""
        return {'loss': self.layers(torch.stack(list(inputs)).flatten(1)[:, :FEATURES]).mean()}


class Pictures(Dataset[Any]):
    """The same picture again and again."""

    def __len__(self) -> int:
        return 16 * ITERATIONS

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return dict(inputs=torch.ones(3, PIXELS, PIXELS))


def memory(name: str) -> int:
    """Read a figure of this process in MB: VmRSS is what it takes, VmHWM the most that it took."""
    line = next(line for line in Path('/proc/self/status').read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) // 1024


def train(name: str) -> None:
    """Train a case, and print by how much memory grew at most."""
    model, ranks, options = CASES[name]
    options = dict(options)
    for registry, item in ((MODELS, Convolutions), (MODELS, Wide), (DATASETS, Pictures)):
        registry.register_module(module=item, force=True)
    cfg: dict[str, Any] = dict(
        model=dict(type=model, **({'fixed': True} if options.pop('fixed', False) else {})), log_level='ERROR',
        work_dir=tempfile.mkdtemp(), default_hooks=dict(checkpoint=None, logger=None),
        train_dataloader=dict(batch_size=options.pop('batch', 16) // ranks, num_workers=0,
                              dataset=dict(type='Pictures'), sampler=dict(type='DefaultSampler', shuffle=False)),
        train_cfg=dict(by_epoch=True, max_epochs=1), optim_wrapper=dict(
            optimizer=dict(type='AdamW', lr=1e-3), accumulative_counts=options.pop('accumulative_counts', 1)))
    if 'strategy' in options:
        wrapper = dict(modules=['Linear'], cpu_offload=options.pop('offload', False))
        options['strategy'] = dict(options['strategy'], type='FSDPStrategy', model_wrapper=wrapper)
        cfg.update(launcher='pytorch', env_cfg=dict(dist_cfg=dict(backend='gloo')))
        torch.distributed.init_process_group('gloo')  # its buffers are no part of the model's memory
        torch.distributed.all_reduce(torch.ones(1))
    checkpoint(nn.Identity(), torch.ones(1, requires_grad=True), use_reentrant=False).backward()  # what it imports
    Path('/proc/self/clear_refs').write_text('5')  # the peak so far is that of the imports
    before = memory('VmRSS')
    Runner.from_cfg({**cfg, **options}).train()
    print(json.dumps(memory('VmHWM') - before))
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def measure(name: str) -> int:
    """Run a case in processes of its own."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = str(free.getsockname()[1])
    ranks = CASES[name][1]
    common = {**os.environ, 'WORLD_SIZE': str(ranks), 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': port,
              'OMP_NUM_THREADS': '1'}
    started = [subprocess.Popen([sys.executable, __file__, '--run', name], stdout=subprocess.PIPE, text=True,
                                env={**common, 'RANK': str(rank), 'LOCAL_RANK': str(rank)}) for rank in range(ranks)]
    said = [process.communicate()[0] for process in started]
    return max(int(text.strip().splitlines()[-1]) for text in said)


def main() -> None:
    """Print a table of all cases, or run the one that a measurement starts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--case', nargs='*', choices=CASES, default=list(CASES), metavar='NAME', help='only these')
    parser.add_argument('--run', choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run is not None:
        train(options.run)
        return
    print('| | peak, MB | beside plain |\n|---|---:|---:|')
    plain = 0
    for name in options.case:
        peak = measure(name)
        plain = peak if name.endswith('plain') or not plain else plain
        print(f'| {name} | {peak} | {peak / plain:.2f} |', flush=True)


if __name__ == '__main__':
    main()
