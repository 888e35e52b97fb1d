"""Training whose parameters are spread over two ranks: its result, its checkpoints, and who can read them."""
from __future__ import annotations

import importlib.util
import inspect
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.distributed.fsdp import (
    BackwardPrefetch,
    CPUOffload,
    FullyShardedDataParallel,
    MixedPrecision,
    ShardingStrategy,
)

from mmengine._strategy import FSDPStrategy
from mmengine._strategy.fsdp_options import options_of, units_of
from mmengine.checkpoint import BrokenCheckpointError, CheckpointLoader, export_checkpoint, find_whole_checkpoint
from mmengine.registry import STRATEGIES

OnRanks = Callable[..., list[str]]
PROGRAM = Path(__file__).parent / 'programs' / 'fsdp_on_ranks.py'
#: Sums over two ranks are rounded in another order than those of one process.
CLOSE = dict(rtol=1e-5, atol=1e-6)


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory, on_ranks: OnRanks) -> Path:
    """All runs of the two ranks."""
    path = tmp_path_factory.mktemp('fsdp')
    on_ranks(PROGRAM.name, path, 'full=adam', 'full_again=adam:full/iter_10.pth', 'sharded=sharded-adam',
             'sharded_again=sharded-adam:sharded/iter_10.pth', 'accumulate=sgd-accumulate-sharded',
             'accumulate_again=sgd-accumulate-sharded:accumulate/iter_5.pth',
             'average=adam-ema-keep', 'average_again=adam-ema-keep:average/iter_10.pth',
             'parts=adam-ema-meta-sharded', 'parts_again=adam-ema-meta-sharded:parts/iter_10.pth',
             'later=sharded-adam-async', 'later_again=sharded-adam-async:later/iter_10.pth',
             'build=build', 'ready=ready')
    return path


