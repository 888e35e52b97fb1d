"""Snippets of the shell and of notebooks: every line is run, in an environment that has our parts, and checked."""
from __future__ import annotations

import os
import shlex
import sys
import sysconfig
import zipfile
from pathlib import Path

from account import offline_account
from snippets import Snippet
from workplace import Failed, Workplace, require

#: mmcv's own wheels have to be compiled; what stands in for it asks for the same version without them
MMCV = 'mmcv-2.2.0'


class Installation:
    """An environment to install into, made when it is first needed, that sees all of ours.

    Args:
        folder: Where to make it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: dict[str, str] = {}

    def environ(self, place: Workplace) -> dict[str, str]:
        """Give the variables of the environment."""
        programs = self.folder / 'bin'
        if not programs.is_dir():
            place.run(sys.executable, '-m', 'venv', str(self.folder))
            sites, = self.folder.glob('lib/python*/site-packages')
            ours = sysconfig.get_path('purelib')
            (sites / 'ours.pth').write_text(f'import site; site.addsitedir({ours!r})\n')
            self._stand_in()
        path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ['PATH']])
        return {'PATH': path, 'VIRTUAL_ENV': str(self.folder), 'PIP_FIND_LINKS': str(self.folder / 'links'),
                'PIP_RETRIES': '0', 'PYTHONPATH': ''}  # the page of mmcv's own wheels may be out of reach

    def _stand_in(self) -> None:
        (self.folder / 'links').mkdir()
        info = f'{MMCV}.dist-info'
        name, version = MMCV.split('-')
        files = {'METADATA': f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n'
                             f'Requires-Dist: mmcv-lite=={version}\n',
                 'WHEEL': 'Wheel-Version: 1.0\nGenerator: seeds\nRoot-Is-Purelib: true\nTag: py3-none-any\n'}
        files['RECORD'] = ''.join(f'{info}/{file},,\n' for file in (*files, 'RECORD'))
        with zipfile.ZipFile(self.folder / 'links' / f'{MMCV}-py3-none-any.whl', 'w') as wheel:
            for file, text in files.items():
                wheel.writestr(f'{info}/{file}', text)

    def install(self, line: str, place: Workplace) -> str:
        """Run a line of pip or mim, once; gives what was checked.

        Raises:
            Failed: It cannot be run, or what it installs cannot be imported afterwards.
        """
        if line in self.done:
            return f'as above: {self.done[line]}'
        environ = self.environ(place)
        place.run('sh', '-c', line, **environ)
        names = [word for word in shlex.split(line)[2:] if not word.startswith('-')]
        python = str(self.folder / 'bin' / 'python')
        shown = place.run(python, '-W', 'ignore', '-c', f'import importlib.metadata as m\nfor n in {names}:\n'
                          ' print(n, m.version(n))', **environ).split('\n')
        if 'mmengine' in names:
            owner = place.run(python, '-c', 'import mmcv, mmengine.runner, importlib.metadata as m\n'
                              'print(*m.requires("mmengine"))', **environ)
            require('mmparts' in owner, f'mmengine is not made of our parts after {line!r}: it requires {owner}')
            shown.append('mmengine is ours, and mmcv-lite in place of mmcv imports on it')
        self.done[line] = ', '.join(filter(None, shown))
        return self.done[line]


def run_commands(snippet: Snippet, place: Workplace, installation: Installation) -> tuple[str, str]:
    """Run the lines of a snippet; gives what was run and what was checked.

    Raises:
        Failed: A line is not known, or ended with an error, or did not keep its promise.
    """
    ran, checked = [], []
    for line in filter(None, map(str.strip, snippet.code.splitlines())):
        command = line.removeprefix('!')
        ran.append(command)
        checked.append(_run_line(command, snippet, place, installation))
    return '; '.join(ran), '; '.join(checked)


def _run_line(line: str, snippet: Snippet, place: Workplace, installation: Installation) -> str:
    if line.startswith(('pip install ', 'mim install ')):
        return installation.install(line, place)
    if line == 'wandb login':
        with offline_account() as account:
            said = place.run('sh', '-c', line, **{**installation.environ(place), **account})
        require('logged in as: reader' in said, f'not logged in: {said}')
        return 'logged in at an account on this machine'
    if line == 'wandb.login()':
        with offline_account() as account:
            said = place.run(sys.executable, '-c', f'import wandb\nassert {line} is True', **account)
        return 'True from an account on this machine'
    if line.startswith('python tools/train.py '):
        return _train(line, place)
    raise Failed(f'the command {line!r} is not known: say in {Path(__file__).name} how it is run and checked')


def _train(line: str, place: Workplace) -> str:
    place.unpack_configs()
    require((place.folder / shlex.split(line)[2]).is_file(), f'the config of {line!r} is not there')
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])
    place.run('sh', '-c', line, PATH=path)
    records = place.swanlab_records()
    losses = [record.step for kind, record in records if kind == 'scalar' and record.key == 'loss']
    scores = [record.step for kind, record in records if kind == 'scalar' and record.key == 'coco/bbox_mAP']
    require(len(scores) == 12, f'12 evaluations were to be recorded: {scores}')
    require('finish' in [kind for kind, _ in records], 'the run was not ended')
    return f"MMDetection's own tools/train.py, 12 epochs: {len(losses)} losses and 12 scores at SwanLab"
