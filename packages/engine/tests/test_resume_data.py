"""The data of a resumed run: the same samples with the same random transforms, and none read twice.

Every second iteration of a short run is a place to resume at; `MMENGINE_FULL=1` takes each.
"""
from __future__ import annotations

import ctypes
import multiprocessing
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, RandomSampler, Sampler

from mmengine.dataset import BaseDataset, DefaultSampler
from mmengine.hooks import Hook
from mmengine.registry import DATA_SAMPLERS, DATASETS
from mmengine.runner import Runner

Make = Callable[..., Runner]
ITERS = 12  # three passes over 16 samples in batches of 4
PLACES = range(1, ITERS) if os.environ.get('MMENGINE_FULL') else range(1, ITERS, 2)
LOOPS = {
    'epochs': (dict(by_epoch=True, max_epochs=3, val_interval=2), 'DefaultSampler'),
    'iterations': (dict(by_epoch=False, max_iters=ITERS, val_interval=5), 'DefaultSampler'),
    'endless': (dict(by_epoch=False, max_iters=ITERS, val_interval=5), 'InfiniteSampler'),
}
reads = multiprocessing.Value(ctypes.c_long)  # of all processes


def jitter(info: dict[str, Any]) -> dict[str, Any] | None:
    """Transforms with each of the three generators, one of which asks for another sample now and then."""
    with reads.get_lock():
        reads.value += 1
    if np.random.rand() < 0.1:
        return None
    noise = torch.tensor([random.random(), np.random.normal()]) + torch.randn(2)
    return dict(inputs=torch.tensor([info['x'], 1.0]) + 0.1 * noise, target=torch.tensor([info['x']]))


class Points(BaseDataset):
    METAINFO = dict(classes=('point',))

    def load_data_list(self) -> list[dict[str, Any]]:
        return [dict(x=index / 16) for index in range(16)]


class Seen(Hook):
    """Keeps the inputs of every training batch."""

    def __init__(self) -> None:
        self.batches: list[torch.Tensor] = []

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        inputs = data_batch['inputs']
        self.batches.append(torch.stack(inputs) if isinstance(inputs, list) else inputs.clone())


@pytest.fixture(autouse=True)
def points() -> Iterator[None]:
    DATASETS.register_module(module=Points, force=True)
    yield
    DATASETS.module_dict.pop('Points', None)


def loader(workers: int, sampler: Any = 'DefaultSampler', **changes: Any) -> dict[str, Any]:
    return {**dict(batch_size=4, num_workers=workers, dataset=dict(type='Points', pipeline=[jitter]),
                   sampler=dict(type=sampler, shuffle=True)), **changes}


def counted(info: dict[str, Any]) -> dict[str, Any]:
    """A transform that is the same each time."""
    with reads.get_lock():
        reads.value += 1
    return dict(inputs=torch.tensor([info['x'], 1.0]), target=torch.tensor([info['x']]))


def train(make_runner: Make, folder: str, load_from: Path | None = None, **changes: Any) -> tuple[Runner, Seen]:
    every = 1 if load_from is None else ITERS
    changes.setdefault('train_cfg', LOOPS['epochs'][0])
    runner = make_runner(folder, custom_hooks=[Seen()], load_from=str(load_from) if load_from else None,
                         resume=load_from is not None, param_scheduler=None,
                         default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=every)),
                         **changes)
    runner.train()
    return runner, hook_of(runner, Seen)


def hook_of(runner: Runner, kind: type[Hook]) -> Any:
    return next(hook for hook in runner.hooks if isinstance(hook, kind))


def assert_same_end(ours: tuple[Runner, Seen], whole: tuple[Runner, Seen], place: int) -> None:
    assert len(whole[1].batches) == ITERS
    assert len(ours[1].batches) == ITERS - place
    for number, (mine, other) in enumerate(zip(ours[1].batches, whole[1].batches[place:], strict=True), place):
        assert torch.equal(mine, other), f'batch {number} after resuming at {place}'
    for name, value in whole[0].model.state_dict().items():
        assert torch.equal(ours[0].model.state_dict()[name], value), name


