"""What is read from a checkpoint: what upstream and its libraries put in, nothing that runs code, nothing damaged."""
from __future__ import annotations

import collections
import datetime
import pathlib
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mmengine.checkpoint import (
    BrokenCheckpointError,
    UnsafeCheckpointError,
    check_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from mmengine.checkpoint.files import serialized
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.runner import Runner, save_checkpoint

DATA = Path(__file__).parent / 'data'
STATE = dict(state_dict=dict(weight=torch.arange(3000.), shared=torch.zeros(2)), meta=dict(epoch=1))


class TestOfUpstream:
    """Files written by mmengine 0.10.7, see data/write_with_upstream.py."""

    def test_of_a_run_by_iterations_with_all_kinds_of_values(self) -> None:
        checkpoint = read_checkpoint(DATA / 'upstream_iter.pth')
        meta = checkpoint['meta']
        assert (meta['epoch'], meta['iter']) == (0, 4)
        assert meta['config'].b.c[1].d == 2
        assert meta['when'] == datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
        assert (meta['day'], meta['clock'], meta['took']) == (
            datetime.date(2024, 1, 2), datetime.time(1, 2), datetime.timedelta(seconds=3))
        assert meta['path'].as_posix() == '/a/b'
        assert isinstance(meta['path'], pathlib.PurePath)
        assert meta['counts'] == collections.Counter('aab')
        assert (meta['groups'], meta['recent']) == (dict(a=[1]), [1, 2])
        assert (meta['names'], meta['frozen'], meta['span'], meta['cut']) == ({'a', 'b'}, frozenset('ab'), range(3),
                                                                              slice(1, 2))
        assert meta['scalars'] == [np.float32(1.5), 7, True, 's', np.datetime64('2024-01-01')]
        assert [array.dtype.kind for array in meta['arrays']] == ['i', 'U', 'f']
        hub = checkpoint['message_hub']
        assert isinstance(hub['log_scalars']['train/loss'], HistoryBuffer)
        assert isinstance(hub['runtime_info']['best_score'], np.floating)
        assert 'ema_state_dict' in checkpoint

    def test_with_the_hub_as_an_object(self) -> None:
        hub = read_checkpoint(DATA / 'upstream_hub.pth')['message_hub']
        ours = MessageHub('ours')
        ours.load_state_dict(hub)
        assert len(ours.get_scalar('train/loss').data[0]) == 4

    def test_in_the_format_of_old_releases_of_torch(self) -> None:
        assert set(read_checkpoint(DATA / 'upstream_legacy.pth')['state_dict']) == {'layer.weight', 'layer.bias'}

    @pytest.mark.parametrize('name', ['upstream_iter.pth', 'upstream_hub.pth'])
    def test_a_run_goes_on_from_it(self, make_runner: Callable[..., Runner], tmp_path: Path, name: str) -> None:
        checkpoint = read_checkpoint(DATA / name)
        runner = make_runner('run', train_cfg=dict(by_epoch=False, max_iters=8, val_interval=4), param_scheduler=None,
                             optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.01)), load_from=str(tmp_path / name),
                             resume=True)
        weights = runner.model.state_dict()
        checkpoint['state_dict'] = weights
        optimizer = checkpoint['optimizer']
        optimizer['state'] = {}
        optimizer['param_groups'][0]['params'] = list(range(len(list(runner.model.parameters()))))
        torch.save(checkpoint, tmp_path / name)  # its histories and places as upstream's, the weights of this model
        runner.train()
        assert runner.iter == 8
        assert len(runner.message_hub.get_scalar('train/loss').data[0]) == 8


class RunsCode:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


