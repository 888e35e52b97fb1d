"""Training through DeepSpeed on its CPU accelerator: its result, its checkpoints, and who can read them."""
from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mmengine._strategy import DeepSpeedStrategy
from mmengine._strategy.deepspeed import DeepSpeedOptimWrapper, MMDeepSpeedEngineWrapper
from mmengine._strategy.deepspeed_options import check_options, engine_config, take_from_wrapper
from mmengine._strategy.deepspeed_state import load_whole_optimizer
from mmengine.checkpoint import CheckpointLoader
from mmengine.model import BaseModel
from mmengine.registry import MODEL_WRAPPERS, OPTIM_WRAPPERS, STRATEGIES

OnRanks = Callable[..., list[str]]
PROGRAMS = Path(__file__).parent / 'programs'
needs_deepspeed = pytest.mark.skipif(importlib.util.find_spec('deepspeed') is None,
                                     reason='deepspeed is not installed: nox -s deepspeed')
#: Sums over ranks are rounded in another order than those of one process.
CLOSE = dict(rtol=1e-5, atol=1e-6)
#: A number of bfloat16 has 8 bits: twelve updates by 0.02 with gradients that are off by some 2**-8 of themselves.
CLOSE_16 = dict(rtol=0, atol=12 * 0.02 * 2 ** -5)

PLAIN = {'adam': 'adam', 'sum': 'sgd-accumulate', 'five': 'sgd-five', 'groups': 'adam-groups', 'frozen': 'adam-frozen'}
#: The name of each run on two ranks, its case, and the run of one process that it has to end like.
RUNS = {
    'z0': ('zero0-adam', 'adam'), 'z1': ('zero1-adam', 'adam'), 'z2': ('zero2-adam', 'adam'),
    'z3': ('zero3-adam', 'adam'), 'sum2': ('zero2-sgd-accumulate', 'sum'), 'sum3': ('zero3-sgd-accumulate', 'sum'),
    'five1': ('zero1-sgd-five', 'five'), 'five3': ('zero3-sgd-five', 'five'),
    'groups1': ('zero1-adam-groups', 'groups'), 'groups3': ('zero3-adam-groups', 'groups'),
    'frozen2': ('zero2-adam-frozen', 'frozen'), 'frozen3': ('zero3-adam-frozen', 'frozen'),
}
HALF = {'half1': 'zero1-bf16-adam', 'half2': 'zero2-bf16-adam', 'half3': 'zero3-bf16-adam'}
#: Runs that go on from the tenth iteration of another; five1 would be in the middle of a group there.
AGAIN = {name: case for name, (case, _) in RUNS.items() if 'five' not in name and 'frozen' not in name} | HALF
#: The same by other stages, strategies and numbers of ranks: ranks, case, and whose checkpoint.
OTHERS = {
    'z3_by_z1': (2, 'zero1-adam', 'z3'), 'z1_by_z3': (2, 'zero3-adam', 'z1'), 'adam_by_z3': (2, 'zero3-adam', 'adam'),
    'adam_by_z2': (2, 'zero2-adam', 'adam'), 'z3_by_fsdp': (2, 'adam', 'z3'), 'z3_by_one': (1, 'zero3-adam', 'z3'),
    'z2_by_one': (1, 'zero1-adam', 'z2'), 'z3_by_plain': (1, 'adam', 'z3'), 'z1_by_plain': (1, 'adam', 'z1'),
    'z3_by_four': (4, 'zero3-adam', 'z3'), 'z1_by_four': (4, 'zero1-adam', 'z1'),
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory, on_ranks: OnRanks) -> Path:
    """All runs, those of a group of ranks in one start."""
    pytest.importorskip('deepspeed', reason='deepspeed is not installed: nox -s deepspeed')
    path = tmp_path_factory.mktemp('deepspeed')

    def others(ranks: int) -> list[str]:
        chosen = [f'{name}={case}:{source}/iter_10.pth' for name, (number, case, source) in OTHERS.items()
                  if number == ranks]
        return sorted(chosen, key=lambda run: 'zero' in run)  # a process group, once there, stays

    program = 'deepspeed_on_ranks.py'
    on_ranks(program, path, *(f'{name}={case}' for name, case in PLAIN.items()), ranks=1)
    cases = {name: case for name, (case, _) in RUNS.items()} | HALF
    on_ranks(program, path, *(f'{name}={case}' for name, case in cases.items()),
             *(f'{name}_again={case}:{name}/iter_10.pth' for name, case in AGAIN.items()), *others(2))
    on_ranks(program, path, *others(1), ranks=1)
    on_ranks(program, path, *others(4), ranks=4)
    return path