@pytest.fixture(scope='module')
def single() -> Any:
    """The program as a module, whose runs are then those of one process."""
    spec = importlib.util.spec_from_file_location('fsdp_on_ranks', PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.register()
    return module


def end_of(folder: Path, name: str, rank: int = 0) -> Any:
    return torch.load(folder / f'{name}_{rank}.pth', weights_only=True)


def assert_close(one: Any, other: Any) -> None:
    for name, value in one['weights'].items():
        torch.testing.assert_close(value, other['weights'][name], **CLOSE)
    assert one['mean'] == pytest.approx(other['mean'], rel=1e-5)
    torch.testing.assert_close(one['norms'], other['norms'][-len(one['norms']):], **CLOSE)


@pytest.mark.filterwarnings('ignore:.*Dataset.*')
@pytest.mark.parametrize(('name', 'case'), [('full', 'adam'), ('sharded', 'adam'), ('accumulate', 'sgd-accumulate'),
                                             ('average', 'adam-ema'), ('parts', 'adam-ema')])
def test_the_end_is_that_of_one_process(folder: Path, single: Any, tmp_path: Path, name: str, case: str) -> None:
    whole = single.run(str(tmp_path), case)
    first, second = end_of(folder, name), end_of(folder, name, 1)
    assert_close(first, whole)
    assert first['held'] + second['held'] == whole['held']
    assert second['held'] > 0


@pytest.mark.parametrize('name', ['full', 'sharded', 'accumulate', 'average', 'parts', 'later'])
@pytest.mark.parametrize('rank', [0, 1])
def test_resumed_by_as_many_ranks_bit_for_bit(folder: Path, name: str, rank: int) -> None:
    """`accumulate` stops within a group of accumulated gradients."""
    ours, whole = end_of(folder, f'{name}_again', rank), end_of(folder, name, rank)
    assert all(torch.equal(ours['weights'][key], value) for key, value in whole['weights'].items())
    assert ours['norms'][-2:] == whole['norms'][-2:]


@pytest.mark.parametrize('name', ['full', 'sharded'])
def test_resumed_by_one_process(folder: Path, single: Any, tmp_path: Path, name: str) -> None:
    ours = single.run(str(tmp_path), 'adam', str(folder / name / 'iter_10.pth'))
    assert_close(ours, end_of(folder, name))


@pytest.mark.parametrize('case', ['build', 'ready'])
def test_a_model_that_no_rank_ever_held_whole(folder: Path, single: Any, tmp_path: Path, case: str) -> None:
    """It starts from the numbers of one that is built whole, to the bit, and so do all random numbers after it.

    `ready` is on the device 'meta', and asks its modules for their numbers again.
    """
    whole = single.build(str(tmp_path), case)
    for rank in (0, 1):
        ours = end_of(folder, case, rank)
        assert ours['weights'].keys() == whole['weights'].keys()
        assert [name for name, value in whole['weights'].items() if not torch.equal(value, ours['weights'][name])] == []
        assert torch.equal(ours['next'], whole['next'])
        assert len(ours['spread']) > len(whole['weights']) / 2
        assert ours['tied']
    if case == 'ready':
        assert "neither reset_parameters of their module nor init_weights gives ['drawn'] a value" in ours['error']


@pytest.mark.skipif(not os.environ.get('MMENGINE_FULL'), reason='MMENGINE_FULL is not set')
def test_resumed_by_four_ranks(folder: Path, on_ranks: OnRanks) -> None:
    runs = [f'{name}_by_four={name}-adam:{name}/iter_10.pth' for name in ('full', 'sharded')]
    on_ranks(PROGRAM.name, folder, *runs, ranks=4)
    for name in ('full', 'sharded'):
        assert_close(end_of(folder, f'{name}_by_four'), end_of(folder, name))


def test_both_forms_hold_the_same(folder: Path) -> None:
    full, sharded = (CheckpointLoader.load_checkpoint(str(folder / name / 'iter_12.pth'))
                     for name in ('full', 'sharded'))
    assert full.keys() == sharded.keys()
    assert full['state_dict']._metadata == sharded['state_dict']._metadata
    assert full['state_dict']._metadata['head'] == dict(version=1)
    assert (folder / 'full' / 'iter_12.pth').is_file()
    assert (folder / 'sharded' / 'iter_12.pth').is_dir()
    for name, value in full['state_dict'].items():
        assert torch.equal(sharded['state_dict'][name], value)
    for index, state in full['optimizer']['state'].items():
        for name, value in state.items():
            assert torch.equal(sharded['optimizer']['state'][index][name], value)


def test_shards_that_a_thread_of_each_rank_wrote(folder: Path) -> None:
    """The same as those that the training waited for, though it has gone on meanwhile."""
    for step in (10, 12):
        later, waited = (CheckpointLoader.load_checkpoint(str(folder / name / f'iter_{step}.pth'))
                         for name in ('later', 'sharded'))
        assert all(torch.equal(later['state_dict'][name], value) for name, value in waited['state_dict'].items())
        for index, state in waited['optimizer']['state'].items():
            assert all(torch.equal(later['optimizer']['state'][index][name], value) for name, value in state.items())
    assert find_whole_checkpoint(str(folder / 'later')) == (str(folder / 'later' / 'iter_12.pth'), [])


def test_killed_after_all_shards_and_before_the_record(on_ranks: OnRanks, folder: Path, single: Any,
                                                       tmp_path: Path) -> None:
    """The former step is valid, and the run that goes on from it ends like one that was never killed."""
    on_ranks(PROGRAM.name, tmp_path, 'killed=sharded-adam-async', expected=-9)
    run = tmp_path / 'killed'
    unfinished, = run.glob('.iter_10.pth.*.tmp')
    assert {path.name for path in (unfinished / 'shards').iterdir()} == {'.metadata', '__0_0.distcp', '__1_0.distcp'}
    assert not (unfinished / 'whole.json').exists()
    found, problems = find_whole_checkpoint(str(run))
    assert (found, problems) == (str(run / 'iter_5.pth'), [])
    assert_close(single.run(str(tmp_path / 'on'), 'adam', found), end_of(folder, 'sharded'))


def test_shards_with_an_average_are_exported(folder: Path, single: Any, tmp_path: Path) -> None:
    end = end_of(folder, 'parts')['weights']
    for weights, begin in (('averaged', 'average/module.'), ('trained', '')):
        export_checkpoint(folder / 'parts', tmp_path / 'out.safetensors', weights=weights)
        for name, value in load_file(tmp_path / 'out.safetensors').items():
            assert torch.equal(value, end[begin + name])
    export_checkpoint(folder / 'parts' / 'iter_10.pth', tmp_path / 'out.pth')
    assert_close(single.run(str(tmp_path / 'on'), 'adam-ema', str(tmp_path / 'out.pth')), end_of(folder, 'parts'))


def test_older_ones_are_removed(folder: Path) -> None:
    for name in ('full', 'sharded', 'later'):
        assert sorted(path.name for path in (folder / name).glob('*.pth')) == ['iter_10.pth', 'iter_12.pth']
        assert not list((folder / name).glob('.*.tmp'))


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ('true',)


def test_damaged_shards(folder: Path, tmp_path: Path) -> None:
    """The newest is passed over where a byte is another, a file is missing or the record was not written."""
    def copied() -> Path:
        shutil.rmtree(tmp_path / 'run', ignore_errors=True)
        shutil.copytree(folder / 'sharded', tmp_path / 'run')
        (tmp_path / 'run' / 'last_checkpoint').write_text(str(tmp_path / 'run' / 'iter_12.pth'))
        return tmp_path / 'run' / 'iter_12.pth'

    assert find_whole_checkpoint(str(copied().parent)) == (str(tmp_path / 'run' / 'iter_12.pth'), [])
    shard = copied() / 'shards' / '__1_0.distcp'
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    found, (problem,) = find_whole_checkpoint(str(tmp_path / 'run'))
    assert found == str(tmp_path / 'run' / 'iter_10.pth')
    assert '__1_0.distcp' in problem
    for name in ('whole.json', 'rest.pth', 'shards/__0_0.distcp'):
        (copied() / name).unlink()
        assert find_whole_checkpoint(str(tmp_path / 'run'))[0] == str(tmp_path / 'run' / 'iter_10.pth')
    (copied() / 'whole.json').unlink()
    with pytest.raises(BrokenCheckpointError, match=r'whole\.json is written last, and is not there'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'run' / 'iter_12.pth'))


