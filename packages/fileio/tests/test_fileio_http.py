"""The HTTP backend against a server that also stalls, truncates, redirects and fails."""
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mmengine import fileio
from mmengine.fileio import HTTPBackend, get_file_backend

CONTENT = b'content ' * 1000


class Handler(BaseHTTPRequestHandler):
    """`/fail/503/2/a` fails twice with 503 and then gives the content; and so on."""

    seen: list[str]
    stop: threading.Event

    def do_GET(self):
        self.seen.append(self.path)
        kind, _, rest = self.path[1:].partition('/')
        getattr(self, f'answer_{kind}')(rest)

    def give(self, content, length=None):
        self.send_response(200)
        self.send_header('Content-Length', str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def is_early(self, times):
        return self.seen.count(self.path) <= int(times)

    def do_HEAD(self):
        self.seen.append(self.path)
        if self.path.startswith('/ok'):
            self.send_response(200)
            self.end_headers()
        else:
            self.send_error(404)

    def answer_range(self, rest):
        first, _, last = self.headers['Range'].removeprefix('bytes=').partition('-')
        if int(first) >= len(CONTENT):
            self.send_error(416)
            return
        part = CONTENT[int(first):int(last) + 1 if last else None]
        self.send_response(206)
        self.send_header('Content-Length', str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def answer_ok(self, rest):
        self.give('text ü'.encode() if rest == 'text' else CONTENT)

    def answer_fail(self, rest):
        code, times = rest.split('/')[:2]
        if self.is_early(times):
            self.send_error(int(code))
        else:
            self.give(CONTENT)

    def answer_redirect(self, rest):
        self.send_response(302)
        self.send_header('Location', '/' + rest)
        self.end_headers()

    def answer_truncate(self, rest):
        self.give(CONTENT[:100] if self.is_early(rest) else CONTENT, len(CONTENT))

    def answer_stall(self, rest):
        if self.is_early(rest):
            self.stop.wait(20)
        else:
            self.give(CONTENT)

    def answer_half(self, rest):
        self.give(CONTENT[:100] if self.is_early(rest) else CONTENT, len(CONTENT))
        self.wfile.flush()
        self.stop.wait(20 if self.is_early(rest) else 0)

    def answer_circle(self, rest):
        self.answer_redirect('circle/' + rest)

    def answer_close(self, rest):
        if self.is_early(rest):
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.give(CONTENT)

    def log_message(self, *args):
        pass


class QuietServer(ThreadingHTTPServer):

    def handle_error(self, request, client_address):
        pass  # a client that gave up is what some tests are about


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv('no_proxy', '*')
    handler = type('Handler', (Handler, ), {'seen': [], 'stop': threading.Event()})
    with QuietServer(('127.0.0.1', 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05, ))
        thread.start()
        running.url = f'http://127.0.0.1:{running.server_port}'
        running.seen = handler.seen
        yield running
        handler.stop.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def backend():
    return HTTPBackend(timeout=1, retries=2, backoff=0.01)


def test_reads(server, backend):
    assert backend.get(f'{server.url}/ok/a.bin') == CONTENT
    assert backend.get_text(f'{server.url}/ok/text') == 'text ü'
    with backend.get_local_path(f'{server.url}/ok/a.bin?key=1') as local:
        assert Path(local).read_bytes() == CONTENT
        assert Path(local).suffix == '.bin'
    assert not Path(local).exists()


@pytest.mark.parametrize('path', ['ok/a', 'range/a'])
def test_ranges(server, backend, path):
    url = f'{server.url}/{path}'
    assert backend.get_range(url, 3, 12) == CONTENT[3:12]
    assert backend.get_range(url, 7990) == CONTENT[7990:]
    assert backend.get_range(url, 5, 5) == b''
    assert backend.get_range(url, 9000, 9001) == b''
    with pytest.raises(ValueError, match='0 <= start <= stop'):
        backend.get_range(url, 3, 2)


def test_stream(server, backend):
    with backend.stream(f'{server.url}/ok/a') as file:
        assert file.read(10) == CONTENT[:10]
        assert file.read() == CONTENT[10:]
    with pytest.raises(ConnectionError, match='truncate/9'), backend.stream(f'{server.url}/truncate/9') as file:
        file.read()
    with pytest.raises(FileNotFoundError), backend.stream(f'{server.url}/fail/404/9') as file:
        pass


def test_exists(server, backend):
    assert backend.exists(f'{server.url}/ok/a')
    assert fileio.isfile(f'{server.url}/ok/a')
    assert not backend.exists(f'{server.url}/none')


def test_functions(server, tmp_path):
    args = {'timeout': 5, 'retries': 0}
    url = f'{server.url}/ok/text'
    assert fileio.get(url, backend_args=args) == 'text ü'.encode()
    assert fileio.get_text(url, backend_args=args) == 'text ü'
    assert fileio.copyfile_to_local(f'{server.url}/ok/a', tmp_path / 'new' / 'a', backend_args=args)
    assert (tmp_path / 'new' / 'a').read_bytes() == CONTENT
    assert get_file_backend(url).name == 'HTTPBackend'
    assert fileio.list_from_file(url) == ['text ü']


@pytest.mark.parametrize('path', ['fail/503/2', 'fail/429/1', 'truncate/1', 'close/2', 'redirect/ok/a', 'stall/1',
                                  'half/1'])
def test_passing_trouble_is_outlived(server, backend, path):
    assert backend.get(f'{server.url}/{path}') == CONTENT


def test_passing_trouble_while_saving(server, backend, tmp_path):
    backend.copyfile_to_local(f'{server.url}/truncate/1', tmp_path / 'a')
    assert (tmp_path / 'a').read_bytes() == CONTENT


@pytest.mark.parametrize(('path', 'kind', 'message', 'tries'), [
    ('fail/404/9', FileNotFoundError, '404', 1),
    ('fail/403/9', PermissionError, '403', 1),
    ('fail/400/9', ConnectionError, '400', 1),
    ('circle/a', ConnectionError, 'infinite loop', 5),
    ('fail/500/9', ConnectionError, '500', 3),
    ('truncate/9', ConnectionError, 'failed after 3 tries: IncompleteRead', 3),
    ('close/9', ConnectionError, 'failed after 3 tries', 3),
])
def test_lasting_trouble(server, backend, path, kind, message, tries):
    with pytest.raises(kind, match=message) as caught:
        backend.get(f'{server.url}/{path}')
    assert f'{server.url}/{path}' in str(caught.value)
    assert len(server.seen) == tries


def test_silent_server_is_not_waited_for_endlessly(server):
    backend = HTTPBackend(timeout=0.2, retries=1, backoff=0.01)
    start = time.monotonic()
    for path in ('stall', 'half'):  # from the start, or in the middle of its answer
        with pytest.raises(TimeoutError, match='failed after 2 tries'):
            backend.get(f'{server.url}/{path}/9')
    assert time.monotonic() - start < 30  # the server would stay silent for 80


def test_truncated_download_leaves_no_file(server, backend, tmp_path):
    with pytest.raises(ConnectionError, match='IncompleteRead'):
        backend.copyfile_to_local(f'{server.url}/truncate/9', tmp_path / 'a')
    assert list(tmp_path.iterdir()) == []


def test_nobody_listens(server, backend):
    server.server_close()
    with pytest.raises(ConnectionError, match='failed after 3 tries'):
        backend.get(f'{server.url}/ok/a')


def test_only_the_web(backend, tmp_path):
    (tmp_path / 'secret').write_text('x')
    with pytest.raises(ValueError, match='http:// and https:// only'):
        backend.get((tmp_path / 'secret').as_uri())


def test_cannot_write(backend):
    with pytest.raises(NotImplementedError, match="HTTPBackend does not support the operation 'put'"):
        fileio.put(b'', 'http://a/b')
