"""A file that is written is there as a whole, or as it was before."""
import errno
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from mmengine.fileio import LocalBackend, atomic_write, dump, load

FULL_DISK = """
import resource, signal, sys
from mmengine.fileio import {name}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    {call}
except OSError as error:
    print(type(error).__name__, error.errno, error.filename)
else:
    print('written')
"""


def run_on_full_disk(name, call):
    code = FULL_DISK.format(name=name, call=call)
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(os.name == 'nt', reason='file size limits are of POSIX systems')
@pytest.mark.parametrize(('name', 'call'), [
    ('LocalBackend', 'LocalBackend().put(b"x" * 1_000_000, {path!r})'),
    ('LocalBackend', 'LocalBackend().put_text("x" * 1_000_000, {path!r})'),
    ('dump', 'dump(["x" * 1_000_000], {path!r})'),
    ('LocalBackend', 'LocalBackend().copyfile({big!r}, {path!r})'),
])
def test_full_disk_leaves_the_old_file_whole(tmp_path, name, call):
    path, big = tmp_path / 'data' / 'old.json', tmp_path / 'big'
    path.parent.mkdir()
    path.write_text('["old"]')
    big.write_bytes(b'y' * 1_000_000)
    printed = run_on_full_disk(name, call.format(path=str(path), big=str(big)))
    assert printed == f'OSError {errno.EFBIG} {path}'
    assert path.read_text() == '["old"]'
    assert os.listdir(path.parent) == ['old.json']


def test_content_appears_only_at_the_end(tmp_path):
    path = tmp_path / 'a.bin'
    path.write_bytes(b'old')
    with atomic_write(path) as file:
        file.write(b'new')
        file.flush()
        assert path.read_bytes() == b'old'
        assert [name for name in os.listdir(tmp_path) if not name.startswith('.')] == ['a.bin']
    assert path.read_bytes() == b'new'
    assert os.listdir(tmp_path) == ['a.bin']


@pytest.mark.parametrize(('sync_name', 'count'), [(True, 2), (False, 1)])
def test_name_is_synced_where_it_is_asked_for(tmp_path, monkeypatch, sync_name, count):
    synced, fsync = [], os.fsync
    monkeypatch.setattr(os, 'fsync', lambda descriptor: synced.append(fsync(descriptor)))
    with atomic_write(tmp_path / 'a', sync_name=sync_name) as file:
        file.write(b'x')
    assert len(synced) == (1 if os.name == 'nt' else count)
    assert (tmp_path / 'a').read_bytes() == b'x'


@pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt])
def test_failure_in_the_block_leaves_nothing(tmp_path, error):
    path = tmp_path / 'a.txt'
    with pytest.raises(error), atomic_write(path, 'w', encoding='utf-8') as file:  # noqa: PT012
        file.write('half')
        raise error
    assert os.listdir(tmp_path) == []


def test_other_oserrors_of_the_block_are_not_renamed(tmp_path):
    missing = tmp_path / 'missing.tmp'
    with pytest.raises(FileNotFoundError) as caught, atomic_write(tmp_path / 'a'):
        missing.read_bytes()
    assert caught.value.filename == str(missing)


def test_missing_folder_names_the_path(tmp_path):
    path = tmp_path / 'no' / 'a'
    with pytest.raises(FileNotFoundError) as caught, atomic_write(path):
        pass
    assert caught.value.filename == str(path)


def test_path_below_a_file_names_the_path(tmp_path):
    (tmp_path / 'file').write_text('')
    path = tmp_path / 'file' / 'a'
    with pytest.raises(NotADirectoryError) as caught, atomic_write(path):
        pass
    assert caught.value.filename == str(path)
    with pytest.raises((NotADirectoryError, FileExistsError)):
        LocalBackend().put(b'', path / 'b')


def test_folder_as_target(tmp_path):
    with pytest.raises(IsADirectoryError), atomic_write(tmp_path):
        pass


def test_only_whole_files_can_be_written(tmp_path):
    with pytest.raises(ValueError, match="'wb' or 'w', but got 'a'"), atomic_write(tmp_path / 'a', 'a'):
        pass


@pytest.mark.skipif(os.name == 'nt', reason='permissions of POSIX systems')
def test_permissions(tmp_path):
    new, old = tmp_path / 'new', tmp_path / 'old'
    old.write_text('')
    old.chmod(0o640)
    before = os.umask(0o027)
    try:
        for path in (new, old):
            with atomic_write(path) as file:
                file.write(b'x')
    finally:
        os.umask(before)
    assert stat.S_IMODE(new.stat().st_mode) == 0o640
    old.chmod(0o664)
    with atomic_write(old) as file:
        file.write(b'x')
    assert stat.S_IMODE(old.stat().st_mode) == 0o664