def test_a_description_that_would_run_code(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / 'sharded' / 'iter_12.pth', tmp_path / 'evil.pth')
    (tmp_path / 'evil.pth' / 'shards' / '.metadata').write_bytes(pickle.dumps(Evil()))
    with pytest.raises(BrokenCheckpointError, match=r'holds posix\.system, which does not belong there'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'evil.pth'))


def test_no_path_of_the_machine_is_in_it(folder: Path) -> None:
    checkpoint = folder / 'sharded' / 'iter_12.pth'
    assert str(folder).encode() not in (checkpoint / 'shards' / '.metadata').read_bytes()
    assert json.loads((checkpoint / 'whole.json').read_text()).keys() == {
        'rest.pth', 'shards/.metadata', 'shards/__0_0.distcp', 'shards/__1_0.distcp'}


# Options --------------------------------------------------------------------------------------------------------------


def test_options_of_the_first_fsdp() -> None:
    options = options_of(dict(
        type='MMFullyShardedDataParallel', sharding_strategy='SHARD_GRAD_OP', use_orig_params=True,
        mixed_precision=dict(param_dtype='bfloat16', reduce_dtype=torch.float32), cpu_offload=True))
    assert options['reshard_after_forward'] is False
    assert (options['mp_policy'].param_dtype, options['mp_policy'].reduce_dtype) == (torch.bfloat16, torch.float32)
    assert type(options['offload_policy']).__name__ == 'CPUOffloadPolicy'
    plain = options_of({})
    assert plain['reshard_after_forward'] is True
    assert type(plain['offload_policy']).__name__ == 'OffloadPolicy'


