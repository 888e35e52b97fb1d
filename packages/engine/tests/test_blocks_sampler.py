"""Samplers: division among processes, order, and going on from any position."""
from itertools import islice

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils.data import DataLoader

from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.dataset.sampler import can_seek


def of_rank(sampler, rank, world_size):
    """A sampler as it is in another process."""
    sampler.rank, sampler.world_size = rank, world_size
    if isinstance(sampler, DefaultSampler) and sampler.round_up:
        sampler.num_samples = -(-len(sampler.dataset) // world_size)
        sampler.total_size = sampler.num_samples * world_size
    return sampler


def test_default_sampler_goes_through_the_seeded_permutation():
    sampler = DefaultSampler(range(10), seed=3)
    sampler.set_epoch(2)
    assert list(sampler) == torch.randperm(10, generator=torch.Generator().manual_seed(5)).tolist()
    assert list(DefaultSampler(range(4), shuffle=False)) == [0, 1, 2, 3]
    assert (sampler.rank, sampler.world_size, sampler.num_samples, sampler.total_size) == (0, 1, 10, 10)


def test_default_sampler_pads_from_the_beginning():
    parts = [list(of_rank(DefaultSampler(range(5), shuffle=False), rank, 3)) for rank in range(3)]
    assert parts == [[0, 3], [1, 4], [2, 0]]
    many = [list(of_rank(DefaultSampler(range(2), shuffle=False), rank, 5)) for rank in range(5)]
    assert many == [[0], [1], [0], [1], [0]]


def test_unset_seed_is_drawn():
    assert isinstance(DefaultSampler(range(3)).seed, int)
    assert isinstance(InfiniteSampler(range(3)).seed, int)


@pytest.mark.parametrize('shuffle', [True, False])
def test_default_sampler_goes_on_once(shuffle):
    whole = list(DefaultSampler(range(10), shuffle=shuffle, seed=1))
    sampler = DefaultSampler(range(10), shuffle=shuffle, seed=1)
    sampler.load_state_dict({'epoch': 0, 'start': 4})
    sampler.set_epoch(0)
    assert sampler.state_dict() == {'seed': 1, 'epoch': 0, 'start': 4}
    assert len(sampler) == 10
    assert list(sampler) == whole[4:]
    assert list(sampler) == whole
    sampler.load_state_dict({'epoch': 0, 'start': 4})
    sampler.set_epoch(1)
    assert len(list(sampler)) == 10


def test_infinite_sampler_is_a_stream_of_permutations():
    generator = torch.Generator().manual_seed(7)
    expected = [index for _ in range(3) for index in torch.randperm(5, generator=generator).tolist()]
    sampler = InfiniteSampler(range(5), seed=7)
    assert sampler.size == len(sampler) == 5
    assert list(islice(sampler, 15)) == expected
    assert list(islice(InfiniteSampler(range(2), shuffle=False), 5)) == [0, 1, 0, 1, 0]
    sampler.set_epoch(3)
    parts = [list(islice(of_rank(InfiniteSampler(range(5), seed=7), rank, 2), 7)) for rank in range(2)]
    assert [index for pair in zip(*parts, strict=True) for index in pair] == expected[:14]


@pytest.mark.parametrize('start', [0, 1, 3, 4, 9])
@pytest.mark.parametrize('world_size', [1, 2, 3])
def test_infinite_sampler_goes_on(start, world_size):
    rank = world_size - 1
    whole = list(islice(of_rank(InfiniteSampler(range(5), seed=7), rank, world_size), 20))
    sampler = of_rank(InfiniteSampler(range(5), seed=0), rank, world_size)
    sampler.load_state_dict({'start': start, 'seed': 7})
    assert list(islice(sampler, 6)) == whole[start:start + 6]
    assert (sampler.state_dict()['seed'], sampler.state_dict()['start']) == (7, start + 6)
    assert list(islice(sampler, 2)) == whole[start + 6:start + 8]


def test_infinite_sampler_of_nothing():
    with pytest.raises(ValueError, match='empty'):
        next(iter(InfiniteSampler([])))


@pytest.mark.parametrize('workers', [0, 2])
def test_a_resumed_loader_begins_at_the_right_sample(workers):
    def loader(sampler):
        return DataLoader(range(12), batch_size=3, sampler=sampler, num_workers=workers)

    sampler = DefaultSampler(range(12), seed=5)
    whole = [batch.tolist() for batch in loader(sampler)]
    sampler.load_state_dict({'epoch': 0, 'start': 6})
    assert [batch.tolist() for batch in loader(sampler)] == whole[2:]


class Draws(TorchFunctionMode):
    """Counts the permutations that are drawn."""

    count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.randperm
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(('size', 'world_size'), [(10, 1), (10, 3), (3, 7), (5000, 2)])
def test_infinite_sampler_needs_no_passes_of_before(size, world_size):
    """Drawing from the seed again would take longer the longer a run has been going on."""
    used = 20 * size * 500 // world_size if size < 100 else 6 * size
    sampler = of_rank(InfiniteSampler(range(size), seed=7), world_size - 1, world_size)
    stream = iter(sampler)
    for _ in range(used + 100):  # a loader draws ahead
        next(stream)
    resumed = of_rank(InfiniteSampler(range(size), seed=7), world_size - 1, world_size)
    resumed.load_state_dict(sampler.state_at(used))
    with Draws() as draws:
        found = list(islice(resumed, 110))
    assert found[:100] == list(islice(of_rank(_at(size, used), world_size - 1, world_size), 100))
    assert found[100:] == list(islice(stream, 10))
    assert draws.count <= 2 + (4096 * world_size + 110 * world_size) // size + 1


def _at(size, start):
    sampler = InfiniteSampler(range(size), seed=7)
    sampler.load_state_dict({'start': start})
    return sampler


def test_infinite_sampler_goes_back_and_takes_another_seed():
    sampler = InfiniteSampler(range(10), seed=7)
    begin = list(islice(sampler, 20))
    list(islice(sampler, 30000))
    sampler.seek(0)
    assert list(islice(sampler, 20)) == begin
    sampler.seed = 8
    assert list(islice(sampler, 5)) == list(islice(InfiniteSampler(range(10), seed=8), 25))[20:]


def test_a_subclass_with_an_iteration_of_its_own_is_not_sent_anywhere():
    class Reversed(DefaultSampler):
        def __iter__(self):
            return reversed(range(len(self.dataset)))

    class Renamed(InfiniteSampler):
        pass

    class Both(Reversed):
        def seek(self, position, epoch):
            pass

    assert [can_seek(kind(range(3))) for kind in (DefaultSampler, Renamed, Both)] == [True] * 3
    assert not can_seek(Reversed(range(3)))
    assert not can_seek(torch.utils.data.SequentialSampler(range(3)))
