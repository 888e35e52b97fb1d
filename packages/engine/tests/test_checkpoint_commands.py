"""The command `mmengine checkpoint`, on files, shards and files of others."""
from __future__ import annotations

import hashlib
import json
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file
from torch import nn
from torch.distributed.tensor import DeviceMesh, Replicate, distribute_tensor

from mmengine.checkpoint import read_checkpoint, write_checkpoint
from mmengine.checkpoint.look import TensorFact, look_into
from mmengine.checkpoint.sharded import write_sharded
from mmengine.cli.commands import program
from mmengine.logging import HistoryBuffer

UPSTREAM = Path(__file__).parent / 'data' / 'upstream_0_10_7.pth'


class Shell:
    """What an attacker would put into a file."""

    def __reduce__(self) -> Any:
        return os.mkdir, ('code_ran',)


def run(*args: str, status: int = 0) -> Result:
    result = CliRunner().invoke(program, ['checkpoint', *args], prog_name='mmengine')
    assert result.exit_code == status, (result.output, result.exception)
    return result


def state() -> dict[str, Any]:
    """A checkpoint of a run: weights, two names of one of them among these, an optimizer, and more."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    weights = net.state_dict()
    weights['tied.weight'] = weights['0.weight']
    weights['half'] = torch.ones(2, 2, dtype=torch.bfloat16).t()
    history = HistoryBuffer()
    history.update(0.5)
    return dict(meta=dict(epoch=3, dataset_meta=dict(classes=('a', 'b')), kind=slice(2)), state_dict=weights,
                optimizer=dict(state={0: dict(momentum=torch.zeros(3, 2))}, param_groups=[dict(lr=0.1)]),
                message_hub=dict(log_scalars=OrderedDict(loss=history)))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a checkpoint."""
    monkeypatch.chdir(tmp_path)
    write_checkpoint(state(), 'epoch_3.pth')
    Path('last_checkpoint').write_text('epoch_3.pth')
    return tmp_path


@pytest.fixture
def sharded(folder: Path) -> str:
    """A folder of shards, of one rank."""
    torch.distributed.init_process_group('gloo', store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        saved = state()
        mesh = DeviceMesh('cpu', [0])
        saved['state_dict']['0.weight'] = distribute_tensor(saved['state_dict']['0.weight'], mesh, [Replicate()])
        write_sharded(saved, 'shards_3')
    finally:
        torch.distributed.destroy_process_group()
    return 'shards_3'


def same(one: Any, other: Any) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(value, other[key]) and value.dtype == other[key].dtype for key, value in one.items())


def test_show() -> None:
    lines = [line.split() for line in run('show', 'epoch_3.pth').output.splitlines()]
    assert ['meta.epoch', '3'] in lines
    assert ['state_dict', '9', 'items', '9', '124', 'B'] in lines
    assert ['optimizer', '2', 'items', '1', '24', 'B'] in lines
    assert ['state_dict.0.weight', '3x2', 'float32', '6', '24', 'B'] in lines
    assert ['state_dict.half', '2x2', 'bfloat16', '4', '8', 'B'] in lines
    facts = json.loads(run('show', 'epoch_3.pth', '--key', 'MOMENTUM', '--json').output)
    assert facts['tensors'] == {'optimizer.state.0.momentum': dict(dtype='float32', shape=[3, 2], size=24)}
    assert facts['bytes'] == os.path.getsize('epoch_3.pth')
    assert "Did you mean 'weight'" in run('show', 'epoch_3.pth', '-k', 'wieght', status=2).output


def test_show_agrees_with_what_is_loaded() -> None:
    for path in ('epoch_3.pth', UPSTREAM):
        loaded, seen = read_checkpoint(path), look_into(path)
        assert loaded.keys() == seen.keys()
        assert loaded['meta'].keys() == seen['meta'].keys()
        assert seen['state_dict'] == {
            name: TensorFact(str(value.dtype).removeprefix('torch.'), tuple(value.shape), value.nbytes)
            for name, value in loaded['state_dict'].items()}


def test_dtypes_without_a_storage_of_their_own() -> None:
    torch.save(dict(a=torch.ones(3, dtype=torch.uint16), b=nn.Parameter(torch.ones(2).to(torch.float8_e4m3fn)),
                    c=torch.ones(2, dtype=torch.complex64)), 'a.pth')
    assert look_into('a.pth') == dict(a=('uint16', (3,), 6), b=('float8_e4m3fn', (2,), 2), c=('complex64', (2,), 16))


def test_a_file_that_would_run_code_can_be_shown_and_no_more(folder: Path) -> None:
    torch.save(dict(state_dict=dict(weight=torch.ones(2)), meta=dict(epoch=1, trap=Shell())), 'trap.pth')
    output = run('show', 'trap.pth').output
    assert f'<{os.mkdir.__module__}.mkdir>' in output
    assert ['state_dict.weight', '2', 'float32', '2', '8', 'B'] in [line.split() for line in output.splitlines()]
    for command in (['strip', 'trap.pth'], ['convert', 'trap.pth', 'x.safetensors']):
        assert '--trust' in run(*command, status=1).output
    assert 'BROKEN  trap.pth' in run('verify', 'trap.pth', status=1).output  # it has no checksum
    assert not (folder / 'code_ran').exists()
    run('convert', 'trap.pth', 'x.safetensors', '--trust')
    assert (folder / 'code_ran').exists()