def end_of(folder: Path, name: str, rank: int = 0) -> Any:
    return torch.load(folder / f'{name}_{rank}.pth', weights_only=True)


def assert_close(one: Any, other: Any, **tolerance: Any) -> None:
    for name, value in one['weights'].items():
        torch.testing.assert_close(value.float(), other['weights'][name].float(), **tolerance)
    assert one['lr'] == other['lr']


@needs_deepspeed
@pytest.mark.parametrize('name', RUNS)
def test_the_end_is_that_of_one_process(folder: Path, name: str) -> None:
    ours, whole = end_of(folder, name), end_of(folder, RUNS[name][1])
    assert_close(ours, whole, **CLOSE)
    assert ours['mean'] == pytest.approx(whole['mean'], rel=1e-5, abs=1e-6)
    if name != 'z0':  # without ZeRO, DeepSpeed does not tell the norm
        torch.testing.assert_close(ours['norms'], whole['norms'], **CLOSE)


@needs_deepspeed
@pytest.mark.parametrize('name', HALF)
def test_the_end_in_bfloat16(folder: Path, name: str) -> None:
    ours = end_of(folder, name)
    assert {value.dtype for key, value in ours['weights'].items() if key != 'calls'} == {torch.bfloat16}
    assert_close(ours, end_of(folder, 'adam'), **CLOSE_16)


@needs_deepspeed
def test_what_a_rank_holds(folder: Path) -> None:
    whole = end_of(folder, 'adam')
    for name in ('z1', 'z2', 'z3'):
        held = [end_of(folder, name, rank) for rank in (0, 1)]
        # Each of 6 parameters, or all of them together, is filled up to what the ranks can divide.
        assert all(rank['held_state'] <= whole['held_state'] / 2 + 2 * 6 for rank in held)
        assert all((rank['held'] < whole['held'] * 0.6) == (name == 'z3') for rank in held)


@needs_deepspeed
@pytest.mark.parametrize('name', AGAIN)
@pytest.mark.parametrize('rank', [0, 1])
def test_resumed_by_as_many_ranks_bit_for_bit(folder: Path, name: str, rank: int) -> None:
    ours, whole = end_of(folder, f'{name}_again', rank), end_of(folder, name, rank)
    assert all(torch.equal(ours['weights'][key], value) for key, value in whole['weights'].items())
    assert ours['norms'][-2:] == whole['norms'][-2:]


@needs_deepspeed
@pytest.mark.parametrize('name', OTHERS)
def test_resumed_by_others(folder: Path, name: str) -> None:
    """By another stage, number of ranks or strategy."""
    assert_close(end_of(folder, name), end_of(folder, OTHERS[name][2]), **CLOSE)


