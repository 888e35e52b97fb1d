"""Run the blocks of pages: `python run_pages.py FOLDER PAGE...` writes what came of each to FOLDER/PAGE.json.

torch, the engine and what a first training imports are loaded once. Each page then runs in a fork of this process and
in a folder of its own: its Python blocks in one namespace, and each command `mmengine ...` or `python FILE` in a fork
that knows nothing of the page.
"""
from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click  # noqa: F401  # of the program
import sklearn.datasets  # noqa: F401
import torch
from torch.utils.data import DataLoader

from mmengine.cli import main
from mmengine.model import BaseModel
from mmengine.runner import Runner

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / 'tools'))
from docs_pages import KINDS, Block, blocks

if sys.version_info >= (3, 11):
    import tomllib

PATH = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get('PATH', '')])
CONSOLE = {'PATH': PATH, 'COLUMNS': '120', 'NO_COLOR': '1', 'TERM': 'dumb'}


def forked(work: Callable[[], Any], output: Path) -> int:
    """Do something in a fork whose output goes to a file, and give its exit status."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 1
    try:
        with open(output, 'wb') as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        sys.stdout, sys.stderr = (os.fdopen(n, 'w', buffering=1, encoding='utf-8', closefd=False) for n in (1, 2))
        work()
        status = 0
    except SystemExit as leaving:
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


class Commands:
    """A process that runs commands in forks of its own, as it was when a page began."""

    def __init__(self) -> None:
        (asked, self._ask), (self._reply, replied) = os.pipe(), os.pipe()
        if os.fork() == 0:
            os.close(self._ask)
            with open(asked, encoding='utf-8') as requests:
                for line in requests:
                    folder, words, output = json.loads(line)
                    status = forked(lambda f=folder, w=words: (os.chdir(f), run_program(w)), Path(output))
                    os.write(replied, f'{status}\n'.encode())
            os._exit(0)
        os.close(asked)
        os.close(replied)

    def run(self, words: list[str], output: Path) -> int:
        """Run a command in the current folder, and give its status."""
        os.write(self._ask, (json.dumps([os.getcwd(), words, str(output)]) + '\n').encode())
        return int(os.read(self._reply, 100))


def run_program(words: list[str]) -> None:
    """Be `mmengine ...` or `python FILE ...`, as a process of its own would."""
    sys.argv = words[1:] if words[0] == 'python' else words
    if words[0] == 'mmengine':
        main(words[1:])
    elif words[1] == '-m':
        sys.argv = words[2:]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(words[2], run_name='__main__', alter_sys=True)
    else:
        sys.path.insert(0, str(Path(words[1]).resolve().parent))
        runpy.run_path(words[1], run_name='__main__')


def run_line(line: str, commands: Commands) -> tuple[int, str]:
    """Run one line of a shell block, and give its status and what it printed."""
    words = shlex.split(line, comments=True)
    if not words:
        return 0, ''
    if words[0] == 'cd':
        os.chdir(words[1])
        return 0, ''
    output = Path(tempfile.mkstemp()[1])
    try:
        if words[0] in ('mmengine', 'python') and not set('|>&;') & set(line.partition('#')[0]):
            status = commands.run(words, output)
        else:
            with open(output, 'wb') as file:
                status = subprocess.run(['bash', '-c', line], stdout=file, stderr=file, check=False).returncode
        return status, output.read_text(encoding='utf-8')
    finally:
        output.unlink()


def run_shell(block: Block, commands: Commands) -> str:
    """Run the lines of a block; each but the last has to end with 0, and the last as its comment says."""
    text = block.notes.get('instead', block.text).replace('\\\n', ' ')
    lines = [line for line in text.splitlines() if line and not line.startswith('#')]
    printed = ''
    for number, line in enumerate(lines):
        status, said = run_line(line, commands)
        printed += said
        wanted = int(block.notes.get('exit', 0)) if number == len(lines) - 1 else 0
        if status != wanted:
            raise AssertionError(f'{line!r} ended with {status} and not with {wanted}:\n{said}')
    return printed


def run_python(block: Block, module: types.ModuleType) -> str:
    """Run a block in the namespace of its page, and give what it printed."""
    kept = [os.dup(1), os.dup(2)]
    with tempfile.TemporaryFile() as output:
        for number in (1, 2):
            os.dup2(output.fileno(), number)
        try:
            source = '\n' * block.line + block.text
            exec(compile(source, str(ROOT / block.file), 'exec'), module.__dict__)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)
        output.seek(0)
        return output.read().decode()


def check_output(block: Block, printed: str) -> str:
    """Compare what was printed with what the page shows; `...` stands for anything."""
    def plain(text: str) -> str:
        return '\n'.join(line.rstrip() for line in text.strip('\n').splitlines())

    pieces = plain(block.text).split('...')
    if not re.fullmatch('.*?'.join(map(re.escape, pieces)), plain(printed), re.S):
        raise AssertionError(f'the page shows\n{block.text}\nbut what was printed ends with\n{printed[-3000:]}')
    return ''


def run_block(block: Block, module: types.ModuleType, commands: Commands, printed: str) -> str:
    """Run or check one block."""
    for needed in filter(None, block.notes.get('needs', '').split()):
        copy = shutil.copytree if (ROOT / needed).is_dir() else shutil.copy
        Path(needed).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / needed, needed)
    if block.title:
        Path(block.title).write_text(block.text, encoding='utf-8')
        return ''
    if block.kind == 'python':
        return run_python(block, module)
    if block.kind in ('bash', 'shell'):
        return run_shell(block, commands)
    if block.kind == 'toml' and sys.version_info >= (3, 11):
        tomllib.loads(block.text)
    return check_output(block, printed) if 'output' in block.notes else ''


def run_page(page: str, report: Path) -> None:
    """Run the blocks of a page in order, up to the first that fails, and write what came of each."""
    folder = Path(tempfile.mkdtemp())
    os.chdir(folder)
    os.environ.update(CONSOLE)
    commands = Commands()
    sys.modules['__main__'] = module = types.ModuleType('__main__')
    done: list[dict[str, Any]] = []
    printed = ''
    for block in blocks(page):
        result = dict(place=block.place, kind=block.kind, state='ran', why='')
        done.append(result)
        try:
            if block.kind not in KINDS:
                raise AssertionError(f'a block of kind {block.kind!r}, which is none of {", ".join(KINDS)}')
            if 'not run' in block.notes:
                result.update(state='not run', why=block.notes['not run'])
                if not result['why']:
                    raise AssertionError('the comment does not say why the block is not run')
            else:
                printed = run_block(block, module, commands, printed)
        except (Exception, SystemExit):
            result.update(state='failed', why=traceback.format_exc())
            break
    print(page, 'took', sum(os.times()[:4]), 's of CPU')
    os.chdir('/')
    shutil.rmtree(folder, ignore_errors=True)
    report.write_text(json.dumps(done), encoding='utf-8')


class _Layer(BaseModel):
    """The smallest model that trains."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, inputs: torch.Tensor, mode: str) -> dict[str, torch.Tensor]:
        """Give a loss."""
        return dict(loss=self.layer(inputs).sum())


def warm_up(folder: str) -> None:
    """Train for an iteration, so that the forks need not import what only a training does."""
    backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
    data = [[torch.ones(1)], [torch.ones(1)]]
    Runner(model=_Layer(), work_dir=folder, log_level='ERROR', train_dataloader=DataLoader(data),
           visualizer=dict(type='Visualizer', vis_backends=backends), train_cfg=dict(by_epoch=True, max_epochs=1),
           custom_hooks=[dict(type='CurvePlotHook'), dict(type='ProgressBarHook')],
           optim_wrapper=dict(optimizer=dict(type='AdamW'))).train()


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as nowhere:
        warm_up(nowhere)
    print('to begin with took', sum(os.times()[:4]), 's of CPU')
    for name in sys.argv[2:]:
        stem = Path(sys.argv[1]).resolve() / name.replace('/', '-')
        forked(lambda name=name, stem=stem: run_page(name, Path(f'{stem}.json')), Path(f'{stem}.log'))