def test_strip(folder: Path) -> None:
    result = run('strip', 'epoch_3.pth', '--out', 'published/net.pth')
    path = folder / result.output.splitlines()[0]
    assert path.name == f'net-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth'
    assert 'left out: message_hub, optimizer' in result.output
    stripped = read_checkpoint(path)
    assert stripped.keys() == {'meta', 'state_dict'}
    assert same(stripped['state_dict'], state()['state_dict'])
    again = run('strip', str(path), '--out', str(path)).output.splitlines()[0]
    assert again == str(path)  # the hash is not added twice
    kept = run('strip', 'epoch_3.pth', '--keep', 'optimizer').output.splitlines()[0]
    assert read_checkpoint(kept).keys() == {'meta', 'state_dict', 'optimizer'}
    write_checkpoint(dict(weight=torch.ones(1)), 'bare.pth')
    assert 'has none of meta, state_dict: it has weight' in run('strip', 'bare.pth', status=2).output


def test_to_safetensors_and_back() -> None:
    result = run('convert', 'epoch_3.pth', 'net.safetensors')
    assert result.output == 'net.safetensors\n'
    assert same(load_file('net.safetensors'), state()['state_dict'])
    assert 'meta.epoch' in run('show', 'net.safetensors').output
    run('convert', 'net.safetensors', 'back.pth')
    back = read_checkpoint('back.pth')
    assert back['meta'] == dict(epoch=3, dataset_meta=dict(classes=['a', 'b']), kind='slice(None, 2, None)')
    assert same(back['state_dict'], state()['state_dict'])
    save_file(dict(weight=torch.ones(2)), 'of_others.safetensors')
    run('convert', 'of_others.safetensors', 'of_others.pth')
    assert read_checkpoint('of_others.pth')['state_dict']['weight'].tolist() == [1, 1]


def test_from_shards(sharded: str) -> None:
    run('verify', sharded)
    assert ['state_dict.0.weight', '3x2', 'float32', '6', '24', 'B'] in [
        line.split() for line in run('show', sharded).output.splitlines()]
    run('convert', sharded, 'one.pth')
    one = read_checkpoint('one.pth')
    assert one.keys() == state().keys()
    assert same(one['state_dict'], state()['state_dict'])
    run('convert', sharded, 'one.safetensors')
    assert same(load_file('one.safetensors'), state()['state_dict'])
    piece = next(Path(sharded, 'shards').glob('*.distcp'))
    piece.write_bytes(piece.read_bytes()[:-1])
    assert f'BROKEN  {sharded}' in run('verify', sharded, status=1).output
    Path(sharded, 'whole.json').unlink()
    assert 'whole.json' in run('verify', sharded, status=1).output
    assert 'whole.json' in run('show', sharded, status=1).output


def test_averaged_weights_can_be_demanded() -> None:
    assert 'has no averaged weights' in run('convert', 'epoch_3.pth', 'x.pth', '--weights', 'averaged', status=2).output
    write_checkpoint({**state(), 'ema_state_dict': {'module.0.weight': torch.zeros(1)}}, 'ema.pth')
    run('convert', 'ema.pth', 'x.safetensors', '--weights', 'averaged')


def test_verify(folder: Path) -> None:
    assert run('verify', '.').output == f'whole   {Path("epoch_3.pth")}: by its checksum\n'
    torch.save(dict(state_dict={}), 'plain.pth')
    run('convert', 'epoch_3.pth', 'net.safetensors')
    verdicts = {one['path']: one for one in json.loads(run('verify', '.', '--json').output)}
    assert verdicts['plain.pth']['text'] == 'it has no checksum, and can be read to its end'
    assert all(one['whole'] for one in verdicts.values())
    data = bytearray(Path('epoch_3.pth').read_bytes())
    data[len(data) // 2] ^= 1
    Path('flipped.pth').write_bytes(data)
    Path('cut.pth').write_bytes(data[:100])
    Path('cut.safetensors').write_bytes(Path('net.safetensors').read_bytes()[:-1])
    Path('last_checkpoint').write_text('epoch_9.pth')
    lines = run('verify', '.', status=1).output.splitlines()
    broken = {line.split()[1].rstrip(':') for line in lines if line.startswith('BROKEN')}
    assert broken == {'flipped.pth', 'cut.pth', 'cut.safetensors', 'last_checkpoint'}
    assert "which is not there" in lines[-1]


def test_what_is_wrong() -> None:
    for command in (['show', 'no.pth'], ['strip', 'no.pth'], ['convert', 'no.pth', 'a.pth'],
                    ['convert', 'no.safetensors', 'a.pth']):
        assert 'there is no such checkpoint file' in run(*command, status=2).output
    assert 'BROKEN  no.pth' in run('verify', 'no.pth', status=1).output
    assert 'the same file' in run('convert', 'epoch_3.pth', './epoch_3.pth', status=2).output
    Path('empty').mkdir()
    assert 'there is no checkpoint in this folder' in run('verify', 'empty', status=1).output
    Path('text.pth').write_text('no checkpoint')
    assert 'is no archive' in run('show', 'text.pth', status=1).output
    assert 'is not a whole checkpoint' in run('strip', 'text.pth', status=1).output
    Path('x.safetensors').write_bytes(b'no file of that kind')
    assert 'is not a whole .safetensors file' in run('convert', 'x.safetensors', 'a.pth', status=1).output
    assert 'is not whole' in run('show', 'x.safetensors', status=1).output
