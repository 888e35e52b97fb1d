"""The choice of a backend, registration, and the older FileClient."""
from pathlib import Path

import pytest

from mmengine import fileio
from mmengine.fileio import BaseStorageBackend, FileClient, HardDiskBackend, LocalBackend, get_file_backend
from mmengine.fileio.backends import backends, prefix_to_backends, register_backend
from mmengine.fileio.io import _parse_uri_prefix, backend_instances


class MemoryBackend(BaseStorageBackend):
    """Files in a dict: the least that a backend of one's own has."""

    def __init__(self, start=()):
        self.files = dict(start)

    def get(self, filepath):
        return self.files[str(filepath)]

    def get_text(self, filepath, encoding='utf-8'):
        return self.get(filepath).decode(encoding)


class WritableMemory(MemoryBackend):

    def put(self, obj, filepath):
        self.files[str(filepath)] = bytes(obj)

    def exists(self, filepath):
        return str(filepath) in self.files or self.isdir(filepath)

    def isdir(self, filepath):
        return any(name.startswith(f'{filepath}/') for name in self.files)

    def remove(self, filepath):
        del self.files[str(filepath)]

    def list_dir_or_file(self, dir_path, list_dir=True, list_file=True, suffix=None, recursive=False):
        for name in self.files:
            if name.startswith(f'{dir_path}/'):
                yield name[len(f'{dir_path}/'):]


@pytest.fixture(autouse=True)
def restored_registries():
    kept = [dict(table) for table in (backends, prefix_to_backends, FileClient._backends,
                                      FileClient._prefix_to_backends, FileClient._instances, backend_instances)]
    yield
    for table, before in zip((backends, prefix_to_backends, FileClient._backends, FileClient._prefix_to_backends,
                              FileClient._instances, backend_instances), kept, strict=True):
        table.clear()
        table.update(before)


def test_prefixes():
    assert _parse_uri_prefix('/a/b') == ''
    assert _parse_uri_prefix(Path('s3:/a')) == ''
    assert _parse_uri_prefix('s3://a') == 's3'
    assert _parse_uri_prefix('cluster:s3://a') == 's3'
    with pytest.raises(AssertionError, match=r'str or pathlib\.Path'):
        _parse_uri_prefix(['/a'])


def test_get_file_backend():
    with pytest.raises(ValueError, match='uri should not be None'):
        get_file_backend()
    assert isinstance(get_file_backend('/a'), LocalBackend)
    assert isinstance(get_file_backend(Path('a')), LocalBackend)
    assert isinstance(get_file_backend(backend_args={'backend': 'local'}), LocalBackend)
    args = {'backend': 'local'}
    assert isinstance(get_file_backend('http://a/b', backend_args=args), LocalBackend)
    assert args == {'backend': 'local'}


def test_singletons():
    backend_instances.clear()
    assert get_file_backend('/a') is not get_file_backend('/a')
    first = get_file_backend('/a', enable_singleton=True)
    assert get_file_backend('/b', enable_singleton=True) is first
    assert list(backend_instances) == [':{}']
    args = {'timeout': 2, 'retries': 0}
    assert get_file_backend('http://a', backend_args=args, enable_singleton=True).timeout == 2
    assert list(backend_instances)[1] == 'http:{"timeout": 2, "retries": 0}'


def test_unknown_prefix_and_name():
    with pytest.raises(KeyError, match=r"prefix 'htp'.* Did you mean 'http'") as caught:
        get_file_backend('htp://a')
    assert isinstance(caught.value, ValueError)
    with pytest.raises(KeyError, match=r"named 'locl'.* Did you mean 'local'"):
        get_file_backend('a', backend_args={'backend': 'locl'})


def test_register_backend():
    register_backend('memory', MemoryBackend, prefixes=['mem', 'm'])
    assert isinstance(get_file_backend('mem://a'), MemoryBackend)
    assert isinstance(get_file_backend(backend_args={'backend': 'memory'}), MemoryBackend)
    assert fileio.get('m://a', backend_args={'start': [('m://a', b'x')]}) == b'x'

    @register_backend('other', prefixes='oth')
    class Other(MemoryBackend):
        pass

    assert backends['other'] is prefix_to_backends['oth'] is Other
    with pytest.raises(TypeError, match='name should be a string'):
        register_backend(1, MemoryBackend)
    with pytest.raises(TypeError, match='backend should be a class'):
        register_backend('x', 'MemoryBackend')
    with pytest.raises(TypeError, match='not a subclass of BaseStorageBackend'):
        register_backend('x', dict)
    with pytest.raises(ValueError, match='other is already registered'):
        register_backend('other', MemoryBackend)
    with pytest.raises(ValueError, match='oth is already registered'):
        register_backend('third', MemoryBackend, prefixes='oth')
    assert 'third' not in backends
    with pytest.raises(AssertionError, match='prefixes'):
        register_backend('x', MemoryBackend, prefixes={'oth'})
    register_backend('other', MemoryBackend, force=True, prefixes='oth')
    assert backends['other'] is prefix_to_backends['oth'] is MemoryBackend


def test_abstract_methods():
    assert BaseStorageBackend.__abstractmethods__ == {'get', 'get_text'}
    with pytest.raises(TypeError, match='abstract'):
        BaseStorageBackend()


