"""Samples and tokens per second and the share of the peak, against numbers known beforehand."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from mmengine.hooks import Hook, ThroughputHook, throughput_hook
from mmengine.hooks.peak_flops import device_name, peak_flops_of
from mmengine.registry import MODELS
from mmengine.runner import Runner

Make = Callable[..., Runner]
SEEDED = dict(randomness=dict(seed=3))


class Clock:
    """A clock that goes on by a second in an iteration, by 100 in a validation and at the end of an epoch."""

    time = 0.0

    def __deepcopy__(self, memo: Any) -> Clock:
        """The runner copies its hooks; there is one clock."""
        return self

    def perf_counter(self) -> float:
        return self.time


class Ticks(Hook):
    priority = 'HIGHEST'

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self.clock.time += 1

    def after_val_epoch(self, runner: Any, metrics: Any = None) -> None:
        self.clock.time += 100


class TicksLast(Ticks):
    priority = 'LOWEST'

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Nothing."""

    def after_train_epoch(self, runner: Any) -> None:
        self.clock.time += 100


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(throughput_hook, 'time', clock)
    return clock


class Says:
    """What a model has that says its tokens: 5 for each sample."""

    def count_tokens(self, data_batch: Any) -> torch.Tensor:
        return torch.tensor(5 * len(data_batch['inputs']))


class Returns:
    """The same, beside the losses."""

    def forward(self, inputs: Any, target: Any = None, mode: str = 'tensor') -> Any:
        found = super().forward(inputs, target, mode)  # type: ignore[misc]  # of the model that it is mixed into
        return {**found, 'num_tokens': torch.tensor(5.0 * len(inputs))} if mode == 'loss' else found


@pytest.fixture(autouse=True)
def models(line_task: None) -> Iterator[None]:
    """Register models of the shared task that say their tokens."""
    for says in (Says, Returns):
        MODELS.register_module(module=type(says.__name__, (says, MODELS.get('LineModel')), {}))
    yield
    for says in (Says, Returns):
        MODELS.module_dict.pop(says.__name__)


def recorded(runner: Runner, name: str) -> list[float]:
    return list(runner.message_hub.get_scalar(f'train/{name}').data[0])


@pytest.mark.parametrize('by_epoch', [True, False])
@pytest.mark.parametrize('model', ['Says', 'Returns'])
def test_rates(make_runner: Make, clock: Clock, model: str, by_epoch: bool, tmp_path: Path) -> None:
    """Four samples and 20 tokens per second; 24 samples are 6 iterations."""
    cfg: dict[str, Any] = dict(train_cfg=dict(by_epoch=True, max_epochs=4, val_interval=1)) if by_epoch else dict(
        train_cfg=dict(by_epoch=False, max_iters=24, val_interval=3), param_scheduler=None,
        train_dataloader=dict(batch_size=4, num_workers=0, dataset=dict(type='LinePoints'),
                              sampler=dict(type='InfiniteSampler')))
    hook = ThroughputHook(flops_per_token=100, peak_flops=1e4)
    runner = make_runner(custom_hooks=[hook, Ticks(clock), TicksLast(clock)], model=dict(type=model),
                         default_hooks=dict(logger=dict(type='LoggerHook', interval=4)), log_level='INFO',
                         log_processor=dict(by_epoch=by_epoch), **cfg)
    runner.train()
    lines = 4 if by_epoch else 6
    assert recorded(runner, 'samples_per_sec') == [4.0] * lines
    assert recorded(runner, 'tokens_per_sec') == [20.0] * lines
    assert recorded(runner, 'mfu') == [pytest.approx(0.2)] * lines
    log = next((tmp_path / 'run').rglob('*.log')).read_text()
    assert log.count('samples_per_sec: 4.0000  tokens_per_sec: 20.0000  mfu: 0.2000') == lines
    scalars = [json.loads(line) for line in next((tmp_path / 'run').rglob('scalars.json')).read_text().splitlines()]
    assert [entry['mfu'] for entry in scalars if 'mfu' in entry] == [pytest.approx(0.2)] * lines


def test_short_epochs_and_short_batches(make_runner: Make, clock: Clock) -> None:
    """An epoch shorter than the interval has its line at its end; the last batch has 4 of 10 samples."""
    loader = dict(batch_size=10, num_workers=0, dataset=dict(type='LinePoints'), sampler=dict(type='DefaultSampler'))
    runner = make_runner(custom_hooks=[ThroughputHook(), Ticks(clock)], train_dataloader=loader)
    runner.train()
    assert recorded(runner, 'samples_per_sec') == [8.0] * 4
    assert not {'train/tokens_per_sec', 'train/mfu'} & runner.message_hub.log_scalars.keys()