@needs_deepspeed
@pytest.mark.parametrize('name', ['z1', 'z3', 'half3'])
def test_checkpoints_are_plain_files(folder: Path, name: str) -> None:
    """A plain model loads them, and their weights are as precise as the training was."""
    spec = importlib.util.spec_from_file_location('fsdp_on_ranks', PROGRAMS / 'fsdp_on_ranks.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    checkpoint = CheckpointLoader.load_checkpoint(str(folder / name / 'iter_12.pth'))
    assert {value.dtype for value in checkpoint['state_dict'].values()} == {torch.float32}
    model = module.Sum()
    model.load_state_dict(checkpoint['state_dict'], strict=True)
    for key, value in end_of(folder, name)['weights'].items():
        assert torch.equal(model.state_dict()[key].to(value.dtype), value)
    plain = CheckpointLoader.load_checkpoint(str(folder / 'adam' / 'iter_12.pth'))
    assert checkpoint['optimizer'].keys() == plain['optimizer'].keys()
    assert checkpoint['optimizer']['state'].keys() == plain['optimizer']['state'].keys()
    assert checkpoint['optimizer']['param_groups'][0]['params'] == plain['optimizer']['param_groups'][0]['params']


@needs_deepspeed
@pytest.mark.parametrize('name', ['frozen2', 'frozen3'])
def test_frozen_weights_left_out(folder: Path, name: str) -> None:
    names = set(CheckpointLoader.load_checkpoint(str(folder / name / 'iter_12.pth'))['state_dict'])
    assert names == {'body.2.weight', 'body.2.bias', 'head.weight', 'head.bias', 'calls'}


# Options --------------------------------------------------------------------------------------------------------------


def test_the_config(tmp_path: Path) -> None:
    file = tmp_path / 'zero.json'
    file.write_text('{"zero_optimization": {"stage": 1}, "gradient_clipping": "auto", "steps_per_print": 7}')
    config = engine_config(str(file), dict(zero_optimization=dict(stage=3), fp16=None, gradient_accumulation_steps=2))
    assert config == dict(
        zero_optimization=dict(stage=3), steps_per_print=7, gradient_accumulation_steps=2,
        train_micro_batch_size_per_gpu=1, zero_allow_untested_optimizer=True, zero_force_ds_cpu_optimizer=False)
    assert 'train_micro_batch_size_per_gpu' not in engine_config(dict(train_batch_size=8), {})
    with pytest.raises(FileNotFoundError, match="config of DeepSpeedStrategy: there is no file 'nowhere.json'"):
        engine_config('nowhere.json', {})
    with pytest.raises(TypeError, match='should be the path of a JSON or YAML file or a dict, but got 3'):
        engine_config(3, {})  # type: ignore[arg-type]  # the mistake


def test_what_the_wrapper_hands_over() -> None:
    config: dict[str, Any] = dict(gradient_accumulation_steps=1)
    wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1), accumulative_counts=4,
                   clip_grad=dict(max_norm=0.5, norm_type=2))
    assert take_from_wrapper(wrapper, config) == dict(type='DeepSpeedOptimWrapper', optimizer=wrapper['optimizer'])
    assert config == dict(gradient_accumulation_steps=4, gradient_clipping=0.5)
    assert len(wrapper) == 4
    with pytest.raises(ValueError, match='gradient_accumulation_steps=4 of .* and accumulative_counts=2 of'):
        take_from_wrapper(dict(wrapper, accumulative_counts=2), config)
    with pytest.raises(ValueError, match=r"should be dict\(max_norm=\.\.\.\), but got {'type': 'value'"):
        take_from_wrapper(dict(wrapper, clip_grad=dict(type='value', clip_value=1)), config)
    with pytest.raises(ValueError, match='AmpOptimWrapper.*mixed precision is fp16='):
        take_from_wrapper(dict(wrapper, type='AmpOptimWrapper'), config)


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert STRATEGIES.get('DeepSpeedStrategy') is DeepSpeedStrategy
    assert OPTIM_WRAPPERS.get('DeepSpeedOptimWrapper') is DeepSpeedOptimWrapper
    assert MODEL_WRAPPERS.get('MMDeepSpeedEngineWrapper') is MMDeepSpeedEngineWrapper
    monkeypatch.setitem(sys.modules, 'deepspeed', None)
    with pytest.raises(ImportError, match=r"pip install 'mmparts-engine\[deepspeed\]'"):
        STRATEGIES.build(dict(type='DeepSpeedStrategy', work_dir=str(tmp_path / 'work')))
    assert not (tmp_path / 'work').exists()