@pytest.mark.parametrize(('wrapper', 'text'), [
    (dict(sharding_strategy='NO_SHARD'), "should be one of .*'NO_SHARD': DDPStrategy keeps the whole model"),
    (dict(process_group=None), 'process_group of FSDPStrategy means nothing to fully_shard: the parameters are spread'),
    (dict(shardingstrategy=1), "no option 'shardingstrategy' in model_wrapper. Did you mean 'sharding_strategy'"),
    (dict(sharding_strategy='HYBRID_SHARD'), "'HYBRID_SHARD': the parameters are spread over all ranks, not"),
    (dict(sharding_strategy='FULL_SHART'), "'FULL_SHART'. Did you mean 'FULL_SHARD'"),
    (dict(cpu_offload=dict(offload_parms=True)), "cpu_offload .* got 'offload_parms'. Did you mean 'offload_params'"),
    (dict(mixed_precision=dict(buffer_dtype='float16')), "takes .* but got 'buffer_dtype': buffers keep their dtype"),
    (dict(mixed_precision=MixedPrecision(buffer_dtype=torch.half)), "got 'buffer_dtype': buffers keep their dtype"),
    (dict(mixed_precision='bfloat16'), "mixed_precision of FSDPStrategy should be a dict .* but got 'bfloat16'"),
    (dict(mixed_precision=dict(param_dtype='bf16')), "param_dtype should be a dtype of torch .* but got 'bf16'")])
def test_mistakes_in_options(wrapper: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        options_of(wrapper)


def test_each_argument_of_the_first_fsdp_is_mapped_or_refused_with_the_reason() -> None:
    taken = dict(sharding_strategy=ShardingStrategy.FULL_SHARD, cpu_offload=CPUOffload(True), auto_wrap_policy=None,
                 backward_prefetch=BackwardPrefetch.BACKWARD_PRE, mixed_precision=MixedPrecision(torch.bfloat16),
                 device_id=0, sync_module_states=True, forward_prefetch=True, limit_all_gathers=True,
                 use_orig_params=True)
    options = options_of(taken)
    assert options['mp_policy'].param_dtype is torch.bfloat16
    refused = inspect.signature(FullyShardedDataParallel).parameters.keys() - taken.keys()
    assert len(refused) == 6
    for name in refused:
        with pytest.raises(ValueError, match=f'model_wrapper.{name} of FSDPStrategy means nothing to fully_shard: '):
            options_of({name: None})


def test_units() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 8), nn.ReLU()))
    assert list(units_of(model, {})) == []
    assert [type(unit) for unit in units_of(model, dict(modules=['1', 'ReLU']))] == [nn.ReLU, nn.Sequential]

    def large(module: nn.Module, recurse: bool, nonwrapped_numel: int, least: int = 10) -> bool:
        return nonwrapped_numel >= least

    assert len(list(units_of(model, dict(auto_wrap_policy=dict(type=large, least=20))))) == 2
    with pytest.raises(ValueError, match="no submodule or class 'Liner'. Did you mean 'Linear'"):
        list(units_of(model, dict(modules=['Liner'])))
    with pytest.raises(ValueError, match="auto_wrap_policy .* but got 'nothing'"):
        list(units_of(model, dict(auto_wrap_policy='nothing')))


def test_the_strategy_without_ranks(tmp_path: Path) -> None:
    assert STRATEGIES.get('FSDPStrategy') is FSDPStrategy
    strategy = FSDPStrategy(work_dir=str(tmp_path), state_dict_cfg=dict(state_dict_type='FULL_STATE_DICT'))
    with pytest.raises(RuntimeError, match="launcher='pytorch'"):
        strategy.wrap_model(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="state_dict_cfg of FSDPStrategy .* but got 'fulll'. Did you mean 'full'"):
        FSDPStrategy(work_dir=str(tmp_path), state_dict_cfg='fulll')
    with pytest.raises(TypeError, match='state_dict_cfg of FSDPStrategy should be a str, or a dict'):
        FSDPStrategy(work_dir=str(tmp_path), state_dict_cfg=dict(state_dict_type=3))
