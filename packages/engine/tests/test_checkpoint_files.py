"""Checkpoint files are whole or not there, and reading one runs no code."""
from __future__ import annotations

import os
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mmengine.checkpoint import (
    BrokenCheckpointError,
    UnsafeCheckpointError,
    find_latest_checkpoint,
    load_checkpoint,
    load_state_dict,
    older_checkpoints,
    read_checkpoint,
    write_checkpoint,
)
from mmengine.checkpoint.loader import _load_checkpoint_with_prefix
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader, save_checkpoint

UPSTREAM = Path(__file__).parent / 'data' / 'upstream_0_10_7.pth'


class RunsCode:
    def __reduce__(self) -> Any:
        return os.system, ('touch ran_code',)


def test_round_trip(tmp_path: Path) -> None:
    history = HistoryBuffer()
    history.update(0.5)
    checkpoint = dict(state_dict=OrderedDict(weight=torch.ones(2)), meta=dict(epoch=1, name='x', nested=[1, (2, 3)]),
                      message_hub=dict(log_scalars=OrderedDict(loss=history)))
    write_checkpoint(checkpoint, tmp_path / 'new folder' / 'a.pth')
    read = read_checkpoint(tmp_path / 'new folder' / 'a.pth')
    assert torch.equal(read['state_dict']['weight'], torch.ones(2))
    assert read['meta'] == checkpoint['meta']
    assert read['message_hub']['log_scalars']['loss'].current() == 0.5
    assert os.listdir(tmp_path / 'new folder') == ['a.pth']


def test_a_checkpoint_of_upstream_is_read_safely() -> None:
    checkpoint = read_checkpoint(UPSTREAM)
    assert checkpoint['meta']['epoch'] == 3
    assert checkpoint['meta']['iter'] == 12
    loss = checkpoint['message_hub']['log_scalars']['train/loss']
    assert len(loss.data[0]) == 12
    assert loss.statistics('mean') == pytest.approx(float(loss.data[0].mean()))
    assert set(checkpoint['state_dict']) == {'l.weight', 'l.bias'}


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(dict(state_dict={}, evil=RunsCode()), tmp_path / 'evil.pth')
    with pytest.raises(UnsafeCheckpointError, match=r"evil.pth.*system.*trusted=True"):
        read_checkpoint(tmp_path / 'evil.pth')
    assert not (tmp_path / 'ran_code').exists()
    read_checkpoint(tmp_path / 'evil.pth', trusted=True)
    assert (tmp_path / 'ran_code').exists()


def test_the_environment_can_say_that_checkpoints_are_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(dict(layer=nn.Linear(1, 1)), tmp_path / 'layer.pth')
    with pytest.raises(UnsafeCheckpointError):
        read_checkpoint(tmp_path / 'layer.pth')
    monkeypatch.setenv('MMENGINE_TRUST_CHECKPOINTS', '1')
    assert isinstance(read_checkpoint(tmp_path / 'layer.pth')['layer'], nn.Linear)


def test_only_statistics_of_histories_can_be_named(tmp_path: Path) -> None:
    class Reaches:
        def __reduce__(self) -> Any:
            return getattr, (HistoryBuffer, '__init__')

    torch.save(dict(evil=Reaches()), tmp_path / 'evil.pth')
    with pytest.raises(UnsafeCheckpointError):
        read_checkpoint(tmp_path / 'evil.pth')


@pytest.mark.parametrize('keep', [0, 10, 1000, -1])
def test_a_cut_off_file_is_said_to_be_so(tmp_path: Path, keep: int) -> None:
    write_checkpoint(dict(state_dict=dict(weight=torch.rand(1000))), tmp_path / 'a.pth')
    whole = (tmp_path / 'a.pth').read_bytes()
    (tmp_path / 'a.pth').write_bytes(whole[:keep])
    with pytest.raises(BrokenCheckpointError, match=r"a.pth' is not a whole checkpoint"):
        read_checkpoint(tmp_path / 'a.pth')


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='nothing.pth'):
        read_checkpoint(tmp_path / 'nothing.pth')


FULL_DISK = '''
import resource, signal, sys, torch
from mmengine.checkpoint import write_checkpoint
write_checkpoint(dict(state_dict=dict(weight=torch.zeros(10))), sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    write_checkpoint(dict(state_dict=dict(weight=torch.zeros(100_000))), sys.argv[1])
except OSError as error:
    print(error)
    sys.exit(7)
'''


