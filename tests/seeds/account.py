"""An account of Weights & Biases on this machine: a server that knows one user, whatever the key."""
from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USER = {'id': '1', 'username': 'reader', 'entity': 'reader', 'flags': '{}', 'teams': {'edges': []}}


class Account(BaseHTTPRequestHandler):
    """Answers the question who is logged in, and takes anything else."""

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers.get('Content-Length', 0)))
        body = json.dumps({'data': {'viewer': USER, 'serverInfo': {}}}).encode()
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def offline_account() -> Iterator[dict[str, str]]:
    """Serve an account; gives the variables by which the client finds it."""
    server = ThreadingHTTPServer(('127.0.0.1', 0), Account)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {'WANDB_BASE_URL': f'http://127.0.0.1:{server.server_port}', 'WANDB_API_KEY': 'a' * 40,
               'WANDB_MODE': 'online', 'WANDB_SILENT': 'false', 'NO_PROXY': '127.0.0.1', 'no_proxy': '127.0.0.1'}
    finally:
        server.shutdown()
        server.server_close()
