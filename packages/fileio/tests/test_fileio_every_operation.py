"""Each function of `io` on each backend: it works, or an error names the backend and the function."""
import contextlib
import shutil
import socket
import subprocess
import sys
import threading
import time
import types
from collections import namedtuple
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mmengine import fileio
from mmengine.fileio import BaseStorageBackend
from mmengine.fileio.backends import backends
from mmengine.fileio.dispatch import backend_instances

CONTENT = b'line 1\nline 2\n'

#: `file` holds CONTENT and lies in `folder`; `new` is a name that is free; both are paths of the backend.
Place = namedtuple('Place', 'file folder new args')


class QuietHandler(SimpleHTTPRequestHandler):

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def web(tmp_path):
    with ThreadingHTTPServer(('127.0.0.1', 0), partial(QuietHandler, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05, ))
        thread.start()
        url = f'http://127.0.0.1:{server.server_port}'
        (tmp_path / 'folder').mkdir()
        (tmp_path / 'folder' / 'a.txt').write_bytes(CONTENT)
        yield Place(f'{url}/folder/a.txt', f'{url}/folder', f'{url}/new', {})
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def local(tmp_path):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'folder' / 'a.txt').write_bytes(CONTENT)
    yield Place(f'{tmp_path}/folder/a.txt', f'{tmp_path}/folder', f'{tmp_path}/new', {})


@contextlib.contextmanager
def database(tmp_path):
    lmdb = pytest.importorskip('lmdb', reason="needs the extra: pip install 'mmparts-fileio[lmdb]'")
    with lmdb.open(str(tmp_path / 'db')) as environment, environment.begin(write=True) as transaction:
        transaction.put(b'folder/a.txt', CONTENT)
        transaction.put(b'folder-2', b'')
    yield Place('folder/a.txt', 'folder', 'new', {'backend': 'lmdb', 'db_path': str(tmp_path / 'db')})


@contextlib.contextmanager
def cache(tmp_path):
    pytest.importorskip('pymemcache', reason="needs the extra: pip install 'mmparts-fileio[memcached]'")
    program = shutil.which('memcached')
    if program is None:
        pytest.skip('needs the program memcached: apt install memcached')
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([program, '-l', '127.0.0.1', '-p', str(port), '-u', 'nobody'])
    try:
        args = {'backend': 'memcached', 'servers': [f'127.0.0.1:{port}'], 'retries': 5}
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                socket.create_connection(('127.0.0.1', port)).close()
                break
        fileio.put(CONTENT, 'folder/a.txt', backend_args=args)
        yield Place('folder/a.txt', 'folder', 'new', args)
    finally:
        for shared in backend_instances.values():
            for client in vars(getattr(shared, '_local', threading.local())).get('clients', {}).values():
                client.close()
        process.kill()
        process.wait()


@contextlib.contextmanager
def memory(tmp_path):
    pytest.importorskip('fsspec', reason="needs the extra: pip install 'mmparts-fileio[fsspec]'")
    root = f'memory://{tmp_path.name}'
    fileio.put(CONTENT, f'{root}/folder/a.txt')
    yield Place(f'{root}/folder/a.txt', f'{root}/folder', f'{root}/new', {})


class Client:
    """What the object store's own client has."""

    def __init__(self, conf_path=None, enable_mc=True):
        self.files = {'s3://bucket/folder/a.txt': CONTENT}
        self.Get = self.files.__getitem__
        self.put = self.files.__setitem__
        self.delete = self.files.__delitem__
        self.contains = self.files.__contains__

    def isdir(self, path):
        return any(name.startswith(path.rstrip('/') + '/') for name in self.files)

    def list(self, folder):
        names = [name[len(folder):] for name in self.files if name.startswith(folder)]
        return dict.fromkeys(name.partition('/')[0] + '/' * ('/' in name) for name in names)

    def generate_presigned_url(self, url, client_method, expires_in):
        return f'{url}?{client_method}={expires_in}'


