"""Annotations of one node are held once, by all its processes, and nothing of them is left behind."""
from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mmengine.dataset import BaseDataset, ClassBalancedDataset, ConcatDataset, RepeatDataset, pseudo_collate
from mmengine.dataset.node_memory import SMALLEST, hold_once

PROGRAM = Path(__file__).parent / 'programs' / 'hold_annotations.py'
needs_linux = pytest.mark.skipif(sys.platform != 'linux', reason='memory files are there on Linux only')
pytestmark = needs_linux


class Many(BaseDataset):
    """Enough annotations to be worth sharing, which differ by `filter_cfg`."""

    def load_data_list(self) -> list[dict[str, Any]]:
        return [dict(name=f'{index:0100}', number=index, label=index % 4 == 0, of=self.filter_cfg)
                for index in range(12_000)]

    def get_cat_ids(self, idx: int) -> list[int]:
        return [int(self.get_data_info(idx)['label'])]


def file_of(array: Any, process: int | str = 'self') -> str | None:
    """Number of the memory file that an array lies in."""
    address = array.__array_interface__['data'][0]
    for line in Path(f'/proc/{process}/maps').read_text().splitlines():
        begin, end = (int(part, 16) for part in line.split()[0].split('-'))
        if begin <= address < end:
            return line.split()[4] if 'memfd:mmengine' in line else None
    return None


def files_of(process: int | str) -> set[str]:
    """Numbers of the memory files that a process maps."""
    return {line.split()[4] for line in Path(f'/proc/{process}/maps').read_text().splitlines()
            if 'memfd:mmengine' in line}


@pytest.fixture(scope='module')
def many() -> Many:
    return Many()


def test_one_block_for_equal_data(many: Many) -> None:
    assert many.data_bytes.nbytes + many.data_address.nbytes > SMALLEST
    assert file_of(many.data_bytes) is not None
    again, other = Many(), Many(filter_cfg=dict(other=True))
    assert file_of(again.data_bytes) == file_of(many.data_bytes) == file_of(many.data_address)
    assert file_of(other.data_bytes) not in (None, file_of(many.data_bytes))
    assert again.get_data_info(-1) == many.get_data_info(11_999)
    assert other[0]['of'] == dict(other=True)
    assert many.data_address.dtype == np.int64
    assert many.data_bytes.dtype == np.uint8
    start, end = many.data_address[6], many.data_address[7]
    assert pickle.loads(memoryview(many.data_bytes[start:end]))['number'] == 7  # as existing code reads them
    with pytest.raises(ValueError, match='read-only'):
        many.data_bytes[0] = 1


def test_copies(many: Many) -> None:
    copied = copy.deepcopy(many)
    assert copied.data_bytes is many.data_bytes
    sent = pickle.loads(pickle.dumps(many))  # to a file it goes whole
    assert type(sent.data_bytes) is np.ndarray
    assert sent[5] == many[5]
    assert type(pickle.loads(pickle.dumps(many.data_bytes[::2]))) is np.ndarray


@pytest.mark.parametrize('indices', [9000, -9000, range(0, 12_000, 1), [*range(11_999, -1, -1)], range(3, 11_000)])
def test_subsets_share(many: Many, indices: Any) -> None:
    part, again = many.get_subset(indices), many.get_subset(indices)
    numbers = np.arange(12_000)
    expected = (numbers[:indices] if indices >= 0 else numbers[indices:]) if isinstance(indices, int) else indices
    assert [part.get_data_info(index)['number'] for index in range(0, len(part), 500)] == list(expected)[::500]
    assert file_of(part.data_bytes) == file_of(again.data_bytes) is not None
    changed = copy.deepcopy(many)
    changed.get_subset_(indices)
    assert file_of(changed.data_bytes) == file_of(part.data_bytes)
    assert len(many) == 12_000


def test_small_ones_and_unserialized_ones_stay_where_they_are() -> None:
    data, ends = np.zeros(100, np.uint8), np.array([100])
    assert hold_once(data, ends)[0] is data
    assert not hasattr(Many(serialize_data=False), 'data_bytes')
    assert Many(indices=0).data_bytes.nbytes == 0


@pytest.mark.parametrize('wrap', [
    lambda many: many, lambda many: ConcatDataset([many, many]), lambda many: RepeatDataset(many, 2),
    lambda many: ClassBalancedDataset(many, 0.3)], ids=['plain', 'concat', 'repeat', 'balanced'])
