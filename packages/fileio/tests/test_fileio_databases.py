"""LMDB on disk, and what is said where a client is missing."""
import os
import pickle
import subprocess
import sys
import textwrap

import pytest

from mmengine.fileio import FileClient, LmdbBackend, MemcachedBackend, get


@pytest.fixture
def database(tmp_path):
    lmdb = pytest.importorskip('lmdb', reason="needs the extra: pip install 'mmparts-fileio[lmdb]'")
    path = tmp_path / 'data.lmdb'
    with lmdb.open(str(path)) as environment, environment.begin(write=True) as transaction:
        transaction.put(b'baboon', b'\x00image')
        transaction.put('ü'.encode(), b'umlaut')
    return path


def test_lmdb(database):
    for path in (database, str(database)):
        backend = LmdbBackend(path)
        assert backend.get('baboon') == b'\x00image'
        assert backend.get('ü') == b'umlaut'
        with pytest.raises(FileNotFoundError, match=r"data\.lmdb' has no key 'monkey'"):
            backend.get('monkey')
        with pytest.raises(NotImplementedError, match='get_text'):
            backend.get_text('baboon')
        assert backend.allow_symlink is False
    assert get('baboon', backend_args={'backend': 'lmdb', 'db_path': str(database)}) == b'\x00image'
    assert FileClient('lmdb', db_path=str(database)).get('baboon') == b'\x00image'


def test_two_backends_on_one_database(database):
    first, second = LmdbBackend(database), LmdbBackend(str(database), readahead=True)
    assert first.get('baboon') == second.get('baboon')
    del first
    assert second.get('baboon') == b'\x00image'


def test_lmdb_in_other_processes(database):
    backend = LmdbBackend(database)
    backend.get('baboon')
    code = 'import pickle, sys; print(pickle.loads(bytes.fromhex(sys.argv[1])).get("baboon"))'
    done = subprocess.run([sys.executable, '-c', code, pickle.dumps(backend).hex()],
                          capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == repr(b'\x00image')


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no fork here')
def test_lmdb_after_a_fork(database):
    code = f"""
    import os
    from mmengine.fileio import LmdbBackend
    backend = LmdbBackend({str(database)!r})
    parent = backend._environment()
    child = os.fork()
    if child == 0:
        own = backend._environment()
        os._exit(0 if own is not parent and backend.get('baboon') == b'\\x00image' else 1)
    print(os.waitpid(child, 0)[1])
    """
    done = subprocess.run([sys.executable, '-c', textwrap.dedent(code)],
                          capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == '0'


def test_missing_clients_are_named():
    code = """
    import sys
    sys.modules.update(dict.fromkeys(['lmdb', 'petrel_client', 'petrel_client.client', 's3fs', 'mc', 'pymemcache']))
    from mmengine.fileio import LmdbBackend, MemcachedBackend, PetrelBackend
    for make in (lambda: LmdbBackend('x'), PetrelBackend, lambda: MemcachedBackend('servers', 'client')):
        try:
            make()
        except ImportError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, '-c', textwrap.dedent(code)],
                          capture_output=True, text=True, timeout=60, check=True)
    assert "pip install 'mmparts-fileio[lmdb]'" in done.stdout
    assert "'petrel_client'" in done.stdout
    assert "pip install 'mmparts-fileio[s3]'" in done.stdout
    assert "pip install 'mmparts-fileio[memcached]'" in done.stdout
    assert "client module 'mc'" in done.stdout


def test_memcached_asks_its_client(tmp_path, monkeypatch):
    (tmp_path / 'mc.py').write_text(textwrap.dedent("""
        class MemcachedClient:
            @classmethod
            def GetInstance(cls, servers, client):
                return cls()

            def Get(self, key, buffer):
                buffer[:] = [key]

        pyvector = list

        def ConvertBuffer(buffer):
            return buffer[0].encode()
        """))
    monkeypatch.setattr(sys, 'path', list(sys.path))
    backend = MemcachedBackend('servers', 'client', sys_path=str(tmp_path))
    sys.modules.pop('mc')  # for the other tests
    assert backend.get('key') == b'key'
    with pytest.raises(NotImplementedError):
        backend.get_text('key')
    for operation, arguments in {'put': (b'', 'a'), 'exists': ('a', ), 'remove': ('a', )}.items():
        with pytest.raises(NotImplementedError, match=f"MemcachedBackend does not support the operation '{operation}'"):
            getattr(backend, operation)(*arguments)
    with pytest.raises(TypeError, match='cannot be pickled'):
        pickle.dumps(backend)


def test_import_is_light():
    code = ('import sys, mmengine.fileio; '
            'print({"torch", "cv2", "matplotlib", "lmdb", "fsspec", "pymemcache", "orjson"} & set(sys.modules))')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == 'set()'