class TestUnsafe:

    def test_all_that_was_found_is_named(self, tmp_path: Path) -> None:
        torch.save(dict(model=nn.Linear(1, 1), when=datetime.date(2024, 1, 1)), tmp_path / 'model.pth')
        with pytest.raises(UnsafeCheckpointError) as caught:
            read_checkpoint(tmp_path / 'model.pth')
        assert 'torch.nn.modules.linear.Linear' in str(caught.value)
        assert 'datetime' not in str(caught.value)
        assert 'trusted=True' in str(caught.value)

    @pytest.mark.parametrize('legacy', [False, True])
    @pytest.mark.parametrize('call', [(eval, '1'), (getattr, HistoryBuffer, '__init__'), (getattr, str, 'format'),
                                      (shutil.rmtree, '/nowhere'), (print, 'x'), (open, '/nowhere')])
    def test_no_function_is_called(self, tmp_path: Path, call: Any, legacy: bool) -> None:
        torch.save(dict(a=RunsCode(*call)), tmp_path / 'evil.pth', _use_new_zipfile_serialization=not legacy)
        with pytest.raises(UnsafeCheckpointError, match='evil.pth'):
            read_checkpoint(tmp_path / 'evil.pth')

    def test_a_runner_says_what_to_add(self, make_runner: Callable[..., Runner], tmp_path: Path) -> None:
        model = make_runner('a').model
        torch.save(dict(state_dict=model.state_dict(), odd=nn.Linear(1, 1)), tmp_path / 'odd.pth')
        with pytest.raises(UnsafeCheckpointError, match=r'Linear.*trust_checkpoint=True'):
            make_runner('b', load_from=str(tmp_path / 'odd.pth')).train()
        make_runner('c', load_from=str(tmp_path / 'odd.pth'), trust_checkpoint=True,
                    train_cfg=dict(by_epoch=True, max_epochs=1)).train()


class TestDamage:

    def test_every_bit_counts(self, tmp_path: Path) -> None:
        file = tmp_path / 'a.pth'
        write_checkpoint(STATE, file)
        whole = file.read_bytes()
        end = whole.rindex(b'mmengine:crc32=')
        for position in [*range(0, end, 97), *range(end - 30, len(whole))]:
            damaged = bytearray(whole)
            damaged[position] ^= 1 << position % 8
            file.write_bytes(damaged)
            try:
                read = read_checkpoint(file)
            except BrokenCheckpointError:
                continue
            else:  # only the mark of the checksum itself may be lost
                assert position >= end
                assert torch.equal(read['state_dict']['weight'], STATE['state_dict']['weight'])

    @pytest.mark.parametrize('cut', [1, 5, 22, 23, 40, 50, 300, 5000])
    def test_every_byte_counts(self, tmp_path: Path, cut: int) -> None:
        file = tmp_path / 'a.pth'
        write_checkpoint(STATE, file)
        file.write_bytes(file.read_bytes()[:-cut])
        with pytest.raises(BrokenCheckpointError, match='is not a whole checkpoint'):
            check_checkpoint(file)

    def test_the_file_is_what_others_read(self, tmp_path: Path) -> None:
        file = tmp_path / 'a.pth'
        write_checkpoint(STATE, file)
        assert file.read_bytes() == serialized(STATE)
        moved = file.rename(tmp_path / 'renamed.pth')
        for options in ({}, dict(mmap=True)):
            read = torch.load(moved, weights_only=True, **options)
            assert torch.equal(read['state_dict']['weight'], STATE['state_dict']['weight'])
        with zipfile.ZipFile(moved) as archive:
            assert archive.testzip() is None
            assert archive.comment.startswith(b'mmengine:crc32=')
        check_checkpoint(moved)

    def test_a_file_without_a_checksum_is_checked_by_reading_it(self, tmp_path: Path) -> None:
        torch.save(STATE, tmp_path / 'a.pth')
        check_checkpoint(tmp_path / 'a.pth')
        (tmp_path / 'a.pth').write_bytes((tmp_path / 'a.pth').read_bytes()[:-100])
        with pytest.raises(BrokenCheckpointError):
            check_checkpoint(tmp_path / 'a.pth')
        save_checkpoint(dict(a=1), 'memory://reading/a.pth')
        check_checkpoint('memory://reading/a.pth')