@contextlib.contextmanager
def petrel(tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        module = types.ModuleType('petrel_client.client')
        module.Client = Client
        patch.setitem(sys.modules, 'petrel_client', types.ModuleType('petrel_client'))
        patch.setitem(sys.modules, 'petrel_client.client', module)
        yield Place('s3://bucket/folder/a.txt', 's3://bucket/folder', 's3://bucket/new', {'backend': 'petrel'})


class Least(BaseStorageBackend):
    """The least that a backend of one's own has."""

    def get(self, filepath):
        return CONTENT

    def get_text(self, filepath, encoding='utf-8'):
        return CONTENT.decode(encoding)


@contextlib.contextmanager
def own(tmp_path):
    fileio.register_backend('least', Least, force=True)
    yield Place('folder/a.txt', 'folder', 'new', {'backend': 'least'})
    del backends['least']


def copies(name, source, target):
    """Copy by a function of `io`, and give what is at the target."""

    def run(place, tmp_path):
        inside = getattr(fileio, name)(source(place, tmp_path), target(place, tmp_path), backend_args=place.args)
        local = name.endswith('to_local')
        path = f'{inside}/a.txt' if 'tree' in name else inside
        return Path(path).read_bytes() if local else fileio.get(path, backend_args=place.args)

    return run


def here(place, tmp_path):
    """Make a local folder to send, and give a file in it."""
    (tmp_path / 'here').mkdir(exist_ok=True)
    (tmp_path / 'here' / 'a.txt').write_bytes(CONTENT)
    return tmp_path / 'here' / 'a.txt'


def put_and_get(place, tmp_path):
    fileio.put(CONTENT, place.new, backend_args=place.args)
    return fileio.get(place.new, backend_args=place.args)


def put_text_and_get(place, tmp_path):
    fileio.put_text(CONTENT.decode(), place.new, backend_args=place.args)
    return fileio.get(place.new, backend_args=place.args)


def is_gone(remove, what):

    def run(place, tmp_path):
        remove(getattr(place, what), backend_args=place.args)
        with pytest.raises((FileNotFoundError, KeyError)):
            fileio.get(place.file, backend_args=place.args)
        return True

    return run


def read_stream(place, tmp_path):
    with fileio.stream(place.file, backend_args=place.args) as file:
        return file.read(4) + file.read()


def read_local_copy(place, tmp_path):
    with fileio.get_local_path(place.file, backend_args=place.args) as path:
        return Path(path).read_bytes()


def link_or_copy(place, tmp_path):
    is_link = fileio.copy_if_symlink_fails(place.file, place.new, backend_args=place.args)
    assert is_link is fileio.get_file_backend(place.file, backend_args=place.args).allow_symlink
    return fileio.get(place.new, backend_args=place.args)


#: function of `io` -> (what it is used for in a test, what has to come out)
OPERATIONS = {
    'get': (lambda place, _: fileio.get(place.file, backend_args=place.args), CONTENT),
    'get_text': (lambda place, _: fileio.get_text(place.file, backend_args=place.args), CONTENT.decode()),
    'get_range': (lambda place, _: fileio.get_range(place.file, 5, 8, backend_args=place.args), CONTENT[5:8]),
    'stream': (read_stream, CONTENT),
    'get_local_path': (read_local_copy, CONTENT),
    'put': (put_and_get, CONTENT),
    'put_text': (put_text_and_get, CONTENT),
    'exists': (lambda place, _: [fileio.exists(path, backend_args=place.args) for path in (place.file, place.new)],
               [True, False]),
    'isdir': (lambda place, _: fileio.isdir(place.file, backend_args=place.args), False),
    'isfile': (lambda place, _: [fileio.isfile(path, backend_args=place.args) for path in (place.file, place.new)],
               [True, False]),
    'join_path': (lambda place, _: fileio.join_path(place.folder, 'a.txt', backend_args=place.args), None),
    'list_dir_or_file': (lambda place, _: list(fileio.list_dir_or_file(place.folder, backend_args=place.args)),
                         ['a.txt']),
    'copyfile': (copies('copyfile', lambda place, _: place.file, lambda place, _: place.new), CONTENT),
    'copyfile_from_local': (copies('copyfile_from_local', here, lambda place, _: place.new), CONTENT),
    'copyfile_to_local': (copies('copyfile_to_local', lambda place, _: place.file, lambda _, tmp: tmp / 'out'),
                          CONTENT),
    'copytree': (copies('copytree', lambda place, _: place.folder, lambda place, _: place.new), CONTENT),
    'copytree_from_local': (copies('copytree_from_local', lambda *args: here(*args).parent,
                                   lambda place, _: place.new), CONTENT),
    'copytree_to_local': (copies('copytree_to_local', lambda place, _: place.folder, lambda _, tmp: tmp / 'out'),
                          CONTENT),
    'copy_if_symlink_fails': (link_or_copy, CONTENT),
    'remove': (is_gone(fileio.remove, 'file'), True),
    'rmtree': (is_gone(fileio.rmtree, 'folder'), True),
    'generate_presigned_url': (lambda place, _: fileio.generate_presigned_url(place.file, backend_args=place.args),
                               's3://bucket/folder/a.txt?get_object=3600'),
    'load': (lambda place, _: fileio.load(place.file, file_format='yaml', backend_args=place.args), 'line 1 line 2'),
    'dump': (lambda place, _: fileio.dump([1], place.new, file_format='json', backend_args=place.args), None),
    'list_from_file': (lambda place, _: fileio.list_from_file(place.file, backend_args=place.args),
                       ['line 1', 'line 2']),
    'dict_from_file': (lambda place, _: fileio.dict_from_file(place.file, backend_args=place.args), {'line': '2'}),
}

WRITING = {'put', 'put_text', 'copyfile', 'copyfile_from_local', 'copytree', 'copytree_from_local',
           'copy_if_symlink_fails', 'remove', 'rmtree', 'dump'}
TEXT = {'get_text', 'load', 'list_from_file', 'dict_from_file'}
TREES = {'list_dir_or_file', 'copytree', 'copytree_to_local', 'rmtree'}

#: backend -> (where its files are, its class, the functions that it cannot do)
BACKENDS = {
    'local': (local, 'LocalBackend', {'generate_presigned_url'}),
    'http': (web, 'HTTPBackend', WRITING | TREES | {'isdir', 'generate_presigned_url'}),
    'lmdb': (database, 'LmdbBackend', WRITING | TEXT | {'generate_presigned_url'}),
    'memcached': (cache, 'MemcachedBackend', TREES | TEXT | {'generate_presigned_url'}),
    'fsspec': (memory, 'FsspecBackend', {'generate_presigned_url'}),
    'petrel': (petrel, 'PetrelBackend', set()),
    'own': (own, 'Least', WRITING | TREES | {'exists', 'isdir', 'isfile', 'generate_presigned_url'}),
}

#: What `load` and its like call of a backend, which is what the error names then.
CALLED = {'load': 'get_text', 'list_from_file': 'get_text', 'dict_from_file': 'get_text', 'dump': 'put',
          'put_text': 'put'}


@pytest.fixture(params=list(BACKENDS))
def kind(request, tmp_path, monkeypatch):
    monkeypatch.setenv('no_proxy', '*')
    monkeypatch.setattr('mmengine.fileio.dispatch.backend_instances', {})
    monkeypatch.setattr(sys.modules[__name__], 'backend_instances', fileio.dispatch.backend_instances)
    backend_of, name, refused = BACKENDS[request.param]
    with backend_of(tmp_path) as place:
        yield place, name, refused


@pytest.mark.parametrize('operation', list(OPERATIONS))
def test_works_or_says_what_cannot_be_done(kind, operation, tmp_path):
    place, name, refused = kind
    action, expected = OPERATIONS[operation]
    if operation in refused:
        called = CALLED.get(operation, operation)
        with pytest.raises(NotImplementedError, match=f"{name} does not support the operation '{called}'"):
            action(place, tmp_path)
    else:
        assert action(place, tmp_path) == (place.file if operation == 'join_path' else expected)


def test_every_function_is_in_the_table():
    functions = {name for name, value in vars(fileio.io).items()
                 if isinstance(value, types.FunctionType) and not name.startswith('_')}
    assert functions - {'get_file_backend'} == set(OPERATIONS) - {'list_from_file', 'dict_from_file'}
