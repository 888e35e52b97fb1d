"""What a run does not do: wait for the device between two logs, print the config anew, import what it does not use."""
from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from mmengine.config import Config
from mmengine.interfaces import Hook
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.runner import Runner

READS = {Tensor.item, Tensor.tolist, Tensor.numpy, Tensor.__bool__, Tensor.__float__, Tensor.__int__, Tensor.__index__,
         Tensor.__array__, Tensor.cpu, Tensor.__format__, Tensor.__repr__}
INTERVAL = 5
ITERATIONS = 18


class CountingLoss(Tensor):
    """A tensor that counts how often its value, or that of one computed from it, is read."""

    reads = 0

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        CountingLoss.reads += func in READS
        return super().__torch_function__(func, types, args, kwargs)


class CountingReads(TorchFunctionMode):
    """Counts the reads of all other tensors."""

    reads = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not isinstance(args[0] if args else None, CountingLoss):
            CountingReads.reads += func in READS
        return func(*args, **(kwargs or {}))


class Watch(Hook):
    """Lists the reads of each iteration, those of the hooks among them."""

    priority = 100

    def __init__(self, count: Callable[[], int]) -> None:
        self.count = count
        self.reads: list[int] = []

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self.before = self.count()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.reads.append(self.count() - self.before)


@MODELS.register_module()
class CountedModel(BaseModel):
    """Gives losses that count; two, and a value that is only logged."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 3)

    def forward(self, inputs: Tensor, mode: str = 'tensor') -> Any:
        found = self.layer(inputs)
        loss = found.square().mean()
        if not loss.is_cuda:
            loss = loss.as_subclass(CountingLoss)
        return dict(loss_a=loss, loss_b=[loss * 2, loss * 3], size=found.detach().mean())


def train(work_dir: Path, watch: Hook | None, iterations: int = ITERATIONS, **optim_wrapper: Any) -> Runner:
    data = [torch.randn(4) for _ in range(2 * iterations)]
    runner = Runner(
        model=dict(type='CountedModel'), work_dir=str(work_dir),
        train_dataloader=torch.utils.data.DataLoader(data, batch_size=2, collate_fn=lambda batch: [torch.stack(batch)]),
        train_cfg=dict(by_epoch=False, max_iters=iterations),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01, momentum=0.9), **optim_wrapper),
        param_scheduler=dict(type='LinearLR', by_epoch=False, start_factor=0.1, end=iterations),
        default_hooks=dict(logger=dict(type='LoggerHook', interval=INTERVAL)), log_processor=dict(by_epoch=False),
        custom_hooks=[] if watch is None else [watch])
    runner.train()
    return runner


SETTINGS = pytest.mark.parametrize('optim_wrapper', [
    {},
    dict(clip_grad=dict(max_norm=1.0)),
    dict(accumulative_counts=2),
    dict(type='AmpOptimWrapper', dtype='bfloat16', clip_grad=dict(max_norm=1.0), accumulative_counts=2),
], ids=['plain', 'clipping', 'accumulation', 'all with AMP'])


@SETTINGS
def test_nothing_is_read_between_two_logs(tmp_path: Path, optim_wrapper: dict[str, Any]) -> None:
    watch = Watch(lambda: CountingLoss.reads + CountingReads.reads)
    with CountingReads():
        train(tmp_path, watch, **optim_wrapper)
    logged = [number % INTERVAL == 0 for number in range(1, ITERATIONS)]
    assert [reads > 0 for reads in watch.reads[:-1]] == logged  # the last one is saved


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device: what waits for it is seen in its trace only')
@SETTINGS
def test_nothing_waits_for_the_gpu_between_two_logs(tmp_path: Path, optim_wrapper: dict[str, Any]) -> None:
    from torch.profiler import ProfilerActivity, profile

    class Trace(Hook):
        """Traces the iterations between two logs."""

        priority = 0

        def __init__(self) -> None:
            self.profile = profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA])

        def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
            if batch_idx == 2 * INTERVAL:
                self.profile.start()
            elif batch_idx == 3 * INTERVAL - 1:
                self.profile.stop()

    trace = Trace()
    train(tmp_path, trace, **optim_wrapper)
    # The profiler itself waits once, when it stops.
    names = [event.name for event in trace.profile.events()]
    waits = [name for name in names if 'Synchronize' in name or name == 'aten::item']
    assert [name for name in waits if name != 'cudaDeviceSynchronize'] == []
    assert waits.count('cudaDeviceSynchronize') <= 1


def test_the_config_is_printed_once_for_all_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = train(tmp_path / 'run', None)
    runner.cfg = Config(dict(work_dir='here', tracker=dict(api_key='1234567890abcdef')))  # a copy has its key removed
    texts = []
    for number in range(3):
        if number == 1:
            monkeypatch.setattr('mmengine.config.config.pretty', lambda values: pytest.fail('printed anew'))
        runner.save_checkpoint(str(tmp_path), f'{number}.pth')
        texts.append(torch.load(tmp_path / f'{number}.pth', weights_only=False)['meta']['cfg'])
    assert len(set(texts)) == 1
    assert "work_dir = 'here'" in texts[0]
    assert '1234567890abcdef' not in texts[0]
    monkeypatch.undo()
    runner.cfg.work_dir = 'there'  # a change is seen
    runner.save_checkpoint(str(tmp_path), 'changed.pth')
    assert "'there'" in torch.load(tmp_path / 'changed.pth', weights_only=False)['meta']['cfg']


def test_importing_the_runner_loads_nothing_that_a_run_does_not_use() -> None:
    heavy = ('matplotlib', 'cv2', 'PIL', 'pandas', 'rich', 'yaml', 'scipy', 'fsspec', 'lmdb', 'torch.distributed.fsdp',
             'torch._dynamo', 'torch._inductor', 'torchvision', 'tensorboard')
    code = f'import torch, sys; before = set(sys.modules); import mmengine.runner; ' \
           f'print(sorted(set({heavy}) & (set(sys.modules) - before)))'
    answer = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == '[]'