@needs_deepspeed
@pytest.mark.filterwarnings('ignore')  # of the import
def test_unknown_options(tmp_path: Path) -> None:
    import deepspeed
    for config, text in (
            (dict(zero_optimisation=dict(stage=1)), "no option 'zero_optimisation'. Did you mean 'zero_optimization'"),
            (dict(zero_optimization=dict(stge=1)), "no option 'stge' in zero_optimization. Did you mean 'stage'"),
            (dict(bf16=dict(enable=True)), "no option 'enable' in bf16. Did you mean 'enabled'"),
            (dict(zero_optimization=dict(offload_param=dict(devise='cpu'))),
             "no option 'devise' in zero_optimization.offload_param. Did you mean 'device'")):
        with pytest.raises(ValueError, match=f'DeepSpeed {deepspeed.__version__}, which is installed, has {text}'):
            check_options(config, deepspeed)
    known = ('train_batch_size', 'optimizer', 'scheduler', 'communication_data_type', 'prescale_gradients', 'fp16',
             'bf16', 'gradient_predivide_factor', 'sparse_gradients', 'amp', 'gradient_clipping', 'zero_optimization',
             'aio', 'zero_allow_untested_optimizer', 'steps_per_print', 'wall_clock_breakdown', 'dump_state',
             'flops_profiler', 'autotuning', 'activation_checkpointing', 'data_efficiency', 'curriculum_learning',
             'tensorboard', 'wandb', 'csv_monitor', 'comms_logger', 'checkpoint',
             'data_types', 'torch_autocast', 'tensor_parallel', 'memory_breakdown', 'zero_force_ds_cpu_optimizer')
    check_options(dict.fromkeys(known, 1), deepspeed)
    strategy = DeepSpeedStrategy(work_dir=str(tmp_path), zero_optimization=dict(stage=2))
    with pytest.raises(RuntimeError, match="launcher='pytorch'"):
        strategy.wrap_model(nn.Linear(2, 2))


# State and wrappers that need no engine -------------------------------------------------------------------------------


@pytest.mark.parametrize(('state', 'text'), [
    (dict(state={}, param_groups=[dict(params=[0, 1])]), r'\[2\] parameters in its groups, but .* has \[1\]'),
    (dict(state={0: dict(exp_avg=torch.zeros(4))}, param_groups=[dict(params=[0])]),
     r"'exp_avg' of parameter 0 of the optimizer in the shape \(4,\), but the parameter has \(3,\)")])
def test_the_state_of_another_model(state: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        load_whole_optimizer(None, [[nn.Parameter(torch.zeros(3))]], state)  # nothing of the optimizer is touched


def test_a_folder_of_deepspeed(tmp_path: Path) -> None:
    (tmp_path / 'iter_5.pth').mkdir()
    (tmp_path / 'iter_5.pth' / 'mp_rank_00_model_states.pt').touch()
    with pytest.raises(ValueError, match=r"a folder of DeepSpeed's own.*zero_to_fp32\.py"):
        DeepSpeedStrategy._read(None, str(tmp_path / 'iter_5.pth'), 'cpu')  # type: ignore[arg-type]  # it needs none


class Half(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1, dtype=torch.bfloat16)

    def forward(self, inputs: Any, weights: Any = None, mode: str = 'tensor') -> Any:
        return [inputs[0].dtype, weights.dtype]


def test_a_model_without_an_engine() -> None:
    model = Half()
    wrapped = MMDeepSpeedEngineWrapper(model=model, inputs_to_half=['inputs'])
    data = dict(inputs=[torch.zeros(2), torch.zeros(2)], weights=torch.zeros(2))
    assert wrapped.val_step(data) == wrapped.test_step(data) == [torch.bfloat16, torch.float32]
    assert wrapped.model is wrapped.module is model
    assert wrapped.layer is model.layer
    assert not wrapped.is_driven
    assert len(list(wrapped.parameters())) == 2
    wrapper = DeepSpeedOptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(ValueError, match='has no engine yet'):
        wrapper.update_params(torch.zeros(1))
    with pytest.raises(ValueError, match='has no engine yet'):
        wrapped.train_step(data, wrapper)
    with pytest.raises(RuntimeError, match='has no DeepSpeed engine yet'):
        wrapped.engine  # noqa: B018  # the mistake
    with pytest.raises(AttributeError, match='nothing'):
        wrapped.nothing  # noqa: B018  # the mistake
