"""The Petrel backend on a client that keeps its files in memory."""
import shutil
import sys
import types
from pathlib import Path

import pytest

from mmengine import fileio
from mmengine.fileio import FileClient, PetrelBackend


class Client:
    """What the object store's client offers, with the paths it was asked for."""

    def __init__(self, conf_path=None, enable_mc=True):
        self.conf_path, self.enable_mc = conf_path, enable_mc
        self.files = {}

    def Get(self, path):
        return self.files[path]

    def put(self, path, content):
        self.files[path] = bytes(content)

    def delete(self, path):
        del self.files[path]

    def contains(self, path):
        return path in self.files

    def isdir(self, path):
        return any(name.startswith(path.rstrip('/') + '/') for name in self.files)

    def list(self, folder):
        names = (name[len(folder):] for name in self.files if name.startswith(folder))
        return dict.fromkeys(name.partition('/')[0] + '/' * ('/' in name) for name in names)


@pytest.fixture
def backend(monkeypatch):
    package, module = types.ModuleType('petrel_client'), types.ModuleType('petrel_client.client')
    module.Client = type('Client', (Client, ), {})
    monkeypatch.setitem(sys.modules, 'petrel_client', package)
    monkeypatch.setitem(sys.modules, 'petrel_client.client', module)
    made = PetrelBackend(path_mapping={'data/coco': 's3://bucket/coco'})
    made._client.files.update({'s3://bucket/coco/a.txt': b'a', 's3://bucket/coco/sub/b.jpg': b'b'})
    return made


def test_paths(backend):
    assert backend._map_path('data/coco/x') == 's3://bucket/coco/x'
    assert backend._map_path(Path('other')) == 'other'
    assert backend._format_path('s3://a\\b\\\\c') == 's3://a/b/c'
    assert backend._replace_prefix('petrel://a') == 's3://a'
    assert backend.join_path('data/coco/', '/x', 'y') == 's3://bucket/coco/x/y'
    with pytest.raises(AssertionError, match='path_mapping should be a dict'):
        PetrelBackend(path_mapping=['a'])


def test_client_arguments(backend):
    assert backend._client.enable_mc is True
    made = PetrelBackend(enable_mc=False, conf_path='c.conf')
    assert (made._client.enable_mc, made._client.conf_path) == (False, 'c.conf')
    assert FileClient(prefix='s3').name == FileClient('petrel').name == 'PetrelBackend'
    FileClient._instances.clear()


def test_client_as_an_attribute(backend, monkeypatch):
    package = types.ModuleType('petrel_client')
    package.client = sys.modules['petrel_client.client']
    monkeypatch.setitem(sys.modules, 'petrel_client', package)
    monkeypatch.delitem(sys.modules, 'petrel_client.client')
    assert PetrelBackend()._client.files == {}


def test_read_and_write(backend):
    assert backend.get('data/coco/a.txt') == b'a'
    assert backend.get_text('petrel://bucket/coco/a.txt') == 'a'
    backend.put(b'c', 's3://bucket\\c.bin')
    assert backend._client.files['s3://bucket/c.bin'] == b'c'
    backend.put_text('ü', 's3://bucket/c.bin')
    assert backend.get_text('s3://bucket/c.bin') == 'ü'
    with backend.get_local_path('data/coco/a.txt') as local:
        assert Path(local).read_bytes() == b'a'
    assert not Path(local).exists()
    with pytest.raises(FileNotFoundError), backend.get_local_path('data/coco/none'):
        pass


def test_names(backend):
    assert backend.exists('data/coco/a.txt')
    assert backend.exists('data/coco')
    assert not backend.exists('data/coco/none')
    assert backend.isdir('data/coco/sub')
    assert backend.isfile('data/coco/sub/b.jpg')
    assert list(backend.list_dir_or_file('data/coco')) == ['a.txt', 'sub']
    assert list(backend.list_dir_or_file('data/coco', recursive=True)) == ['a.txt', 'sub', 'sub/b.jpg']
    assert list(backend.list_dir_or_file('data/coco/', list_file=False)) == ['sub']
    assert list(backend.list_dir_or_file('data/coco', list_dir=False, suffix='.jpg', recursive=True)) == ['sub/b.jpg']
    with pytest.raises(TypeError, match='`list_dir` should be False when `suffix` is not None'):
        backend.list_dir_or_file('data/coco', suffix='.jpg')
    with pytest.raises(TypeError, match='`suffix` must be a string or tuple of strings'):
        backend.list_dir_or_file('data/coco', list_dir=False, suffix=['.jpg'])


def test_remove(backend):
    with pytest.raises(FileNotFoundError, match='data/coco/none'):
        backend.remove('data/coco/none')
    with pytest.raises(IsADirectoryError):
        backend.remove('data/coco/sub')
    backend.remove('data/coco/a.txt')
    assert list(backend._client.files) == ['s3://bucket/coco/sub/b.jpg']
    backend.rmtree('data/coco')
    assert backend._client.files == {}


def test_copies(backend, tmp_path):
    assert backend.copyfile('s3://bucket/coco/a.txt', 's3://bucket/new') == 's3://bucket/new'
    assert backend.copyfile('s3://bucket/coco/a.txt', 's3://bucket/coco/sub') == 's3://bucket/coco/sub/a.txt'
    with pytest.raises(shutil.SameFileError):
        backend.copyfile('s3://bucket/new', 's3://bucket/new')
    with pytest.raises(shutil.SameFileError):
        backend.copyfile('data/coco/a.txt', 's3://bucket/coco/a.txt')
    assert backend.copytree('s3://bucket/coco', 's3://bucket/tree') == 's3://bucket/tree'
    assert backend.get('s3://bucket/tree/sub/b.jpg') == b'b'
    with pytest.raises(FileExistsError):
        backend.copytree('s3://bucket/coco', 's3://bucket/tree')
    assert backend.copytree_to_local('s3://bucket/coco', tmp_path / 'out') == str(tmp_path / 'out')
    assert (tmp_path / 'out/sub/b.jpg').read_bytes() == b'b'
    assert backend.copytree_from_local(tmp_path / 'out', 's3://up') == 's3://up'
    assert backend.get('s3://up/a.txt') == b'a'
    assert backend.copyfile_from_local(tmp_path / 'out/a.txt', 's3://up/sub') == 's3://up/sub/a.txt'
    assert backend.copy_if_symlink_fails('s3://up/a.txt', 's3://up/c.txt') is False


@pytest.mark.parametrize(('method', 'operations'), [
    ('contains', ['exists', 'isfile']),
    ('isdir', ['exists', 'isdir']),
    ('delete', ['remove']),
    ('list', ['list_dir_or_file']),
])
def test_client_without_a_method(backend, monkeypatch, method, operations):
    monkeypatch.delattr(Client, method)
    for operation in operations:
        with pytest.raises(NotImplementedError, match=f"'{operation}': it has no '.*Client.{method}'"):
            getattr(backend, operation)('s3://bucket/coco')


def test_functions_choose_it_by_prefix(backend, monkeypatch):
    monkeypatch.setattr('mmengine.fileio.dispatch.backend_instances', {})
    fileio.put(b'x', 's3://bucket/x')
    assert fileio.get('s3://bucket/x') == b'x'
    assert fileio.join_path('petrel://bucket', 'x') == 'petrel://bucket/x'
