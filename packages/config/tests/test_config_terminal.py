"""The command `mmengine config` prints in colour on a terminal, and the very text everywhere else."""
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pty = pytest.importorskip('pty', reason='this system has no pseudo-terminals')

_ESCAPES = re.compile(r'\x1b\[[0-9;]*m')
_PROGRAM = [sys.executable, '-W', 'ignore', '-c', 'from mmengine.cli import main; main()', 'config']
_ENVIRONMENT = {key: value for key, value in os.environ.items()
                if key not in ('NO_COLOR', 'FORCE_COLOR', 'TTY_COMPATIBLE', 'TTY_INTERACTIVE')}


@pytest.fixture
def config(write) -> str:
    write('base.py', "model = dict(depth=50, items=[1])\nname = 'x'\n")
    write('b.py', "model = dict(depth=50)\nname = 'y'\n")
    return write('a.py', "_base_ = './base.py'\nmodel = dict(depth=101)\n")


def on_a_terminal(*args: str) -> str:
    """Run the command with a pseudo-terminal as its output, and read what comes out of it."""
    ours, its = pty.openpty()
    try:
        process = subprocess.Popen([*_PROGRAM, *args], stdin=its, stdout=its, stderr=subprocess.PIPE,
                                   env={**_ENVIRONMENT, 'TERM': 'xterm-256color', 'COLUMNS': '200'})
    finally:
        os.close(its)
    pieces = []
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # what Linux says when the other end is closed
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(ours)
    _, errors = process.communicate()
    assert process.returncode in (0, 1), errors
    return b''.join(pieces).decode()


def in_a_pipe(*args: str) -> str:
    return subprocess.run([*_PROGRAM, *args], stdout=subprocess.PIPE, text=True, encoding='utf-8',
                          env={**_ENVIRONMENT, 'TERM': 'xterm-256color', 'COLUMNS': '40'}).stdout


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


@pytest.mark.parametrize('command', ['show', 'diff', 'tree', 'explain'])
def test_colour_on_a_terminal_and_plain_in_a_pipe(config, command):
    more = {'diff': [str(Path(config).with_name('b.py'))], 'explain': ['model.depth']}.get(command, [])
    shown, piped = on_a_terminal(command, config, *more), in_a_pipe(command, config, *more)
    assert '\x1b' not in piped
    assert len(set(_ESCAPES.findall(shown))) > 1
    assert lines(_ESCAPES.sub('', shown)) == lines(piped)
    assert len(lines(piped)) >= 2


def test_no_colour_for_who_wants_none(config, monkeypatch):
    monkeypatch.setitem(_ENVIRONMENT, 'NO_COLOR', '1')
    assert not re.search(r'\x1b\[[0-9;]*3[0-9]', on_a_terminal('show', config))