def test_least_backend_says_what_it_cannot():
    backend = MemoryBackend([('a/b.txt', b'x')])
    assert backend.name == 'MemoryBackend'
    assert backend.allow_symlink is False
    for operation, args in {'put': (b'', 'a'), 'exists': ('a',), 'isdir': ('a',), 'isfile': ('a',), 'remove': ('a',),
                            'list_dir_or_file': ('a',)}.items():
        with pytest.raises(NotImplementedError, match=f"MemoryBackend does not support the operation '{operation}'"):
            getattr(backend, operation)(*args)
    with backend.get_local_path('a/b.txt') as local:
        assert Path(local).read_bytes() == b'x'
        assert Path(local).suffix == '.txt'
    assert not Path(local).exists()


def test_backend_with_primitives_can_copy_trees(tmp_path):
    backend = WritableMemory({'m/a.txt': b'1', 'm/sub/b.txt': b'2'})
    assert backend.copytree_to_local('m', tmp_path / 'out') == str(tmp_path / 'out')
    assert (tmp_path / 'out/sub/b.txt').read_bytes() == b'2'
    with pytest.raises(FileExistsError):
        backend.copytree_to_local('m', tmp_path / 'out')
    assert backend.copytree_from_local(tmp_path / 'out', 'n') == 'n'
    assert backend.get('n/sub/b.txt') == b'2'
    assert backend.copytree('n', 'o') == 'o'
    with pytest.raises(FileExistsError):
        backend.copytree('n', 'o')
    assert backend.copyfile('m/a.txt', 'n') == 'n/a.txt'
    assert backend.copyfile_to_local('m/a.txt', tmp_path / 'x' / 'y') == str(tmp_path / 'x' / 'y')
    assert backend.copyfile_to_local('m/a.txt', tmp_path) == str(tmp_path / 'a.txt')
    assert backend.copyfile_from_local(tmp_path / 'a.txt', 'o/new.txt') == 'o/new.txt'
    assert backend.copy_if_symlink_fails('m/a.txt', 'p.txt') is False
    backend.put_text('ü', 'q.txt')
    assert backend.get_text('q.txt') == 'ü'
    backend.rmtree('o')
    assert not backend.isdir('o')


@pytest.mark.parametrize('name', ['../evil.txt', 'a/../../evil.txt', '/evil.txt', '..\\evil.txt'])
def test_listed_names_do_not_leave_the_folder(tmp_path, name):
    backend = WritableMemory({f'm/{name}': b'evil'})
    with pytest.raises(ValueError, match='outside of the folder'):
        backend.copytree_to_local('m', tmp_path / 'in' / 'out')
    assert not list(tmp_path.rglob('evil*'))
    with pytest.raises(ValueError, match='outside of the folder'):
        backend.copytree('m', 'new')
    with pytest.raises(ValueError, match='outside of the folder'):
        backend.rmtree('m')
    assert backend.files == {f'm/{name}': b'evil'}


def test_file_client(tmp_path):
    client = FileClient()
    assert client is FileClient('disk') is FileClient(backend='disk')
    assert client.name == 'HardDiskBackend'
    assert client.allow_symlink is True
    assert isinstance(client.client, HardDiskBackend)
    assert client is not FileClient('http')
    assert FileClient('http').name == 'HTTPBackend'
    assert FileClient('http').allow_symlink is False
    assert FileClient(prefix='http').client.timeout == 30
    assert FileClient(prefix='http', timeout=1).client.timeout == 1
    assert FileClient('disk', prefix='http').name == 'HardDiskBackend'
    with pytest.raises(ValueError, match=r"backend 'hadoop' is not supported"):
        FileClient('hadoop')
    with pytest.raises(ValueError, match=r"prefix 'hdfs' is not supported"):
        FileClient(prefix='hdfs')


def test_file_client_operations(tmp_path):
    client = FileClient.infer_client(uri=tmp_path)
    path = client.join_path(tmp_path, 'a', 'b.txt')
    client.put(b'1', path)
    client.put_text('2', path)
    assert client.get(path) == b'2'
    assert client.get_text(path) == '2'
    assert client.exists(path)
    assert client.isfile(path)
    assert not client.isdir(path)
    with client.get_local_path(path) as local:
        assert local == path
    assert list(client.list_dir_or_file(tmp_path)) == ['a']
    client.remove(path)
    assert not client.exists(path)


def test_file_client_prefixes():
    assert FileClient.parse_uri_prefix('/a') is None
    assert FileClient.parse_uri_prefix(Path('a')) is None
    assert FileClient.parse_uri_prefix('cluster:s3://a') == 's3'
    with pytest.raises(AssertionError):
        FileClient.parse_uri_prefix(1)
    assert FileClient.infer_client({'backend': 'disk'}).name == 'HardDiskBackend'
    assert FileClient.infer_client(uri='https://a').name == 'HTTPBackend'
    with pytest.raises(AssertionError):
        FileClient.infer_client()


def test_file_client_registration():
    FileClient.register_backend('memory', MemoryBackend, prefixes='mem')
    assert FileClient(prefix='mem').name == 'MemoryBackend'
    old = FileClient('memory')
    with pytest.raises(KeyError, match='already registered'):
        FileClient.register_backend('memory', WritableMemory)
    with pytest.raises(KeyError, match='already registered'):
        FileClient.register_backend('memory2', WritableMemory, prefixes='mem')

    @FileClient.register_backend('memory', force=True, prefixes=['mem'])
    class Newer(WritableMemory):
        pass

    assert FileClient('memory') is not old
    assert FileClient('memory').name == FileClient(prefix='mem').name == 'Newer'
    with pytest.raises(TypeError, match='name should be a string'):
        FileClient.register_backend(1, MemoryBackend)
    with pytest.raises(TypeError, match='should be a class'):
        FileClient.register_backend('y', 1)
    with pytest.raises(TypeError, match='not a subclass'):
        FileClient.register_backend('y', dict)
