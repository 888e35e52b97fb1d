"""`ColossalAIStrategy` against what it asks of ColossalAI, and what it says where that cannot be used."""
from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mmengine._strategy import ColossalAIStrategy
from mmengine._strategy.colossalai import ColossalAIModelWrapper, ColossalAIOptimWrapper
from mmengine._strategy.colossalai_options import build_plugin, build_precision
from mmengine.registry import MODEL_WRAPPERS, OPTIM_WRAPPERS, STRATEGIES
from mmengine.runner import Runner

OnRanks = Callable[..., list[str]]
PROGRAMS = Path(__file__).parent / 'programs'
#: The program then takes it, and its plugin of DistributedDataParallel, the only one for CPUs; it does not clip.
IS_INSTALLED = importlib.util.find_spec('colossalai') is not None
#: What stands in its place is torch's own DistributedDataParallel: one rank shows what the strategy asks of it.
RANKS = 2 if IS_INSTALLED or os.environ.get('MMENGINE_FULL') else 1
#: Sums over two ranks are rounded in another order than those of one process.
CLOSE = dict(rtol=1e-5, atol=1e-6)


@pytest.fixture(scope='module')
def programs() -> Iterator[Callable[[str], Any]]:
    """Load a program as a module."""
    def load(name: str) -> Any:
        spec = importlib.util.spec_from_file_location(name, PROGRAMS / f'{name}.py')
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    sys.path.insert(0, str(PROGRAMS))
    yield load
    sys.path.remove(str(PROGRAMS))
    sys.modules.pop('fsdp_on_ranks', None)


@pytest.fixture
def stand_in(programs: Callable[[str], Any]) -> Iterator[Any]:
    """The modules in place of ColossalAI's, for the time of a test."""
    module = programs('colossalai_on_ranks')
    module.install()
    yield module
    for name in [name for name in sys.modules if name.partition('.')[0] == 'colossalai']:
        del sys.modules[name]


@pytest.mark.filterwarnings('ignore:.*Dataset.*')
def test_runs_and_checkpoints(on_ranks: OnRanks, programs: Callable[[str], Any], tmp_path: Path) -> None:
    """The end is that of one process, resuming is exact, and anyone else can load the file."""
    on_ranks('colossalai_on_ranks.py', tmp_path, 'adam=adam', 'adam_again=adam:adam/iter_10.pth',
             'sum=sgd-accumulate', ranks=RANKS)
    task = programs('fsdp_on_ranks')
    task.register()
    for name, case, load_from in (('adam', 'adam', None), ('sum', 'sgd-accumulate', None),
                                  ('adam', 'adam', str(tmp_path / 'adam' / 'iter_10.pth'))):
        cfg = task.config(str(tmp_path / f'{name}_single'), case, load_from)
        if IS_INSTALLED:
            cfg['optim_wrapper'].pop('clip_grad')
        runner = Runner.from_cfg(cfg)
        runner.train()
        ours = torch.load(tmp_path / f'{name}_0.pth')
        for key, value in runner.model.state_dict().items():
            torch.testing.assert_close(ours['weights'][key], value, **CLOSE)
        assert ours['mean'] == pytest.approx(runner.message_hub.get_scalar('val/mean').current(), rel=1e-5)
    for rank in range(RANKS):
        again, ours = (torch.load(tmp_path / f'{name}_{rank}.pth') for name in ('adam_again', 'adam'))
        assert all(torch.equal(again['weights'][key], value) for key, value in ours['weights'].items())


@pytest.mark.skipif(not os.environ.get('MMENGINE_COLOSSALAI'),
                    reason='MMENGINE_COLOSSALAI does not name the folder of an unpacked release of ColossalAI')
def test_the_release_has_what_stands_in_its_place(stand_in: Any) -> None:
    """Every parameter that the stand-in takes is one of the release, in the same place."""
    root = Path(os.environ['MMENGINE_COLOSSALAI'], 'colossalai')
    booster = next(node for node in ast.parse((root / 'booster' / 'booster.py').read_text()).body
                   if isinstance(node, ast.ClassDef) and node.name == 'Booster')
    functions = {node.name: node for node in booster.body if isinstance(node, ast.FunctionDef)}
    functions |= {node.name: node for node in ast.parse((root / 'initialize.py').read_text()).body
                  if isinstance(node, ast.FunctionDef)}
    ours = {name: member for name, member in vars(stand_in.Booster).items()
            if callable(member) and (name == '__init__' or not name.startswith('_'))}
    for name, member in [*ours.items(), ('launch_from_torch', stand_in.launch_from_torch)]:
        taken = list(inspect.signature(member).parameters)
        assert [argument.arg for argument in functions[name].args.args][:len(taken)] == taken
    plugins = (root / 'booster' / 'plugin' / '__init__.py').read_text()
    for plugin in ('GeminiPlugin', 'LowLevelZeroPlugin', 'HybridParallelPlugin', 'TorchDDPPlugin', 'TorchFSDPPlugin'):
        assert plugin in plugins


