"""Object stores through fsspec: S3 against moto's server, and the mapping of Petrel's paths onto it."""
import importlib.util
import os
import pickle
import shutil
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from mmengine import fileio
from mmengine.fileio import FsspecBackend, PetrelBackend, get_file_backend

needs_fsspec = pytest.mark.skipif(importlib.util.find_spec('fsspec') is None,
                                  reason="needs the extra: pip install 'mmparts-fileio[fsspec]'")


def wait_for(port, process):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, "moto's server ended"
        with socket.socket() as probe:
            if probe.connect_ex(('127.0.0.1', port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("moto's server did not start in a minute")


@pytest.fixture(scope='module')
def moto():
    for module in ('moto', 'flask', 's3fs'):
        pytest.importorskip(module, reason="needs s3fs and moto's server: pip install s3fs 'moto[s3,server]'")
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, '-m', 'moto.server', '-H', '127.0.0.1', '-p', str(port)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield f'http://127.0.0.1:{port}'
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def options(moto, monkeypatch):
    monkeypatch.setenv('no_proxy', '*')
    monkeypatch.setenv('AWS_DEFAULT_REGION', 'us-east-1')
    monkeypatch.setattr('mmengine.fileio.dispatch.backend_instances', {})
    urllib.request.urlopen(urllib.request.Request(f'{moto}/moto-api/reset', method='POST'), timeout=30).close()
    urllib.request.urlopen(urllib.request.Request(f'{moto}/bucket', method='PUT'), timeout=30).close()
    return {'endpoint_url': moto, 'key': 'k', 'secret': 's'}


@pytest.fixture
def store(options):
    made = FsspecBackend(**options)
    made.put(b'a', 's3://bucket/coco/a.txt')
    made.put(b'0123456789', 's3://bucket/coco/sub/b.jpg')
    return made


def test_read_and_write(store, tmp_path):
    assert store.get('s3://bucket/coco/a.txt') == b'a'
    store.put_text('ü', 's3://bucket/t.txt')
    assert store.get_text('s3://bucket/t.txt') == 'ü'
    with store.get_local_path('s3://bucket/coco/sub/b.jpg') as local:
        assert Path(local).read_bytes() == b'0123456789'
        assert Path(local).suffix == '.jpg'
    assert not Path(local).exists()
    with pytest.raises(FileNotFoundError, match='s3://bucket/none'):
        store.get('s3://bucket/none')
    with pytest.raises(FileNotFoundError, match='s3://nobucket/x'):
        store.put(b'x', 's3://nobucket/x')


def test_ranges_and_streams(store):
    path = 's3://bucket/coco/sub/b.jpg'
    assert store.get_range(path, 2, 5) == b'234'
    assert store.get_range(path, 7) == b'789'
    assert store.get_range(path, 3, 3) == b''
    assert store.get_range(path, 10) == store.get_range(path, 20, 30) == b''
    with pytest.raises(ValueError, match='0 <= start <= stop'):
        store.get_range(path, -3)
    with store.stream(path) as file:
        assert file.read(3) == b'012'
        file.seek(8)
        assert file.read() == b'89'


def test_large_object_goes_in_pieces(store, tmp_path):
    content = os.urandom(1 << 20) * 9 + b'end'
    (tmp_path / 'large').write_bytes(content)
    assert store.copyfile_from_local(tmp_path / 'large', 's3://bucket/large') == 's3://bucket/large'
    assert store.copyfile_to_local('s3://bucket/large', tmp_path / 'back') == str(tmp_path / 'back')
    assert (tmp_path / 'back').read_bytes() == content


def test_names(store):
    assert store.exists('s3://bucket/coco')
    assert not store.exists('s3://bucket/coc')
    assert store.isdir('s3://bucket/coco/sub')
    assert not store.isdir('s3://bucket/coco/a.txt')
    assert store.isfile('s3://bucket/coco/a.txt')
    assert not store.isfile('s3://bucket/coco')
    assert list(store.list_dir_or_file('s3://bucket/coco')) == ['a.txt', 'sub']
    assert list(store.list_dir_or_file('s3://bucket/', recursive=True)) == ['coco', 'coco/a.txt', 'coco/sub',
                                                                            'coco/sub/b.jpg']
    assert list(store.list_dir_or_file('s3://bucket/coco', list_file=False)) == ['sub']
    assert list(store.list_dir_or_file('s3://bucket/coco', list_dir=False, suffix='.jpg', recursive=True)) == [
        'sub/b.jpg']
    with pytest.raises(FileNotFoundError, match='s3://bucket/none'):
        list(store.list_dir_or_file('s3://bucket/none'))
    with pytest.raises(TypeError, match='`list_dir` should be False'):
        store.list_dir_or_file('s3://bucket', suffix='.jpg')


def test_what_others_write_is_seen_at_once(store, options):
    assert list(store.list_dir_or_file('s3://bucket/coco')) == ['a.txt', 'sub']
    FsspecBackend(timeout=20, **options).put(b'', 's3://bucket/coco/b.txt')
    assert list(store.list_dir_or_file('s3://bucket/coco')) == ['a.txt', 'b.txt', 'sub']


def test_folder_with_a_mark(store, options):
    urllib.request.urlopen(urllib.request.Request(f'{options["endpoint_url"]}/bucket/marked/', data=b'', method='PUT'),
                           timeout=30).close()
    assert store.isdir('s3://bucket/marked')
    assert list(store.list_dir_or_file('s3://bucket/marked')) == []
    assert 'marked' in list(store.list_dir_or_file('s3://bucket', list_file=False, recursive=True))


def test_many_names(store, options):
    for index in range(1100):  # more than one answer of S3 holds
        urllib.request.urlopen(urllib.request.Request(f'{options["endpoint_url"]}/bucket/many/{index:04}', data=b'',
                                                      method='PUT'), timeout=30).close()
    assert len(list(store.list_dir_or_file('s3://bucket/many'))) == 1100
    store.rmtree('s3://bucket/many')
    assert not store.exists('s3://bucket/many')


def test_remove(store):
    with pytest.raises(FileNotFoundError, match='s3://bucket/none'):
        store.remove('s3://bucket/none')
    with pytest.raises(IsADirectoryError):
        store.remove('s3://bucket/coco/sub')
    store.remove('s3://bucket/coco/a.txt')
    assert not store.exists('s3://bucket/coco/a.txt')


def test_copies(store, tmp_path):
    assert store.copyfile('s3://bucket/coco/a.txt', 's3://bucket/new') == 's3://bucket/new'
    assert store.copyfile('s3://bucket/coco/a.txt', 's3://bucket/coco/sub') == 's3://bucket/coco/sub/a.txt'
    with pytest.raises(shutil.SameFileError):
        store.copyfile('s3://bucket/new', 's3://bucket/new')
    assert store.copytree('s3://bucket/coco', 's3://bucket/tree') == 's3://bucket/tree'
    assert store.get('s3://bucket/tree/sub/b.jpg') == b'0123456789'
    with pytest.raises(FileExistsError):
        store.copytree('s3://bucket/coco', 's3://bucket/tree')
    assert store.copytree_to_local('s3://bucket/coco', tmp_path / 'out') == str(tmp_path / 'out')
    assert sorted(str(path.relative_to(tmp_path / 'out')) for path in (tmp_path / 'out').rglob('*.*')) == [
        'a.txt', 'sub/a.txt', 'sub/b.jpg']
    assert store.copytree_from_local(tmp_path / 'out', 's3://bucket/up') == 's3://bucket/up'
    assert store.get('s3://bucket/up/a.txt') == b'a'


def test_object_whose_name_leaves_the_folder(store, tmp_path):
    store.put(b'evil', 's3://bucket/coco/../evil.txt')
    with pytest.raises(ValueError, match=r"'\.\./evil\.txt' would be outside of the folder"):
        store.copytree_to_local('s3://bucket/coco', tmp_path / 'a' / 'out')
    assert not list(tmp_path.rglob('evil.txt'))


def test_presigned_url(store):
    url = store.generate_presigned_url('s3://bucket/coco/a.txt', expires_in=60)
    with urllib.request.urlopen(url, timeout=30) as response:
        assert response.read() == b'a'


def test_functions(store, options, tmp_path):
    args = {'backend': 'fsspec', **options}
    fileio.dump({'a': [1]}, 's3://bucket/d.json', backend_args=args)
    assert fileio.load('s3://bucket/d.json', backend_args=args) == {'a': [1]}
    fileio.put(b'x\ny\n', 's3://bucket/l.txt', backend_args=args)
    assert fileio.list_from_file('s3://bucket/l.txt', backend_args=args) == ['x', 'y']
    assert fileio.get_range('s3://bucket/l.txt', 2, 3, backend_args=args) == b'y'
    with fileio.stream('s3://bucket/l.txt', backend_args=args) as file:
        assert file.read() == b'x\ny\n'
    fileio.rmtree('s3://bucket/coco', backend_args=args)
    assert not fileio.exists('s3://bucket/coco', backend_args=args)


def test_other_processes(store):
    copy = pickle.loads(pickle.dumps(store))
    assert copy.get('s3://bucket/coco/a.txt') == b'a'
    if not hasattr(os, 'fork'):
        return
    code = f"""
    import os
    from mmengine.fileio import FsspecBackend
    backend = FsspecBackend(**{store.storage_options!r})
    assert backend.get('s3://bucket/coco/a.txt') == b'a'
    child = os.fork()
    if child == 0:
        os._exit(0 if backend.get('s3://bucket/coco/a.txt') == b'a' else 1)
    print(os.waitpid(child, 0)[1])
    """
    done = subprocess.run([sys.executable, '-c', textwrap.dedent(code)], capture_output=True, text=True, timeout=60,
                          check=True)
    assert done.stdout.strip() == '0'


@pytest.fixture
def silent():
    """Listen, take connections and never say anything."""
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        server.listen()
        accepted = []

        def accept():
            while True:
                try:
                    accepted.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        yield f'http://127.0.0.1:{server.getsockname()[1]}', accepted
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in accepted:
            connection.close()


def test_silent_store_is_not_waited_for_endlessly(options, silent):
    url, accepted = silent
    backend = FsspecBackend(timeout=0.2, retries=1, **{**options, 'endpoint_url': url})
    start = time.monotonic()
    with pytest.raises(TimeoutError, match='s3://bucket/a'):
        backend.get('s3://bucket/a')
    assert time.monotonic() - start < 30
    assert 2 <= len(accepted) <= 4
    with pytest.raises(TimeoutError, match='s3://bucket/a'):  # and not False
        backend.exists('s3://bucket/a')


def test_store_that_nobody_runs(options):
    backend = FsspecBackend(timeout=1, retries=0, **{**options, 'endpoint_url': 'http://127.0.0.1:9'})
    with pytest.raises(ConnectionError, match='s3://bucket/a'):
        backend.get('s3://bucket/a')


def test_missing_rights_are_named(moto, monkeypatch, options, tmp_path):
    for name in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('AWS_SHARED_CREDENTIALS_FILE', str(tmp_path / 'none'))
    monkeypatch.setenv('AWS_CONFIG_FILE', str(tmp_path / 'none'))
    monkeypatch.setenv('AWS_EC2_METADATA_DISABLED', 'true')
    with pytest.raises(PermissionError, match='s3://bucket/a'):
        FsspecBackend(endpoint_url=moto).get('s3://bucket/a')


@pytest.fixture
def petrel(store, options, monkeypatch):
    for module in ('petrel_client', 'petrel_client.client'):
        monkeypatch.setitem(sys.modules, module, None)
    return PetrelBackend(path_mapping={'data/coco': 'petrel://bucket/coco'}, **options)


def test_petrel_paths_go_to_s3(petrel, options, tmp_path):
    assert petrel.get('data/coco/a.txt') == b'a'
    assert petrel.get_text('petrel://bucket/coco/a.txt') == 'a'
    assert petrel.get_range('data/coco/sub/b.jpg', 1, 3) == b'12'
    with petrel.stream('data/coco/sub/b.jpg') as file:
        assert file.read(2) == b'01'
    petrel.put(b'c', 's3://bucket\\coco\\c.bin')
    assert petrel.exists('data/coco/c.bin')
    assert petrel.isfile('data/coco/c.bin')
    assert petrel.isdir('data/coco/sub')
    assert list(petrel.list_dir_or_file('data/coco', recursive=True)) == ['a.txt', 'c.bin', 'sub', 'sub/b.jpg']
    assert list(petrel._client.list('s3://bucket/coco/')) == ['a.txt', 'c.bin', 'sub/']
    petrel.remove('data/coco/c.bin')
    with pytest.raises(FileNotFoundError):
        petrel.remove('data/coco/c.bin')
    assert petrel.copytree_to_local('data/coco', tmp_path / 'out')
    assert (tmp_path / 'out/sub/b.jpg').read_bytes() == b'0123456789'
    assert petrel.copyfile_from_local(tmp_path / 'out/a.txt', 'data/coco/sub') == 'petrel://bucket/coco/sub/a.txt'
    assert petrel.get('data/coco/sub/a.txt') == b'a'
    assert 'bucket/coco/a.txt' in petrel.generate_presigned_url('s3://bucket/coco/a.txt')
    with pytest.raises(ValueError, match='path_mapping'):
        petrel.get('data/other/a.txt')


def test_old_config_keeps_working(petrel, options):
    args = {'backend': 'petrel', 'path_mapping': {'./data/': 's3://bucket/'}, **options}
    assert fileio.get('./data/coco/a.txt', backend_args=args) == b'a'
    client = fileio.FileClient(**args)
    assert client.get('./data/coco/a.txt') == b'a'
    fileio.FileClient._instances.clear()


def test_petrel_configuration(petrel, moto, tmp_path):
    (tmp_path / 'p.conf').write_text(textwrap.dedent(f"""
        [DEFAULT]
        default_cluster = one
        [one]
        access_key = k
        secret_key = s
        host_base = {moto}
        [two]
        access_key = k
        secret_key = s
        host_base = {moto.removeprefix('http://')}
        """))
    made = PetrelBackend(conf_path=str(tmp_path / 'p.conf'))
    assert made.get('s3://bucket/coco/a.txt') == made.get('two:s3://bucket/coco/a.txt') == b'a'
    with pytest.raises(ValueError, match=r"no cluster 'three'.*\['one', 'two'\]"):
        made.get('three:s3://bucket/coco/a.txt')
    with pytest.raises(FileNotFoundError, match='none'):
        PetrelBackend(conf_path=str(tmp_path / 'none.conf'))


def run_without(modules, code):
    block = f'import sys\nsys.modules.update(dict.fromkeys({modules!r}))\n'
    return subprocess.run([sys.executable, '-c', block + textwrap.dedent(code)], capture_output=True, text=True,
                          timeout=60, check=True).stdout


SAY = """
from mmengine import fileio
for path in ('gs://b/a', 'az://b/a', 'hf://b/a', 's3://b/a', 'memory://a'):
    try:
        fileio.get(path)
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_without_fsspec_the_extra_is_named():
    said = run_without(['fsspec', 's3fs', 'petrel_client'], SAY).splitlines()
    for line, extra in zip(said, ('gcs', 'azure', 'hf', 's3'), strict=False):
        assert line.startswith('ImportError')
        assert f"pip install 'mmparts-fileio[{extra}]'" in line
    assert "'memory'" in said[4]


@needs_fsspec
def test_without_a_filesystem_the_extra_is_named():
    said = run_without(['s3fs', 'gcsfs', 'adlfs', 'huggingface_hub', 'petrel_client'], SAY).splitlines()
    for line, extra in zip(said, ('gcs', 'azure', 'hf', 's3'), strict=False):
        assert line.startswith('ImportError')
        assert f"pip install 'mmparts-fileio[{extra}]'" in line
    assert said[4].startswith('FileNotFoundError')


@needs_fsspec
def test_whatever_fsspec_knows(tmp_path):
    fileio.put(b'0123', 'memory://folder/sub/a.bin')
    assert get_file_backend('memory://folder/sub/a.bin').name == 'FsspecBackend'
    assert fileio.get('memory://folder/sub/a.bin') == b'0123'
    assert fileio.get_range('memory://folder/sub/a.bin', 1, 3) == b'12'
    assert list(fileio.list_dir_or_file('memory://folder', recursive=True)) == ['sub', 'sub/a.bin']
    assert fileio.copyfile_to_local('memory://folder/sub/a.bin', tmp_path / 'a') == str(tmp_path / 'a')
    with pytest.raises(NotImplementedError, match="FsspecBackend does not support .*'generate_presigned_url'"):
        fileio.generate_presigned_url('memory://folder/sub/a.bin')
    fileio.rmtree('memory://folder')
    assert not fileio.exists('memory://folder')
    with pytest.raises(ValueError, match='no storage backend is registered for the prefix'):
        fileio.get('nosuch://a')
    with pytest.raises(ValueError, match=r"with a prefix such as s3://"):
        FsspecBackend().get('a.txt')
    with pytest.raises(ValueError, match='retries should be 0 or more'):
        FsspecBackend(retries=-1)
