"""What progress bars look like where people see them: a terminal, a log, a notebook."""
from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest

SHOW = """
import operator
from mmengine.utils import track_parallel_progress, track_progress, track_progress_rich
print(track_progress_rich(operator.neg, range(4), description='Negate'))
print(track_progress(operator.neg, range(4), bar_width=4))
print(track_parallel_progress(operator.neg, range(4), 2, bar_width=4))
"""
RESULT = '[0, -1, -2, -3]'


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ('COLUMNS', 'NO_COLOR', 'TERM')}
    return {**kept, 'PYTHONWARNINGS': 'ignore::DeprecationWarning', **variables}


@pytest.mark.skipif(os.name == 'nt', reason='terminals of POSIX systems')
def test_terminal():
    import fcntl
    import pty
    import struct
    import termios
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
    with subprocess.Popen([sys.executable, '-c', SHOW], stdin=theirs, stdout=theirs, stderr=theirs,
                          env=environment(TERM='xterm')) as process:
        os.close(theirs)
        shown = b''
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # how Linux says that nobody has the terminal any more
            pass
    os.close(ours)
    assert process.returncode == 0, shown
    text = shown.decode()
    rich, plain, parallel = text.split(RESULT)[:3]
    assert rich.startswith('\x1b[?25l')  # the cursor is hidden while the bar stands
    assert rich.index('0/4') < rich.index('4/4')
    assert rich.endswith('\x1b[?25h')
    for bar in (plain, parallel):
        assert bar.strip('\r\n').startswith('[    ] 0/4, elapsed: 0s, ETA:\r[>   ] 1/4, ')
        assert '\r[>>>>] 4/4, ' in bar
        assert bar.endswith('\r\n')


def test_log():
    done = subprocess.run([sys.executable, '-c', SHOW], capture_output=True, env=environment(), timeout=120, check=True)
    assert done.stderr == b''
    assert b'\x1b' not in done.stdout
    lines = done.stdout.decode().replace('\r\n', '\n').split('\n')
    assert lines[0].startswith('Negate ')
    assert ' 4/4 ' in lines[0]
    assert lines[1] == RESULT  # one line of the bar, its last state
    assert '[>>>>] 4/4, ' in lines[2]
    assert lines[3] == lines[5] == RESULT


def run_in_notebook(code: str) -> list[dict[str, Any]]:
    """Run a cell in a kernel of its own, and give what it shows."""
    nbclient = pytest.importorskip('nbclient', reason='needs a client of notebooks: pip install nbclient ipykernel')
    pytest.importorskip('ipykernel', reason='needs a kernel: pip install nbclient ipykernel')
    import nbformat
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('PYTHONWARNINGS', 'ignore::DeprecationWarning')
        patch.setenv('JUPYTER_PLATFORM_DIRS', '1')
        nbclient.NotebookClient(notebook, timeout=120, kernel_name='python3').execute()
    outputs: list[dict[str, Any]] = notebook.cells[0].outputs
    return outputs


@pytest.mark.filterwarnings('ignore::DeprecationWarning', 'ignore::ResourceWarning')
@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
def test_notebook():
    outputs = run_in_notebook(SHOW)
    assert not any(output.output_type == 'error' for output in outputs), outputs
    assert not any(output.get('name') == 'stderr' for output in outputs), outputs
    text = ''.join(output.text for output in outputs if output.output_type == 'stream')
    assert text.count(RESULT) == 3
    if find_spec('ipywidgets') is None:  # else rich's bar is a widget
        assert text.startswith('Negate\n[')
        assert text.count('4/4, ') == 3
