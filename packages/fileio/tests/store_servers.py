"""Servers on loopback that speak enough of Google Cloud Storage, Azure, the Hugging Face hub and FTP for a client."""
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


def free_port():
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def running(command, port, **options):
    """Run a server until the block ends; wait until it takes connections."""
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        end = time.monotonic() + 60
        while True:
            assert process.poll() is None, f'{command[:3]} ended'
            with socket.socket() as probe:
                if probe.connect_ex(('127.0.0.1', port)) == 0:
                    break
            assert time.monotonic() < end, f'{command[:3]} did not start in a minute'
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def google(folder):
    for module in ('gcsfs', 'gcp_storage_emulator'):
        pytest.importorskip(module, reason='needs gcsfs and an emulator: pip install gcsfs gcp-storage-emulator')
    port = free_port()
    command = [sys.executable, '-m', 'gcp_storage_emulator', 'start', '--host', '127.0.0.1', '--port', port,
               '--in-memory', '--default-bucket', 'bucket']
    with running(command, port):
        yield 'gs://bucket', {'token': 'anon', 'project': 'p', 'endpoint_url': f'http://127.0.0.1:{port}'}


#: The account that every installation of Azurite has, from its documentation.
AZURITE_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='


@contextlib.contextmanager
def azure(folder):
    blob = pytest.importorskip('azure.storage.blob', reason='needs adlfs: pip install adlfs')
    pytest.importorskip('adlfs', reason='needs adlfs: pip install adlfs')
    program = os.environ.get('MMENGINE_AZURITE') or shutil.which('azurite-blob')
    if program is None:
        pytest.skip('needs the program azurite-blob: npm install azurite, and its path in MMENGINE_AZURITE')
    port = free_port()
    with running([program, '--blobPort', port, '--inMemoryPersistence', '--silent', '--skipApiVersionCheck',
                  '--disableTelemetry'], port):
        connection = (f'DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={AZURITE_KEY};'
                      f'BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;')
        with blob.BlobServiceClient.from_connection_string(connection) as service:
            service.create_container('bucket')
        yield 'az://bucket', {'connection_string': connection}


@contextlib.contextmanager
def ftp(folder):
    pytest.importorskip('fsspec', reason="needs the extra: pip install 'mmparts-fileio[fsspec]'")
    pytest.importorskip('pyftpdlib', reason='needs an FTP server: pip install pyftpdlib')
    port = free_port()
    with running([sys.executable, '-W', 'ignore', '-m', 'pyftpdlib', '-i', '127.0.0.1', '-p', port, '-w',
                  '-d', folder, '-u', 'me', '-P', 'secret'], port):
        yield f'ftp://127.0.0.1:{port}/bucket', {'username': 'me', 'password': 'secret'}


class Hub(BaseHTTPRequestHandler):
    """What the hub's client asks while it reads a data set: facts of a repository, its tree, and its files."""

    folder: Path
    seen: list[str]

    def do_GET(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        self.seen.append(f'{path} {self.headers.get("Range", "")}'.strip())
        if path.startswith('/datasets/me/data/resolve/main/'):
            self.give_file(self.folder / path.split('/', 6)[6])
        elif path.startswith('/api/datasets/me/data/tree/main'):
            base = self.folder / path.removeprefix('/api/datasets/me/data/tree/main').strip('/')
            found = base.rglob('*') if 'recursive=true' in self.path.lower() else base.glob('*')
            self.give_json([self.describe(item) for item in sorted(found)] if base.is_dir() else None)
        elif path in ('/api/datasets/me/data', '/api/datasets/me/data/revision/main'):
            self.give_json({'id': 'me/data', 'sha': '0' * 40, 'private': False, 'tags': [], 'downloads': 0, 'likes': 0})
        else:
            self.give_json(None)

    def do_POST(self):
        sent = self.rfile.read(int(self.headers['Content-Length'])).decode()
        paths = json.loads(sent)['paths'] if sent.startswith('{') else urllib.parse.parse_qs(sent)['paths']
        self.give_json([self.describe(self.folder / path) for path in paths if (self.folder / path).exists()])

    def describe(self, item):
        name = item.relative_to(self.folder).as_posix()
        if item.is_dir():
            return {'type': 'directory', 'path': name, 'oid': '1' * 40, 'size': 0}
        return {'type': 'file', 'path': name, 'oid': '2' * 40, 'size': item.stat().st_size}

    def give_json(self, what):
        self.give(404 if what is None else 200, json.dumps(what).encode(), 'application/json')

    def give_file(self, path):
        if not path.is_file():
            self.give_json(None)
            return
        content, asked = path.read_bytes(), self.headers.get('Range')
        if asked is None:
            self.give(200, content, 'application/octet-stream')
            return
        first, _, last = asked.removeprefix('bytes=').partition('-')
        self.give(206, content[int(first):int(last) + 1 if last else None], 'application/octet-stream')

    def give(self, status, content, kind):
        self.send_response(status)
        if status == 404:
            self.send_header('X-Error-Code', 'EntryNotFound')
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def hub(folder):
    pytest.importorskip('huggingface_hub', reason='needs the client of the hub: pip install huggingface-hub')
    pytest.importorskip('fsspec', reason="needs the extra: pip install 'mmparts-fileio[fsspec]'")
    handler = type('Handler', (Hub, ), {'folder': Path(folder), 'seen': []})
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05, ))
        thread.start()
        try:
            yield f'http://127.0.0.1:{server.server_port}', handler.seen
        finally:
            server.shutdown()
            thread.join()