def test_operations_are_counted(make_runner: Make, clock: Clock) -> None:
    """The layers take 2 * 8 + 8 multiply-adds; batch normalisation 2 * 8, as in evaluation."""
    runner = make_runner(custom_hooks=[ThroughputHook(input_shape=[2], peak_flops=1e4), Ticks(clock)], **SEEDED)
    runner.train()
    hook = next(hook for hook in runner.hooks if isinstance(hook, ThroughputHook))
    assert hook.flops_per_sample == 6 * (2 * 8 + 8 + 2 * 8)
    assert recorded(runner, 'mfu')[0] == pytest.approx(4 * hook.flops_per_sample / 1e4)
    plain = make_runner('plain', **SEEDED)
    plain.train()  # the counting draws no numbers, and leaves the model as it was
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, runner.model.state_dict()[name])


def test_unknown_device(make_runner: Make, tmp_path: Path) -> None:
    if device_name() != 'cpu':
        pytest.skip('needs a machine without an accelerator')
    runner = make_runner(custom_hooks=[ThroughputHook(flops_per_sample=1)])
    runner.train()
    assert 'train/samples_per_sec' in runner.message_hub.log_scalars
    assert 'train/mfu' not in runner.message_hub.log_scalars
    log = next((tmp_path / 'run').rglob('*.log')).read_text()
    assert "does not know the peak of the device 'cpu', so that it records no MFU: give peak_flops" in log


def test_losses_are_not_read_between_lines(make_runner: Make) -> None:
    """Tokens on the device are added up there, and read where a line is due."""
    reads: list[int] = []

    class Unread(torch.Tensor):
        def __float__(self) -> float:
            reads.append(1)
            return float(self.as_subclass(torch.Tensor))

    class Counting(MODELS.get('LineModel')):  # type: ignore[misc]  # a class that the fixture registers
        def count_tokens(self, data_batch: Any) -> torch.Tensor:
            return torch.tensor(20.0).as_subclass(Unread)

    hook = ThroughputHook(interval=3)
    make_runner(custom_hooks=[hook], model=Counting()).train()
    assert len(reads) == 24 // 3


@pytest.mark.parametrize(('name', 'peak'), [
    ('NVIDIA A100-SXM4-80GB', 312e12), ('NVIDIA H100 80GB HBM3', 989.5e12), ('NVIDIA H100 PCIe', 756.5e12),
    ('NVIDIA H100 NVL', 835.5e12), ('NVIDIA H200', 989.5e12), ('NVIDIA GH200 480GB', 989.5e12),
    ('NVIDIA B200', 2250e12), ('NVIDIA GB200', 2500e12), ('Tesla V100-SXM2-32GB', 125e12),
    ('Tesla V100-PCIE-16GB', 112e12), ('Tesla T4', 65e12),
    ('NVIDIA L4', 121e12), ('NVIDIA L40S', 362.05e12), ('NVIDIA L40', 181.05e12), ('NVIDIA A10', 125e12),
    ('NVIDIA A10G', None), ('NVIDIA A40', 149.7e12), ('NVIDIA A100-SXM4-40GB MIG 1g.5gb', None),
    ('NVIDIA RTX A6000', 154.8e12), ('NVIDIA GeForce RTX 4090', 165.2e12), ('NVIDIA GeForce RTX 4090 Laptop GPU', None),
    ('AMD Instinct MI300X', 1307.4e12), ('AMD Instinct MI250X', 191.5e12), ('cpu', None), ('NVIDIA A1000', None),
])
def test_peaks(name: str, peak: float | None) -> None:
    assert peak_flops_of(name) == peak


def test_what_is_wrong(make_runner: Make) -> None:
    with pytest.raises(ValueError, match='only one of flops_per_sample and input_shape'):
        ThroughputHook(flops_per_sample=1, input_shape=(3, 2, 2))
    for name in ('flops_per_sample', 'flops_per_token', 'peak_flops', 'interval'):
        with pytest.raises(ValueError, match=f'{name} should be positive, but got 0'):
            ThroughputHook(**{name: 0})  # type: ignore[arg-type]  # each a number
    with pytest.raises(ValueError, match=r'LineModel does not run on an input of shape \(1, 3\) .*flops_per_sample'):
        make_runner(custom_hooks=[ThroughputHook(input_shape=[3])]).train()