# What it says ---------------------------------------------------------------------------------------------------------


def test_names() -> None:
    assert STRATEGIES.get('ColossalAIStrategy') is ColossalAIStrategy
    assert OPTIM_WRAPPERS.get('ColossalAIOptimWrapper') is ColossalAIOptimWrapper
    assert MODEL_WRAPPERS.get('CollosalAIModelWrapper') is MODEL_WRAPPERS.get('ColossalAIModelWrapper')
    assert (ColossalAIStrategy.MODEL_DIR, ColossalAIStrategy.OPTIMIZER_DIR, ColossalAIStrategy.SCHEDULER_DIR) == (
        'model', 'optimizer', 'scheduler')


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'colossalai', None)
    with pytest.raises(ImportError, match=r'needs colossalai.*<=2\.5\.1.*FSDPStrategy or DeepSpeedStrategy'):
        STRATEGIES.build(dict(type='ColossalAIStrategy', work_dir=str(tmp_path / 'work')))
    assert not (tmp_path / 'work').exists()


def test_a_release_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'colossalai').mkdir()
    (tmp_path / 'colossalai' / '__init__.py').write_text('from torch import what_was_in_2_5')
    (tmp_path / 'colossalai-0.5.0.dist-info').mkdir()
    (tmp_path / 'colossalai-0.5.0.dist-info' / 'METADATA').write_text(
        'Metadata-Version: 2.1\nName: colossalai\nVersion: 0.5.0\nRequires-Dist: torch<=2.5.1,>=2.2.0\n')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match='0.5.0 is installed, but cannot be imported .*what_was_in_2_5.*asks for '
                                          f'torch<=2.5.1,>=2.2.0, and torch is {torch.__version__.partition("+")[0]}'):
        ColossalAIStrategy(work_dir=str(tmp_path / 'work'))


def test_plugins_and_precisions(stand_in: Any) -> None:
    assert isinstance(build_plugin('torch_ddp'), stand_in.TorchDDPPlugin)
    assert build_plugin(dict(type='TorchDDPPlugin', max_norm=2.0)).max_norm == 2.0
    ready = stand_in.TorchDDPPlugin()
    assert build_plugin(ready) is ready
    with pytest.raises(ValueError, match="ColossalAI 0.5.0 has no plugin 'torch-dpp'. Did you mean 'torch_ddp'"):
        build_plugin('torch-dpp')
    with pytest.raises(ValueError, match=r"TorchDDPPlugin of ColossalAI 0\.5\.0 does not take \['norm'\]"):
        build_plugin(dict(type='torch-ddp', norm=2.0))
    assert build_precision('bf16') == 'bf16'
    with pytest.raises(ValueError, match="should be one of .* but got 'fp61'. Did you mean 'fp16'"):
        build_precision('fp61')
    with pytest.raises(ValueError, match="ColossalAI 0.5.0 has no mixed precision 'Half'"):
        build_precision(dict(type='Half'))


def test_mistakes(stand_in: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ColossalAIStrategy trains on ranks.*launcher='pytorch'"):
        ColossalAIStrategy(work_dir=str(tmp_path), plugin='torch-ddp')
    (tmp_path / 'iter_5.pth' / 'model').mkdir(parents=True)
    with pytest.raises(ValueError, match=r"iter_5\.pth is a folder of ColossalAI's own shards"):
        ColossalAIStrategy._read(ColossalAIStrategy, str(tmp_path / 'iter_5.pth'), 'cpu')  # type: ignore[arg-type]  # no run
    model = ColossalAIModelWrapper(None, nn.Linear(2, 1))
    clipped = dict(optimizer=dict(type='SGD', lr=0.1), clip_grad=dict(max_norm=1))
    with pytest.raises(ValueError, match=r'plugin=dict\(type=\.\.\., max_norm=\.\.\.\)'):
        ColossalAIStrategy.build_optim_wrapper(None, clipped, model)  # type: ignore[arg-type]  # no run