def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / 'a.pth'
    done = subprocess.run([sys.executable, '-c', FULL_DISK, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert 'a.pth' in done.stdout
    assert 'could not be written' in done.stdout
    assert 'The file that was there before is whole' in done.stdout
    assert read_checkpoint(path)['state_dict']['weight'].shape == (10,)
    assert os.listdir(tmp_path) == ['a.pth']


def test_the_newest_checkpoint_of_a_folder(tmp_path: Path) -> None:
    assert find_latest_checkpoint(str(tmp_path)) is None
    (tmp_path / 'epoch_2.pth').touch()
    (tmp_path / 'last_checkpoint').write_text('/moved/away/epoch_2.pth')
    assert find_latest_checkpoint(str(tmp_path)) == str(tmp_path / 'epoch_2.pth')


def test_older_checkpoints_come_newest_first_and_best_ones_last(tmp_path: Path) -> None:
    for name in ('epoch_2.pth', 'epoch_10.pth', 'best_acc_epoch_11.pth', 'epoch_9.pth', 'epoch_12.pth'):
        (tmp_path / name).touch()
    names = [Path(path).name for path in older_checkpoints(str(tmp_path / 'epoch_12.pth'))]
    assert names == ['epoch_10.pth', 'epoch_9.pth', 'epoch_2.pth', 'best_acc_epoch_11.pth']


def test_load_checkpoint_takes_the_prefix_of_a_wrapper_away(tmp_path: Path) -> None:
    source, target = nn.Linear(2, 2), nn.Linear(2, 2)
    state = OrderedDict((f'module.{key}', value) for key, value in source.state_dict().items())
    save_checkpoint(dict(state_dict=state), str(tmp_path / 'a.pth'))
    load_checkpoint(target, str(tmp_path / 'a.pth'), strict=True)
    assert torch.equal(source.weight, target.weight)


def test_misfits_are_reported_or_raised() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    state = dict(model.state_dict())
    state['extra'] = state.pop('0.weight')
    del state['1.num_batches_tracked']
    with pytest.raises(RuntimeError, match='(?s)unexpected key in source state_dict: extra.*missing keys.*0.weight'):
        load_state_dict(model, state, strict=True)
    state['0.bias'] = torch.zeros(3)
    with pytest.raises(RuntimeError, match='size mismatch for 0.bias'):
        load_state_dict(model, state, strict=True)


def test_weights_below_a_prefix(tmp_path: Path) -> None:
    save_checkpoint(dict(state_dict={'backbone.a': torch.ones(1), 'head.b': torch.ones(1)}), str(tmp_path / 'a.pth'))
    assert list(_load_checkpoint_with_prefix('backbone', str(tmp_path / 'a.pth'))) == ['a']
    with pytest.raises(AssertionError, match='neck is not in the pretrained model'):
        _load_checkpoint_with_prefix('neck', str(tmp_path / 'a.pth'))


@pytest.mark.parametrize(('path', 'loader'), [
    ('http://a/b.pth', 'load_from_http'), ('https://a/b.pth', 'load_from_http'), ('s3://a/b.pth', 'load_from_ceph'),
    ('open-mmlab:s3://a/b.pth', 'load_from_ceph'), ('a/b.pth', 'load_from_local'), (' s3://a', 'load_from_local'),
    ('modelzoo://a', 'load_from_torchvision'), ('torchvision://a', 'load_from_torchvision'),
    ('open-mmlab://a', 'load_from_openmmlab'), ('openmmlab://a', 'load_from_openmmlab'),
    ('mmcls://a', 'load_from_mmcls'), ('pavi://a', 'load_from_pavi'),
    ('ss3://a', 'load_from_local'), ('openmmlabs3://a', 'load_from_local'), (':s3://a', 'load_from_local')])
def test_the_prefix_chooses_the_loader(path: str, loader: str) -> None:
    assert CheckpointLoader._get_checkpoint_loader(path).__name__ == loader


def test_a_scheme_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CheckpointLoader, '_schemes', dict(CheckpointLoader._schemes))

    @CheckpointLoader.register_scheme(prefixes='mine://')
    def load_from_mine(filename: str, map_location: Any = None) -> dict[str, str]:
        return dict(name=filename)

    assert CheckpointLoader.load_checkpoint('mine://a') == dict(name='mine://a')
    with pytest.raises(KeyError, match='mine://'):
        CheckpointLoader.register_scheme('mine://', load_from_mine)
    CheckpointLoader.register_scheme('mine://', load_from_mine, force=True)


def test_both_kinds_of_backend_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='"file_client_args" and "backend_args" cannot be set at the same time'):
        save_checkpoint({}, str(tmp_path / 'a.pth'), file_client_args=dict(backend='disk'), backend_args={})
    save_checkpoint(dict(a=1), str(tmp_path / 'a.pth'), file_client_args=dict(backend='disk'))
    assert read_checkpoint(tmp_path / 'a.pth') == dict(a=1)
