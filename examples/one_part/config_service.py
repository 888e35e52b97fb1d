"""Configs in a web service: which there are, and each as JSON with keys overridden. Needs mmparts-config only.

    python config_service.py [PORT]
    curl "localhost:8000/large?model.width=32&optimizer.lr=0.01"
"""
from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.simple_server import make_server

from mmengine.config import Config

CONFIGS = Path(__file__).parent / 'configs'


def value_of(text: str) -> Any:
    """Give the number, list ... that a text stands for, or the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def read(name: str, options: dict[str, str]) -> dict[str, Any]:
    """Load the config of a name with some keys overridden.

    Raises:
        LookupError: There is no such config, or it has no such key.
        TypeError: A key leads into what is neither dict nor list.
    """
    known = {file.stem: file for file in sorted(CONFIGS.glob('*.py'))}
    if name not in known:
        raise LookupError(f'no config {name!r}, but {", ".join(known)}')
    cfg = Config.fromfile(known[name])
    cfg.merge_from_dict({key: value_of(text) for key, text in options.items()}, allow_new=False)
    return cfg.to_dict()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request, as WSGI has it."""
    try:
        found = read(environ['PATH_INFO'].strip('/'), dict(parse_qsl(environ['QUERY_STRING'])))
        status, answer = '200 OK', json.dumps(found, indent=2)
    except (LookupError, TypeError) as error:
        status, answer = '404 Not Found', json.dumps({'error': str(error)})
    start_response(status, [('Content-Type', 'application/json')])
    return [answer.encode()]


def main() -> None:
    """Serve until Ctrl-C."""
    with make_server('127.0.0.1', int(sys.argv[1]) if len(sys.argv) > 1 else 8000, app) as server:
        print(f'http://127.0.0.1:{server.server_port}/large', flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print('ended')


if __name__ == '__main__':
    main()
