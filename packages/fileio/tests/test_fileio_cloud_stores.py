"""Google Cloud Storage, Azure and FTP as stores that read and write, and the Hugging Face hub, which is read."""
import importlib.util
import os
import shutil
import urllib.request
from pathlib import Path

import pytest

from mmengine import fileio
from mmengine.fileio import FsspecBackend, get_file_backend

spec = importlib.util.spec_from_file_location('store_servers', Path(__file__).with_name('store_servers.py'))
store_servers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(store_servers)

# The clients' own: aiohttp's advice on large bodies, and files that Google's libraries leave to the collector.
pytestmark = [pytest.mark.filterwarnings('ignore::ResourceWarning'), pytest.mark.filterwarnings('ignore:.*google.*'),
              pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')]

LARGE = os.urandom(1 << 20) * 5 + b'end'


@pytest.fixture(scope='module', params=['google', 'azure', 'ftp'])
def server(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('no_proxy', '*')
        # Google's client would ask another service, which no emulator has, for the kind of each bucket.
        patch.setenv('GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT', 'false')
        with getattr(store_servers, request.param)(tmp_path_factory.mktemp(request.param)) as (root, options):
            yield request.param, root, options


@pytest.fixture
def store(server, request):
    """A folder of this test's own in the store, and the backend."""
    _, root, options = server
    backend = FsspecBackend(timeout=20, **options)
    folder = f'{root}/{request.node.originalname}'
    backend.put(b'a', f'{folder}/a.txt')
    backend.put(b'0123456789', f'{folder}/sub/b.jpg')
    return backend, folder


def test_reads_ranges_and_pieces(store):
    backend, folder = store
    assert backend.get(f'{folder}/a.txt') == b'a'
    assert backend.get_text(f'{folder}/a.txt') == 'a'
    path = f'{folder}/sub/b.jpg'
    assert backend.get_range(path, 2, 5) == b'234'
    assert backend.get_range(path, 7) == b'789'
    assert backend.get_range(path, 10) == backend.get_range(path, 20, 30) == b''
    with backend.stream(path) as file:
        assert file.read(3) == b'012'
        file.seek(8)
        assert file.read() == b'89'
    with backend.get_local_path(path) as local:
        assert Path(local).read_bytes() == b'0123456789'
    with pytest.raises(FileNotFoundError, match=f'{folder}/none'):
        backend.get(f'{folder}/none')


def test_lists(store):
    backend, folder = store
    assert list(backend.list_dir_or_file(folder)) == ['a.txt', 'sub']
    assert list(backend.list_dir_or_file(folder, recursive=True)) == ['a.txt', 'sub', 'sub/b.jpg']
    assert list(backend.list_dir_or_file(folder, list_file=False)) == ['sub']
    assert list(backend.list_dir_or_file(folder, list_dir=False, suffix='.jpg', recursive=True)) == ['sub/b.jpg']
    assert backend.isdir(f'{folder}/sub')
    assert backend.isfile(f'{folder}/a.txt')
    assert not backend.isfile(f'{folder}/sub')
    assert not backend.exists(f'{folder}/none')
    with pytest.raises(FileNotFoundError, match=f'{folder}/none'):
        list(backend.list_dir_or_file(f'{folder}/none'))
    backend.put(b'', f'{folder}/new.txt')  # what was listed is not kept
    assert list(backend.list_dir_or_file(folder)) == ['a.txt', 'new.txt', 'sub']


def test_copies_and_removes(store, tmp_path):
    backend, folder = store
    assert backend.copyfile(f'{folder}/a.txt', f'{folder}/c.txt') == f'{folder}/c.txt'
    with pytest.raises(shutil.SameFileError):
        backend.copyfile(f'{folder}/a.txt', f'{folder}/a.txt')
    assert backend.copytree(f'{folder}/sub', f'{folder}/tree') == f'{folder}/tree'
    assert backend.get(f'{folder}/tree/b.jpg') == b'0123456789'
    backend.copytree_to_local(folder, tmp_path / 'out')
    assert (tmp_path / 'out/sub/b.jpg').read_bytes() == b'0123456789'
    backend.copytree_from_local(tmp_path / 'out', f'{folder}/up')
    assert backend.get(f'{folder}/up/tree/b.jpg') == b'0123456789'
    backend.remove(f'{folder}/c.txt')
    with pytest.raises(FileNotFoundError, match=f'{folder}/c.txt'):
        backend.remove(f'{folder}/c.txt')
    with pytest.raises(IsADirectoryError):
        backend.remove(f'{folder}/tree')
    backend.rmtree(f'{folder}/tree')
    assert not backend.exists(f'{folder}/tree')


def test_large_file_goes_in_pieces(store, server, tmp_path):
    backend, folder = store
    (tmp_path / 'large').write_bytes(LARGE)
    backend.copyfile_from_local(tmp_path / 'large', f'{folder}/large')
    assert backend.get_range(f'{folder}/large', 5 << 20) == b'end'
    backend.copyfile_to_local(f'{folder}/large', tmp_path / 'back')
    assert (tmp_path / 'back').read_bytes() == LARGE


def test_functions(store, server):
    _, folder = store
    name, _, options = server
    fileio.dump({'a': [1]}, f'{folder}/d.json', backend_args=options)  # the prefix chooses the backend
    assert fileio.load(f'{folder}/d.json', backend_args=options) == {'a': [1]}
    if name == 'azure':  # signed with the key of the account
        with urllib.request.urlopen(fileio.generate_presigned_url(f'{folder}/a.txt', backend_args=options),
                                    timeout=30) as response:
            assert response.read() == b'a'
    if name == 'ftp':
        with pytest.raises(NotImplementedError, match="'generate_presigned_url' for ftp://"):
            fileio.generate_presigned_url(f'{folder}/a.txt', backend_args=options)


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    for variable in ('HF_TOKEN', 'HF_ENDPOINT'):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv('no_proxy', '*')
    (tmp_path / 'train').mkdir()
    (tmp_path / 'labels.txt').write_bytes(b'cat\ndog\n')
    (tmp_path / 'train' / 'a.bin').write_bytes(LARGE)
    with store_servers.hub(tmp_path) as (url, seen):
        yield {'endpoint': url, 'token': False}, seen


def test_hub(dataset, tmp_path):
    options, seen = dataset
    root = 'hf://datasets/me/data'
    backend = get_file_backend(root, backend_args=options)
    assert backend.name == 'FsspecBackend'
    assert backend.get(f'{root}/labels.txt') == b'cat\ndog\n'
    assert fileio.list_from_file(f'{root}/labels.txt', backend_args=options) == ['cat', 'dog']
    assert list(backend.list_dir_or_file(root)) == ['labels.txt', 'train']
    assert list(backend.list_dir_or_file(root, recursive=True)) == ['labels.txt', 'train', 'train/a.bin']
    assert backend.isdir(f'{root}/train')
    assert backend.isfile(f'{root}/train/a.bin')
    assert not backend.exists(f'{root}/none')
    seen.clear()
    assert backend.get_range(f'{root}/train/a.bin', (5 << 20) - 2, 5 << 20) == LARGE[(5 << 20) - 2:5 << 20]
    assert backend.get_range(f'{root}/train/a.bin', 5 << 20) == b'end'
    assert '/datasets/me/data/resolve/main/train/a.bin bytes=5242878-5242879' in seen  # and no more than that
    with backend.stream(f'{root}/train/a.bin') as file:
        assert file.read(5) == LARGE[:5]
        file.seek(5 << 20)
        assert file.read() == b'end'
    assert backend.copyfile_to_local(f'{root}/train/a.bin', tmp_path / 'copy') == str(tmp_path / 'copy')
    assert (tmp_path / 'copy').read_bytes() == LARGE
    with pytest.raises(FileNotFoundError, match=f'{root}/none'):
        backend.get(f'{root}/none')