WRITE_PROTECTED = """
import os, sys
from mmengine.fileio import atomic_write
if os.geteuid() == 0:  # the superuser may write everywhere
    os.setuid(65534)
try:
    with atomic_write('protected') as file:
        file.write(b'new')
except PermissionError as error:
    print(error.filename, os.listdir(), open('protected').read())
"""


@pytest.mark.skipif(os.name == 'nt', reason='permissions of POSIX systems')
def test_write_protected_file():
    with tempfile.TemporaryDirectory() as folder:  # tmp_path is closed to other users
        os.chmod(folder, 0o777)
        path = os.path.join(folder, 'protected')
        with open(path, 'w') as file:
            file.write('old')
        os.chmod(path, 0o444)
        done = subprocess.run([sys.executable, '-c', WRITE_PROTECTED], cwd=folder, capture_output=True, text=True,
                              timeout=60, check=True)
    assert done.stdout == "protected ['protected'] old\n"


def test_link_is_followed(tmp_path):
    real, link = tmp_path / 'real', tmp_path / 'link'
    real.write_text('old')
    link.symlink_to(real)
    with atomic_write(link, 'w', encoding='utf-8') as file:
        file.write('new')
    assert link.is_symlink()
    assert real.read_text() == 'new'


def test_link_that_leads_nowhere_yet(tmp_path):
    link = tmp_path / 'link'
    (tmp_path / 'data').mkdir()
    link.symlink_to(os.path.join('data', 'new'))  # relative to the folder of the link
    LocalBackend().put(b'x', link)
    assert link.is_symlink()
    assert (tmp_path / 'data' / 'new').read_bytes() == b'x'
    assert os.listdir(tmp_path / 'data') == ['new']


def test_link_that_goes_in_a_circle(tmp_path):
    link = tmp_path / 'link'
    link.symlink_to(link)
    with pytest.raises(OSError, match='link'):
        LocalBackend().put(b'x', link)
    assert link.is_symlink()


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='no pipes with names here')
def test_pipes_and_devices_are_written_and_not_replaced(tmp_path):
    pipe = tmp_path / 'pipe'
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    LocalBackend().put(b'through', pipe)
    reader.join(timeout=60)
    assert received == [b'through']
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_long_names(tmp_path):
    path = tmp_path / ('ä' * 120)  # 240 of the 255 bytes that a name may have
    LocalBackend().put(b'x', path)
    assert path.read_bytes() == b'x'


WRITE_FOREVER = """
from mmengine.fileio import LocalBackend
turn = 0
while True:
    LocalBackend().put(b'ab'[turn:turn + 1] * 300_000, 'file')
    if turn == 0:
        print('written', flush=True)
    turn = 1 - turn
"""


@pytest.mark.skipif(os.name == 'nt', reason='signals of POSIX systems')
def test_killed_at_any_moment(tmp_path):
    for wait in (0, 0.003, 0.011, 0.023):
        with subprocess.Popen([sys.executable, '-c', WRITE_FOREVER], cwd=tmp_path, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(wait)
            process.kill()
        assert (tmp_path / 'file').read_bytes() in (b'a' * 300_000, b'b' * 300_000)
        assert list(LocalBackend().list_dir_or_file(tmp_path)) == ['file']  # what is left over is hidden


KILLED_BEFORE_ITS_NAME = """
import os, signal
from mmengine.fileio import dump
synced = os.fsync
os.fsync = lambda descriptor: (synced(descriptor), calls.append('fsync'))
os.replace = lambda source, target: (print(calls, flush=True), os.kill(os.getpid(), signal.SIGKILL))
calls = []
dump({'new': 'x' * 100_000}, 'file.json')
"""


@pytest.mark.skipif(os.name == 'nt', reason='signals of POSIX systems')
@pytest.mark.parametrize('old', [None, {'old': 1}])
def test_killed_between_writing_and_naming(tmp_path, old):
    path = tmp_path / 'file.json'
    if old is not None:
        dump(old, path)
    done = subprocess.run([sys.executable, '-c', KILLED_BEFORE_ITS_NAME], cwd=tmp_path, capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode < 0, done.stderr
    assert done.stdout == "['fsync']\n"  # the content is on the disk before the name is given
    assert path.exists() == (old is not None)
    assert list(LocalBackend().list_dir_or_file(tmp_path)) == ['file.json'] * path.exists()
    assert old is None or load(path) == old
    dump({'again': 1}, path)  # what is left over is in nobody's way
    assert load(path) == {'again': 1}