def test_forked_workers_map_the_block(many: Many, wrap: Any) -> None:
    data = wrap(many)
    loader = DataLoader(data, batch_size=64, num_workers=2, collate_fn=pseudo_collate)
    iterator: Any = iter(loader)
    assert next(iterator)['number'] == [data[index]['number'] for index in range(64)]
    for worker in iterator._workers:
        assert file_of(many.data_bytes) in files_of(worker.pid)
    del iterator


# Several processes ----------------------------------------------------------------------------------------------------


class Other:
    """A process that builds its own annotations, as a rank does, and reads them when it is asked to."""

    def __init__(self, kind: int, file_size: int | None = None) -> None:
        context = multiprocessing.get_context('fork')
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=self._run, args=(theirs, kind, file_size), daemon=True)
        self.process.start()
        theirs.close()

    @cached_property
    def file(self) -> Any:
        """Number of the memory file that the annotations are in, None if they are its own; waits until they are."""
        return self.pipe.recv()

    @staticmethod
    def _run(pipe: Any, kind: int, file_size: int | None) -> None:
        if file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
        data = Many(filter_cfg=dict(kind=kind))
        pipe.send(file_of(data.data_bytes))
        word = pipe.recv()
        if word == 'raise':
            raise RuntimeError('as asked')
        if word == 'read':
            pipe.send(all(data.get_data_info(index)['number'] == index and data[index]['of'] == dict(kind=kind)
                          for index in range(len(data))))

    def reads_its_own(self) -> bool:
        self.pipe.send('read')
        right = self.pipe.recv()
        self.process.join()
        return bool(right) and self.process.exitcode == 0

    def end(self, how: Any) -> None:
        if isinstance(how, signal.Signals):
            assert self.process.pid
            os.kill(self.process.pid, how)
        else:
            self.pipe.send(how)
        self.process.join()


def names() -> set[str]:
    """Names of the sockets that annotations are found by."""
    return {line.split('@')[1] for line in Path('/proc/net/unix').read_text().splitlines()
            if '@mmengine-annotations' in line}


def test_processes_that_know_nothing_of_each_other() -> None:
    same, too, other = Other(1), Other(1), Other(2)
    assert same.file == too.file is not None
    assert other.file not in (None, same.file)
    same.end(signal.SIGKILL)  # who made the block: the others keep it, and who comes later shares or makes its own
    late = Other(1)
    assert late.file not in (None, other.file)
    assert [process.reads_its_own() for process in (too, other, late)] == [True] * 3


def test_many_at_once() -> None:
    """None of them is first by plan."""
    holders = [Other(6) for _ in range(6)]
    assert len({holder.file for holder in holders} - {None}) == 1
    assert [holder.reads_its_own() for holder in holders] == [True] * 6


@pytest.mark.parametrize('how', ['exit', 'raise', signal.SIGTERM, signal.SIGKILL], ids=str)
def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: Any) -> None:
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    shared, known = set(os.listdir('/dev/shm')), names()
    holder = Other(3)
    assert holder.file is not None
    assert len(names() - known) == 1
    holder.end(how)
    assert names() == known
    assert set(os.listdir('/dev/shm')) <= shared
    assert not list(tmp_path.iterdir())
    again = Other(3)
    assert again.file is not None
    assert again.reads_its_own()


def test_a_name_that_is_taken() -> None:
    """As by workers that outlive a killed process: it does not keep the next run from sharing."""
    known = names()
    first = Other(4)
    assert first.file is not None
    taken = names() - known
    first.end('exit')
    with socket.socket(socket.AF_UNIX) as stranger:  # somebody who has the name, and no annotations
        stranger.bind('\0' + taken.pop())
        stranger.listen()
        one, other = Other(4), Other(4)
        assert one.file == other.file is not None
        assert one.reads_its_own()
        assert other.reads_its_own()


def test_where_no_memory_can_be_shared(capfd: pytest.CaptureFixture[str]) -> None:
    holder = Other(5, file_size=1 << 16)
    assert holder.file is None
    assert holder.reads_its_own()
    said = capfd.readouterr().out
    assert said.count('Each process of this node keeps annotations of its own') == 1
    assert 'File too large' in said


@pytest.mark.parametrize('context', ['spawn', *(['forkserver'] if os.environ.get('MMENGINE_FULL') else [])])
def test_workers_that_start_anew_map_the_block(context: str) -> None:
    known = names()
    done = subprocess.run([sys.executable, str(PROGRAM), context], capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines()[-1:] == ['workers share'], done.stderr
    assert names() == known