def last_state(runner: Runner) -> Any:
    """What the last checkpoint holds of generators and loaders."""
    return torch.load(Path(runner.work_dir) / f'iter_{ITERS}.pth', weights_only=False)['ranks']


def assert_equal(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for mine, its in zip(one, other, strict=True):
            assert_equal(mine, its)
    else:
        assert one == other


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('loop', LOOPS)
def test_resumed_anywhere(make_runner: Make, tmp_path: Path, loop: str, workers: int) -> None:
    train_cfg, sampler = LOOPS[loop]
    changes = dict(train_cfg=train_cfg, train_dataloader=loader(workers, sampler), randomness=dict(seed=3))
    whole = train(make_runner, 'whole', **changes)
    assert len({tuple(batch.flatten().tolist()) for batch in whole[1].batches}) == ITERS
    for place in PLACES:
        ours = train(make_runner, f'at_{place}', tmp_path / 'whole' / f'iter_{place}.pth', **changes)
        assert_same_end(ours, whole, place)
        assert_equal(last_state(ours[0]), last_state(whole[0]))


@pytest.mark.parametrize('place', [4, 6])
def test_without_a_seed_and_with_validation_in_workers(make_runner: Make, tmp_path: Path, place: int) -> None:
    val = loader(1, persistent_workers=True)
    val['sampler']['shuffle'] = False
    changes = dict(train_dataloader=loader(2, persistent_workers=True), val_dataloader=val)
    whole = train(make_runner, 'whole', **changes)
    ours = train(make_runner, 'ours', tmp_path / 'whole' / f'iter_{place}.pth', **changes)
    assert_same_end(ours, whole, place)
    key = 'val/line/error'
    mine, all_of_it = (run[0].message_hub.get_scalar(key).data[0] for run in (ours, whole))
    assert list(mine)[-1] == list(all_of_it)[-1]


def test_another_number_of_workers_reads_the_same(make_runner: Make, tmp_path: Path) -> None:
    whole = train(make_runner, 'whole', train_dataloader=loader(2))
    ours = train(make_runner, 'ours', tmp_path / 'whole' / 'iter_5.pth', train_dataloader=loader(1))
    assert_same_end(ours, whole, 5)


@pytest.mark.parametrize('place', [3, 4])
@pytest.mark.parametrize(('loop', 'workers'), [('epochs', 0), ('epochs', 2), ('iterations', 0), ('endless', 0)])
def test_nothing_is_read_again(make_runner: Make, tmp_path: Path, loop: str, workers: int, place: int) -> None:
    train_cfg, sampler = LOOPS[loop]
    changes = dict(train_cfg=dict(train_cfg, val_interval=100),
                   train_dataloader=loader(workers, sampler, dataset=dict(type='Points', pipeline=[counted])))
    train(make_runner, 'whole', **changes)
    begin = reads.value
    train(make_runner, 'ours', tmp_path / 'whole' / f'iter_{place}.pth', **changes)
    assert reads.value - begin == 4 * (ITERS - place)


def test_the_check_could_fail(make_runner: Make, tmp_path: Path) -> None:
    """Without the generators' state of the checkpoint the data are others."""
    whole = train(make_runner, 'whole', train_dataloader=loader(2))
    checkpoint = torch.load(tmp_path / 'whole' / 'iter_5.pth', weights_only=False)
    checkpoint['ranks'] = []
    torch.save(checkpoint, tmp_path / 'poor.pth')
    ours = train(make_runner, 'ours', tmp_path / 'poor.pth', train_dataloader=loader(2))
    assert not torch.equal(ours[1].batches[0], whole[1].batches[5])


# Samplers and loaders of others ---------------------------------------------------------------------------------------


class Evolving(Sampler[int]):
    """An order that follows from what the sampler did before, as some of other libraries do."""

    def __init__(self, dataset: Any, seed: int = 0, shuffle: bool = True) -> None:
        self.size = len(dataset)
        self.generator = torch.Generator().manual_seed(11)

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        yield from torch.randperm(self.size, generator=self.generator).tolist()

    def state_dict(self) -> dict[str, Any]:
        return {'generator': self.generator.get_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.generator.set_state(state_dict['generator'])


class Pairs(BatchSampler):
    """Batches in an order of their own."""

    def __iter__(self) -> Iterator[list[int]]:
        yield from reversed(list(super().__iter__()))


class SoughtPairs(Pairs):
    sought: list[tuple[int, int]] = []
    start = 0

    def seek(self, position: int, epoch: int) -> None:
        self.sought.append((position, epoch))
        self.start = position

    def __iter__(self) -> Iterator[list[int]]:
        self.sampler.set_epoch(self.sampler.epoch)
        start, self.start = self.start, 0
        yield from list(super().__iter__())[start:]


@pytest.fixture
def samplers() -> Iterator[None]:
    for kind in (Evolving, Pairs, SoughtPairs):
        DATA_SAMPLERS.register_module(module=kind, force=True)
    yield
    for kind in (Evolving, Pairs, SoughtPairs):
        DATA_SAMPLERS.module_dict.pop(kind.__name__)


@pytest.mark.usefixtures('samplers')
@pytest.mark.parametrize(('loop', 'place'), [('epochs', 6), ('iterations', 4), ('iterations', 6)])
@pytest.mark.parametrize('kind', ['Evolving', 'Pairs', 'SoughtPairs'])
def test_samplers_of_others(make_runner: Make, tmp_path: Path, kind: str, loop: str, place: int) -> None:
    data = loader(0, 'Evolving') if kind == 'Evolving' else loader(
        0, batch_sampler=dict(type=kind, drop_last=False))
    changes = dict(train_cfg=LOOPS[loop][0], train_dataloader=data)
    whole = train(make_runner, 'whole', **changes)
    SoughtPairs.sought.clear()
    ours = train(make_runner, 'ours', tmp_path / 'whole' / f'iter_{place}.pth', **changes)
    assert_same_end(ours, whole, place)
    where = (2, 1) if place == 6 else (4, 0)
    assert SoughtPairs.sought == ([where] if kind == 'SoughtPairs' else [])


@pytest.mark.parametrize(('loop', 'workers', 'place'), [
    ('epochs', 0, 2), ('epochs', 2, 7), ('epochs', 2, 4), ('iterations', 0, 7), ('iterations', 2, 6)])
def test_a_loader_that_the_user_made(make_runner: Make, tmp_path: Path, loop: str, workers: int, place: int) -> None:
    def made() -> DataLoader[Any]:
        generator = torch.Generator().manual_seed(4)
        data = Points(pipeline=[jitter])
        return DataLoader(data, batch_size=4, num_workers=workers, generator=generator,
                          sampler=RandomSampler(data, generator=generator))

    changes = dict(train_cfg=LOOPS[loop][0])
    whole = train(make_runner, 'whole', train_dataloader=made(), **changes)
    ours = train(make_runner, 'ours', tmp_path / 'whole' / f'iter_{place}.pth', train_dataloader=made(), **changes)
    assert_same_end(ours, whole, place)


class Stream(IterableDataset[Any]):
    """Samples that only come one after the other."""

    def __iter__(self) -> Iterator[Any]:
        info = torch.utils.data.get_worker_info()
        mine = range(16) if info is None else range(info.id, 16, info.num_workers)
        for index in mine:
            yield dict(inputs=torch.tensor([index / 16, random.random()]), target=torch.rand(1))


@pytest.mark.parametrize('workers', [0, 2])
def test_a_stream_is_read_again(make_runner: Make, tmp_path: Path, workers: int,
                                capsys: pytest.CaptureFixture[str]) -> None:
    def made() -> DataLoader[Any]:
        return DataLoader(Stream(), batch_size=4, num_workers=workers)

    changes = dict(train_cfg=LOOPS['iterations'][0], log_processor=dict(by_epoch=False))
    whole = train(make_runner, 'whole', train_dataloader=made(), **changes)
    capsys.readouterr()
    ours = train(make_runner, 'ours', tmp_path / 'whole' / 'iter_7.pth', train_dataloader=made(), log_level='INFO',
                 **changes)
    assert_same_end(ours, whole, 7)
    assert 'batches are loaded again' in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")  # torchdata's own call
@pytest.mark.parametrize(('workers', 'place'), [(0, 2), (0, 4), (2, 7)])
def test_a_stateful_loader(make_runner: Make, tmp_path: Path, place: int, workers: int) -> None:
    stateful = pytest.importorskip('torchdata.stateful_dataloader', reason='torchdata is not installed')

    def made() -> Any:
        data = Points(pipeline=[counted])
        return stateful.StatefulDataLoader(data, batch_size=4, num_workers=workers, shuffle=True)

    whole = train(make_runner, 'whole', train_dataloader=made())
    ours = train(make_runner, 'ours', tmp_path / 'whole' / f'iter_{place}.pth', train_dataloader=made())
    assert_same_end(ours, whole, place)


# The process itself ---------------------------------------------------------------------------------------------------


def test_the_generators_of_the_process_are_left_alone() -> None:
    from mmengine.runner import Runner
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    plain = DataLoader(Points(pipeline=[counted]), batch_size=4)
    list(plain)
    before = random.random(), np.random.rand(), torch.rand(1)
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    list(Runner.build_dataloader(dict(loader(0), dataset=Points(pipeline=[counted])), seed=1))
    assert (random.random(), np.random.rand(), torch.rand(1)) == before


def test_the_users_objects_stay_what_they_are() -> None:
    data = Points(pipeline=[counted])
    sampler = DefaultSampler(data)
    own = DataLoader(data, batch_size=4, sampler=sampler)
    built = Runner.build_dataloader(own)
    assert built is own
    assert isinstance(built, DataLoader)
    assert built.dataset is data
    assert built.sampler is sampler
    assert type(built.batch_sampler) is BatchSampler
    assert len(built) == 4

    class Own(DataLoader[Any]):
        pass

    kept = Own(data)
    assert type(Runner.build_dataloader(kept)) is Own


def test_batches_of_other_ranks_and_passes_differ(make_runner: Make) -> None:
    from mmengine.dataset.worker_seeds import batch_seed
    seeds = {batch_seed(key, rank, batch) for key in range(10) for rank in range(10) for batch in range(100)}
    assert len(seeds) == 10_000
    assert all(0 <= seed < 2 ** 64 for seed in seeds)


class Whole(Dataset[Any]):
    """Reads a batch at once."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> float:
        return random.random() + float(np.random.rand()) + float(torch.rand(1))

    def __getitems__(self, indices: list[int]) -> list[float]:
        return [self[index] for index in np.array(indices)]


@pytest.mark.parametrize('batch_size', [2, None])
def test_every_way_to_read(batch_size: int | None) -> None:
    def read(start: int) -> list[Any]:
        torch.manual_seed(5)
        own = Runner.build_dataloader(DataLoader(Whole(), batch_size=batch_size, num_workers=1, shuffle=True))
        return [batch.tolist() if batch_size else batch for batch in own.iter_from(start, 0)]

    whole = read(0)
    assert len({str(batch) for batch in whole}) == len(whole)
    assert read(3) == whole[3:]


def test_workers_have_ended_before_others_start(make_runner: Make) -> None:
    """Starting a loader over used to need two seconds of sleep, because both were there at once."""
    class Watch(Hook):
        most = 0

        def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
            self.most = max(self.most, len(multiprocessing.active_children()))

    for persistent in (False, True):
        runner = make_runner(f'run_{persistent}', custom_hooks=[Watch()], param_scheduler=None, val_dataloader=None,
                             val_cfg=None, val_evaluator=None, train_cfg=dict(by_epoch=False, max_iters=ITERS),
                             train_dataloader=loader(2, persistent_workers=persistent))
        runner.train()
        assert hook_of(runner, Watch).most == 2
        assert multiprocessing.active_children() == []
