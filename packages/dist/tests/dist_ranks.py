"""One of several processes that check the same things together: `dist_ranks.py LAUNCHER REPORT [CHECK ...]`.

`test_dist_processes.py` starts it as launchers do. Each rank writes what failed in it to `REPORT/RANK.json`.
"""
import json
import os
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np
import torch

from mmengine import dist

CPU = torch.device('cpu')


def ranks():
    return dist.get_dist_info()


def raises(kind, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except kind as error:
        return str(error)
    raise AssertionError(f'{kind.__name__} was expected')


def check_info():
    rank, world_size = ranks()
    assert dist.is_distributed()
    assert (dist.get_rank(), dist.get_world_size()) == (rank, world_size)
    assert rank == int(os.environ['RANK'])
    assert world_size == int(os.environ['WORLD_SIZE']) > 1
    assert dist.is_main_process() is (rank == 0)
    assert dist.get_backend() == 'gloo'
    assert dist.get_backend(dist.get_default_group()) == 'gloo'
    assert dist.get_comm_device() == CPU
    assert dist.get_default_group() is torch.distributed.group.WORLD
    assert dist.master_only(lambda value: value)(3) == (3 if rank == 0 else None)
    dist.barrier()


def check_local_group():
    rank, world_size = ranks()
    per_node = world_size // 2
    assert dist.get_local_rank() == int(os.environ['LOCAL_RANK'])
    kept = os.environ.pop('LOCAL_RANK')
    assert 'init_local_group' in raises(RuntimeError, dist.get_local_rank)
    assert 'init_local_group' in raises(RuntimeError, dist.get_local_group)
    os.environ['LOCAL_RANK'] = kept
    dist.init_local_group(rank // per_node, per_node)
    assert dist.get_local_size() == per_node
    assert dist.get_local_rank() == rank % per_node
    raises(AssertionError, dist.init_local_group, rank // per_node, per_node)
    data = torch.tensor([float(rank)])
    dist.all_reduce(data, group=dist.get_local_group())
    first = rank // per_node * per_node
    assert data.item() == sum(range(first, first + per_node))


def check_all_reduce():
    rank, world_size = ranks()
    total = sum(range(1, world_size + 1))
    for dtype in (torch.int64, torch.int32, torch.float32, torch.float64):
        data = torch.full((2, 2), rank + 1, dtype=dtype)
        assert dist.all_reduce(data) is None
        assert data.tolist() == [[total, total]] * 2
        assert data.dtype == dtype
        data = torch.full((2, ), rank + 1, dtype=dtype)
        dist.all_reduce(data, 'mean')
        expected = total / world_size if dtype.is_floating_point else total // world_size
        assert data.tolist() == [expected] * 2
        assert data.dtype == dtype
    data = torch.tensor([-1 - 2 * rank])
    dist.all_reduce(data, 'mean')
    assert data.item() == -world_size  # the mean of -1, -3, ...
    for op, expected in {'max': world_size - 1, 'MIN': 0, 'product': 0}.items():
        data = torch.tensor(rank)
        dist.all_reduce(data, op)
        assert data.item() == expected
    data = torch.tensor(1 << rank)
    dist.all_reduce(data, 'bor')
    assert data.item() == (1 << world_size) - 1
    assert 'reduce op should be one of' in raises(ValueError, dist.all_reduce, data, 'median')


def check_all_reduce_of_a_view_and_of_a_parameter():
    rank, world_size = ranks()
    whole = torch.zeros(3, 2)
    column = whole[:, 1]
    column += rank
    dist.all_reduce(column)
    assert whole[:, 1].tolist() == [sum(range(world_size))] * 3
    assert whole[:, 0].tolist() == [0.0] * 3
    parameter = torch.nn.Parameter(torch.tensor([float(rank)]))
    dist.all_reduce(parameter, 'max')
    assert parameter.item() == world_size - 1
    assert parameter.requires_grad


def check_all_reduce_dict():
    rank, world_size = ranks()
    data = {'b': torch.tensor([rank, 1]), 'a': torch.tensor(float(rank)), 'c': torch.ones(2, 2) * rank}
    if rank == 1:  # another order of the keys
        data = dict(reversed(data.items()))
    old = data['b'].clone()
    kept = data['b']
    dist.all_reduce_dict(data, 'max')
    assert data['b'].tolist() == [world_size - 1, 1]
    assert data['b'].dtype == torch.int64
    assert data['a'].item() == world_size - 1
    assert data['a'].shape == ()
    assert data['c'].tolist() == [[world_size - 1.0] * 2] * 2
    assert torch.equal(old, kept)
    raises(AssertionError, dist.all_reduce_dict, [torch.tensor(1)])


def check_all_reduce_params():
    rank, world_size = ranks()
    for coalesce, bucket in ((True, -1), (True, 1), (False, -1)):
        tensors = [torch.full((4, ), rank), torch.full((200_000, ), float(rank)), torch.full((2, 100_000), float(rank)),
                   torch.tensor(float(rank))]
        assert dist.all_reduce_params((tensor for tensor in tensors), coalesce, bucket, op='sum') is None
        for tensor in tensors:
            assert torch.equal(tensor, torch.full_like(tensor, sum(range(world_size))))
    layer = torch.nn.Linear(2, 2)
    for parameter in layer.parameters():
        torch.nn.init.constant_(parameter, rank)
    dist.all_reduce_params(layer.parameters())
    assert all(torch.equal(p, torch.full_like(p, (world_size - 1) / 2)) for p in layer.parameters())
    assert layer(torch.ones(1, 2)).requires_grad


def check_gather():
    rank, world_size = ranks()
    data = torch.tensor([rank, 10 * rank])
    expected = [[other, 10 * other] for other in range(world_size)]
    assert [tensor.tolist() for tensor in dist.all_gather(data)] == expected
    assert [tensor.tolist() for tensor in dist.gather(data)] == (expected if rank == 0 else [])
    assert [tensor.tolist() for tensor in dist.gather(data, 1)] == (expected if rank == 1 else [])
    transposed = torch.arange(6).reshape(2, 3).t() + rank
    assert torch.equal(dist.all_gather(transposed)[1], torch.arange(6).reshape(2, 3).t() + 1)


def check_objects():
    rank, world_size = ranks()
    data = {'rank': rank, 'array': np.arange(rank + 1), 'text': 'x' * 10 ** rank}
    everything = dist.all_gather_object(data)
    assert [item['rank'] for item in everything] == list(range(world_size))
    assert [len(item['array']) for item in everything] == list(range(1, world_size + 1))
    gathered = dist.gather_object(data, 1)
    assert (gathered is None) == (rank != 1)
    if gathered is not None:
        assert [len(item['text']) for item in gathered] == [10 ** other for other in range(world_size)]
    objects = ['a', {1: 2}, None] if rank == 0 else [None] * 3
    assert dist.broadcast_object_list(objects) is None
    assert objects == ['a', {1: 2}, None]
    objects = [rank]
    dist.broadcast_object_list(objects, 1)
    assert objects == [1]
    raises(AssertionError, dist.broadcast_object_list, 'text')


def check_broadcast():
    rank, _ = ranks()
    data = torch.full((3, ), rank)
    dist.broadcast(data, 1)
    assert data.tolist() == [1] * 3
    whole = torch.full((2, 2), rank)
    dist.broadcast(whole[:, 0])
    assert whole.tolist() == [[0, rank]] * 2


def check_sync_random_seed():
    rank, _ = ranks()
    np.random.seed(rank)
    seed = dist.sync_random_seed()
    assert dist.all_gather_object(seed) == [seed] * dist.get_world_size()
    np.random.seed(0)
    assert seed == np.random.randint(2**31)


def check_collect_results():
    rank, world_size = ranks()
    for device in ('cpu', 'gpu'):
        for size in (4 * world_size, 4 * world_size - 1):
            filled_up = [{'index': index % size} for index in range(rank, 4 * world_size, world_size)]
            results = dist.collect_results(filled_up, size, device)
            assert results == ([{'index': index} for index in range(size)] if rank == 0 else None)
    uneven = list(range(rank, 4 * world_size + 1, world_size))
    results = dist.collect_results_cpu(uneven, 4 * world_size + 1, tmpdir='unused')
    assert results == (list(range(4 * world_size + 1)) if rank == 0 else None)
    assert not os.path.exists('unused')
    assert dist.collect_results_gpu([], 0) == ([] if rank == 0 else None)
    raises(NotImplementedError, dist.collect_results, [], 0, 'tape')
    raises(AssertionError, dist.collect_results, [], 0, 'gpu', 'folder')
    raises(TypeError, dist.collect_results, (1, ), 1)


def check_collect_results_of_tensors():
    rank, world_size = ranks()
    weights = torch.arange(6.0).reshape(2, 3).t()
    share = [{'index': index, 'view': weights[1:], 'empty': torch.empty(0, 4), 'number': torch.tensor(index),
              'half': torch.ones(2, dtype=torch.bfloat16), 'bool': torch.tensor([True, False]),
              'complex': torch.tensor([1j]).conj(), 'sparse': torch.eye(2).to_sparse(),
              'parameter': torch.nn.Parameter(torch.ones(1)), 'grad': torch.ones(1, requires_grad=True)}
             for index in range(rank, 6000 * world_size, world_size)]  # more than one piece
    results = dist.collect_results(share, 6000 * world_size)
    assert (results is None) == (rank != 0)
    if results is None:
        return
    assert [result['index'] for result in results] == list(range(6000 * world_size))
    for result in (results[0], results[1], results[-1]):
        assert torch.equal(result['view'], weights[1:])
        assert result['empty'].shape == (0, 4)
        assert result['number'].item() == result['index']
        assert result['half'].dtype == torch.bfloat16
        assert result['half'].tolist() == [1.0, 1.0]
        assert result['bool'].tolist() == [True, False]
        assert result['complex'].tolist() == [-1j]
        assert result['sparse'].is_sparse
        assert isinstance(result['parameter'], torch.nn.Parameter)
        assert result['grad'].requires_grad
    results[1]['view'] += 1  # it can be written to


def check_results_group():
    group = dist.results_group()
    assert group is dist.results_group()
    assert group is not dist.get_default_group()
    assert dist.get_world_size(group) == dist.get_world_size()
    assert group._get_backend(CPU).options._timeout.total_seconds() > 3600


def check_second_start():
    """A process may end its group and start another one: no group of the first is used in the second."""
    rank, world_size = ranks()
    if 'MASTER_PORT' not in os.environ or world_size > 2:
        return
    dist.results_group()
    store = torch.distributed.distributed_c10d._get_default_store()
    prefixed = torch.distributed.PrefixStore('second', store)
    torch.distributed.destroy_process_group()
    assert not dist.is_distributed()
    assert dist.get_dist_info() == (0, 1)
    assert dist.results_group() is None
    torch.distributed.init_process_group('gloo', store=prefixed, rank=rank, world_size=world_size)
    assert dist.collect_results([rank], 2) == ([0, 1] if rank == 0 else None)
    raises(RuntimeError, dist.get_local_group)


CHECKS = {name.removeprefix('check_'): check for name, check in list(globals().items()) if name.startswith('check_')}


def main(launcher, report, *names):
    dist.init_dist(launcher, timeout=60)
    rank = dist.get_rank()
    failed = {}
    for name in names or CHECKS:
        try:
            CHECKS[name]()
            failed[name] = None
        except BaseException:
            failed[name] = traceback.format_exc()
        finally:
            Path(report, f'{rank}.json').write_text(json.dumps(failed))
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    warnings.simplefilter('error')
    main(*sys.argv[1:])
