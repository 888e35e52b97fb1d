"""Checkpoints exported to one plain file and to safetensors; those of shards are in the tests of FSDP."""
from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from mmengine.checkpoint import BrokenCheckpointError, export_checkpoint, load_checkpoint, write_checkpoint
from mmengine.runner import Runner

MakeRunner = Callable[..., Runner]


@pytest.fixture
def trained(make_runner: MakeRunner) -> Runner:
    """A run with an average of its weights, which differs from them."""
    runner = make_runner(custom_hooks=[dict(type='EMAHook', momentum=0.1)], train_cfg=dict(by_epoch=True, max_epochs=2))
    runner.train()
    return runner


def average_of(runner: Runner) -> dict[str, torch.Tensor]:
    hook: Any = next(hook for hook in runner.hooks if hasattr(hook, 'ema_model'))
    state: dict[str, torch.Tensor] = hook.ema_model.module.state_dict()
    return state


def assert_same(found: Any, expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.parametrize('suffix', ['.safetensors', '.pth'])
def test_weights_by_choice(trained: Runner, tmp_path: Path, suffix: str) -> None:
    average, own = average_of(trained), trained.model.state_dict()
    assert not torch.equal(average['last.weight'], own['last.weight'])
    for weights, expected in (('default', average), ('averaged', average), ('trained', own)):
        out = tmp_path / f'{weights}{suffix}'
        assert export_checkpoint(trained.work_dir, out, weights=weights) == str(Path(trained.work_dir) / 'epoch_2.pth')
        model: Any = type(trained.model)()
        loaded = load_checkpoint(model, str(out), strict=True)
        assert_same(model.state_dict(), expected)
        if suffix == '.pth':
            assert loaded.keys() == {'meta', 'state_dict'}
            assert loaded['state_dict']._metadata['last'] == dict(version=1)


def test_what_else_is_in_safetensors(trained: Runner, tmp_path: Path) -> None:
    out = tmp_path / 'new' / 'out.safetensors'
    export_checkpoint(trained.work_dir, out)
    assert_same(load_file(out), average_of(trained))
    with safe_open(out, 'pt') as file:
        texts = file.metadata()
    assert texts['format'] == 'pt'
    about = json.loads(texts['meta'])
    assert (about['epoch'], about['iter']) == (2, 12)
    assert "type='LineModel'" in about['cfg']
    assert [path.name for path in out.parent.iterdir()] == ['out.safetensors']


def test_all_of_it_in_one_file_to_resume_from(trained: Runner, make_runner: MakeRunner, tmp_path: Path) -> None:
    export_checkpoint(Path(trained.work_dir) / 'epoch_2.pth', tmp_path / 'out.pth')
    runner = make_runner('again', load_from=str(tmp_path / 'out.pth'), resume=True,
                         custom_hooks=[dict(type='EMAHook', momentum=0.1)],
                         train_cfg=dict(by_epoch=True, max_epochs=2))
    runner.train()
    assert_same(runner.model.state_dict(), trained.model.state_dict())
    assert_same(average_of(runner), average_of(trained))


def test_tied_and_strided_weights(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    state = {**model.state_dict(), 'turned': torch.arange(6.).view(2, 3).t(), 'part': model[0].weight.detach()[1]}
    write_checkpoint(dict(state_dict=state), tmp_path / 'in.pth')
    export_checkpoint(tmp_path / 'in.pth', tmp_path / 'out.safetensors')
    assert_same(load_file(tmp_path / 'out.safetensors'), state)


def test_mistakes(trained: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(nn.Linear(2, 2).state_dict(), tmp_path / 'plain.pth')
    write_checkpoint(dict(state_dict=dict(a=torch.ones(1), extra=dict(b=1))), tmp_path / 'odd.pth')
    with pytest.raises(ValueError, match="suffix of dst should be one of .* 'out.safetensor'. Did you mean"):
        export_checkpoint(tmp_path / 'plain.pth', 'out.safetensor')
    with pytest.raises(ValueError, match="weights should be one of .* 'avaraged'. Did you mean 'averaged'"):
        export_checkpoint(tmp_path / 'plain.pth', tmp_path / 'out.pth', weights='avaraged')
    with pytest.raises(ValueError, match=r"plain.pth' has no averaged weights: no EMAHook"):
        export_checkpoint(tmp_path / 'plain.pth', tmp_path / 'out.pth', weights='averaged')
    with pytest.raises(ValueError, match=r"cannot hold \['extra'\]: .safetensors takes dense tensors only"):
        export_checkpoint(tmp_path / 'odd.pth', tmp_path / 'out.safetensors')
    with pytest.raises(FileNotFoundError, match='nothing.pth'):
        export_checkpoint(tmp_path / 'nothing.pth', tmp_path / 'out.pth')
    (tmp_path / 'cut.safetensors').write_bytes(b'\x10\0\0')
    with pytest.raises(BrokenCheckpointError, match='cut.safetensors'):
        load_checkpoint(nn.Linear(2, 2), str(tmp_path / 'cut.safetensors'))
    monkeypatch.setitem(sys.modules, 'safetensors.torch', None)
    with pytest.raises(ImportError, match=r"pip install 'mmparts-engine\[safetensors\]'"):
        export_checkpoint(tmp_path / 'plain.pth', tmp_path / 'out.safetensors')
    assert not (tmp_path / 'out.safetensors').exists()
    assert not (tmp_path / 'out.pth').exists()
