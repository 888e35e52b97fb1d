"""The local backend, and the functions of `io` on local paths."""
import os
import shutil
from pathlib import Path

import pytest

from mmengine import fileio
from mmengine.fileio import LocalBackend
from mmengine.fileio import io as io_functions


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / 'tree'
    for name in ('dir1/text3.txt', 'dir2/dir3/text4.txt', 'dir2/img.jpg', 'text1.txt', 'text2.txt', '.hidden'):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def local(*names):
    return [name.replace('/', os.sep) for name in names]


@pytest.mark.parametrize('kind', [str, Path])
def test_bytes_and_text(tmp_path, kind):
    backend = LocalBackend()
    path = kind(tmp_path / 'new' / 'folder' / 'a.txt')
    backend.put(b'1\n2', path)
    assert backend.get(path) == b'1\n2'
    backend.put_text('ü', path, encoding='latin-1')
    assert backend.get_text(path, encoding='latin-1') == 'ü'
    assert backend.get(path) == b'\xfc'
    with backend.get_local_path(path) as same:
        assert same is path
    assert backend.name == 'LocalBackend'
    assert backend.allow_symlink is True


def test_exists_isdir_isfile_join(tree):
    backend = LocalBackend()
    assert backend.exists(tree)
    assert backend.isdir(tree)
    assert not backend.isfile(tree)
    assert backend.isfile(tree / 'text1.txt')
    assert not backend.exists(tree / 'none')
    assert backend.join_path(tree, 'a', Path('b')) == os.path.join(tree, 'a', 'b')


@pytest.mark.parametrize('name', ['copyfile', 'copyfile_from_local', 'copyfile_to_local'])
@pytest.mark.parametrize('owner', [LocalBackend(), fileio])
def test_copyfile(tree, tmp_path, name, owner):
    copy = getattr(owner, name)
    source = tree / 'text1.txt'
    source.chmod(0o755)
    target = tmp_path / 'copy.txt'
    assert copy(source, target) == str(target)
    assert target.read_text() == 'text1.txt'
    assert os.access(target, os.X_OK)
    target.write_text('other')
    assert copy(str(source), target) == str(target)
    assert target.read_text() == 'text1.txt'
    folder = tmp_path / 'folder'
    folder.mkdir()
    assert copy(source, folder) == str(folder / 'text1.txt')
    with pytest.raises(shutil.SameFileError):
        copy(source, source)
    with pytest.raises(shutil.SameFileError):
        copy(source, tree)
    with pytest.raises(FileNotFoundError):
        copy(source, tmp_path / 'missing' / 'a')


@pytest.mark.parametrize('name', ['copytree', 'copytree_from_local', 'copytree_to_local'])
@pytest.mark.parametrize('owner', [LocalBackend(), fileio])
def test_copytree(tree, tmp_path, name, owner):
    copy = getattr(owner, name)
    assert copy(tree, tmp_path / 'copy') == str(tmp_path / 'copy')
    assert (tmp_path / 'copy/dir2/dir3/text4.txt').read_text() == 'dir2/dir3/text4.txt'
    with pytest.raises(FileExistsError):
        copy(tree, tmp_path / 'copy')


def test_remove_and_rmtree(tree):
    fileio.remove(tree / 'text1.txt')
    assert not fileio.exists(tree / 'text1.txt')
    with pytest.raises(FileNotFoundError):
        fileio.remove(tree / 'text1.txt')
    with pytest.raises(IsADirectoryError):
        fileio.remove(tree / 'dir1')
    fileio.rmtree(tree)
    assert not tree.exists()


def test_copy_if_symlink_fails(tree, tmp_path, monkeypatch):
    link = tmp_path / 'link'
    assert fileio.copy_if_symlink_fails(tree / 'text1.txt', link) is True
    assert link.is_symlink()
    assert fileio.copy_if_symlink_fails(tree / 'text2.txt', link) is False  # the name is taken: copied
    assert link.read_text() == 'text2.txt'

    def refuse(src, dst):
        raise RuntimeError

    monkeypatch.setattr(os, 'symlink', refuse)
    assert fileio.copy_if_symlink_fails(tree, tmp_path / 'copy') is False
    assert (tmp_path / 'copy/dir1/text3.txt').exists()


@pytest.mark.parametrize('list_names', [LocalBackend().list_dir_or_file, fileio.list_dir_or_file])
def test_listing(tree, list_names):
    assert list(list_names(tree)) == ['dir1', 'dir2', 'text1.txt', 'text2.txt']
    assert list(list_names(str(tree), recursive=True)) == local(
        'dir1', 'dir1/text3.txt', 'dir2', 'dir2/dir3', 'dir2/dir3/text4.txt', 'dir2/img.jpg', 'text1.txt', 'text2.txt')
    assert list(list_names(tree, list_file=False, recursive=True)) == local('dir1', 'dir2', 'dir2/dir3')
    assert list(list_names(tree, list_dir=False)) == ['text1.txt', 'text2.txt']
    assert list(list_names(tree, list_dir=False, suffix=('.jpg', '3.txt'), recursive=True)) == local(
        'dir1/text3.txt', 'dir2/img.jpg')
    # The call itself complains, not the first item.
    with pytest.raises(TypeError, match='`suffix` should be None when `list_dir` is True'):
        list_names(tree, suffix='.txt')
    with pytest.raises(TypeError, match='`suffix` must be a string or tuple of strings'):
        list_names(tree, list_dir=False, suffix=['.txt'])


def test_listing_ends_in_a_circle_of_links(tree):
    (tree / 'dir1' / 'up').symlink_to(tree)
    names = list(fileio.list_dir_or_file(tree, list_dir=False, recursive=True))
    assert len(names) == 5


def test_functions_read_and_write(tmp_path):
    path = tmp_path / 'a' / 'b.txt'
    fileio.put(b'bytes', path)
    assert fileio.get(path) == b'bytes'
    fileio.put_text('text', path)
    assert fileio.get_text(path) == 'text'
    with fileio.get_local_path(path) as here:
        assert Path(here) == path
    assert fileio.isfile(path)
    assert fileio.isdir(path.parent)
    assert fileio.join_path(tmp_path, 'a', 'b.txt') == str(path)
    assert fileio.get(path, backend_args={'backend': 'local'}) == b'text'


def test_operation_that_a_backend_lacks():
    with pytest.raises(NotImplementedError, match=r"LocalBackend does not support .* 'generate_presigned_url'"):
        fileio.generate_presigned_url('/tmp/a')


def test_io_module_has_the_same_functions():
    for name in ('get', 'put', 'copytree_to_local', 'load', 'dump', 'get_file_backend', 'rmtree'):
        assert getattr(io_functions, name) is getattr(fileio, name)
