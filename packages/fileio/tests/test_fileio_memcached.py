"""Values of memcached, against a real server that the tests start."""
import os
import pickle
import shutil
import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from mmengine import fileio
from mmengine.fileio import MemcachedBackend


def free_port():
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]


@pytest.fixture(scope='module')
def servers():
    """Two servers, so that keys have to be dealt out."""
    pytest.importorskip('pymemcache', reason="needs the extra: pip install 'mmparts-fileio[memcached]'")
    program = shutil.which('memcached')
    if program is None:
        pytest.skip('needs the program memcached: apt install memcached')
    user = ['-u', 'nobody'] if hasattr(os, 'getuid') and os.getuid() == 0 else []
    ports = [free_port(), free_port()]
    running = [subprocess.Popen([program, '-l', '127.0.0.1', '-p', str(port), *user]) for port in ports]
    try:
        for port, process in zip(ports, running, strict=True):
            end = time.monotonic() + 30
            while time.monotonic() < end and process.poll() is None:
                with socket.socket() as probe:
                    if probe.connect_ex(('127.0.0.1', port)) == 0:
                        break
                time.sleep(0.05)
            assert process.poll() is None, 'memcached ended'
        yield [f'127.0.0.1:{port}' for port in ports]
    finally:
        for process in running:
            process.kill()
            process.wait()


@pytest.fixture
def backend(servers):
    made = MemcachedBackend(servers=servers)
    yield made
    for client in vars(made._local).get('clients', {}).values():
        client.close()


def test_values(backend):
    for index in range(40):  # on both servers
        backend.put(b'\x00value %d' % index, f'data/{index}.jpg')
    assert [backend.get(f'data/{index}.jpg') for index in range(40)] == [b'\x00value %d' % i for i in range(40)]
    backend.put('ü'.encode(), 'ü')
    assert backend.get('ü') == 'ü'.encode()
    assert backend.exists('ü')
    assert backend.isfile('ü')
    backend.remove('ü')
    assert not backend.exists('ü')
    with pytest.raises(FileNotFoundError, match=r"no key 'ü'; servers: 127\.0\.0\.1"):
        backend.get('ü')
    with pytest.raises(FileNotFoundError, match="no key 'ü'"):
        backend.remove('ü')
    with backend.get_local_path('data/1.jpg') as local, open(local, 'rb') as file:
        assert file.read() == b'\x00value 1'
    with pytest.raises(NotImplementedError, match='get_text'):
        backend.get_text('data/1.jpg')
    with pytest.raises(NotImplementedError, match='list_dir_or_file'):
        backend.list_dir_or_file('data')


def test_what_a_server_does_not_take(backend):
    with pytest.raises(ValueError, match='cannot be a key of memcached'):
        backend.get('with blank')
    with pytest.raises(OSError, match="refused 'large'"):
        backend.put(bytes(2 << 20), 'large')


def test_list_of_servers_in_a_file(servers, backend, tmp_path):
    backend.put(b'x', 'in-file')
    (tmp_path / 'servers.conf').write_text('# the cluster\n' + servers[0] + '\n' + servers[1].replace(':', ' ') + '\n')
    args = {'backend': 'memcached', 'server_list_cfg': str(tmp_path / 'servers.conf'), 'client_cfg': 'unused.conf'}
    assert fileio.get('in-file', backend_args=args) == b'x'
    for shared in fileio.io.backend_instances.values():
        for client in vars(getattr(shared, '_local', threading.local())).get('clients', {}).values():
            client.close()


def test_other_process(backend):
    backend.put(b'x', 'shared')
    code = 'import pickle, sys; print(pickle.loads(bytes.fromhex(sys.argv[1])).get("shared"))'
    done = subprocess.run([sys.executable, '-c', code, pickle.dumps(backend).hex()], capture_output=True, text=True,
                          timeout=60, check=True)
    assert done.stdout.strip() == repr(b'x')


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no fork here')
def test_after_a_fork_the_connection_is_not_shared(servers):
    code = f"""
    import os
    from mmengine.fileio import MemcachedBackend
    backend = MemcachedBackend(servers={servers!r})
    backend.put(b'x', 'forked')
    parent = backend._client_of({servers[0]!r})
    child = os.fork()
    if child == 0:
        os._exit(0 if backend.get('forked') == b'x' and backend._client_of({servers[0]!r}) is not parent else 1)
    print(os.waitpid(child, 0)[1])
    """
    done = subprocess.run([sys.executable, '-c', textwrap.dedent(code)], capture_output=True, text=True, timeout=60,
                          check=True)
    assert done.stdout.strip() == '0'


def test_server_that_is_silent_or_away():
    pytest.importorskip('pymemcache', reason="needs the extra: pip install 'mmparts-fileio[memcached]'")
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        server.listen()  # the system takes the connection, nobody reads
        address = f'127.0.0.1:{server.getsockname()[1]}'
        backend = MemcachedBackend(servers=[address], timeout=0.2, retries=1, backoff=0.01)
        with pytest.raises(TimeoutError, match=f'{address} did not answer for .* in 2 tries'):
            backend.get('key')
    with pytest.raises(ConnectionError, match='did not answer'):
        backend.get('key')


def test_settings_that_make_no_sense(tmp_path):
    pytest.importorskip('pymemcache', reason="needs the extra: pip install 'mmparts-fileio[memcached]'")
    with pytest.raises(ValueError, match='`servers` or the file'):
        MemcachedBackend()
    with pytest.raises(ValueError, match="should be 'host:port'"):
        MemcachedBackend(servers=['localhost'])
    (tmp_path / 'empty').write_text('# none\n')
    with pytest.raises(ValueError, match='lists no servers'):
        MemcachedBackend(str(tmp_path / 'empty'), 'client')
