"""Where the snippets of one document are run: a folder with the scaffold, and readers of what trackers keep."""
from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from snippets import Snippet

HERE = Path(__file__).resolve().parent
SCAFFOLD = HERE / 'scaffold'
INTEGRATIONS = HERE.parents[1] / 'packages' / 'integrations'


class Failed(Exception):
    """A snippet did not run, or did not keep what it promises."""


def require(condition: bool, message: str) -> None:
    """Fail with a message unless a condition holds."""
    if not condition:
        raise Failed(message)


def reader_of(tracker: str) -> Any:
    """Give the module of tests of a tracker's package, which reads records by the platform's own means."""
    path = INTEGRATIONS / tracker / 'tests' / f'test_{tracker}_backend.py'
    spec = importlib.util.spec_from_file_location(f'reader_of_{tracker}', path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Workplace:
    """The folder of one document.

    Args:
        folder: An empty one.
        corpus: Where the released wheel of MMDetection is.

    Attributes:
        earlier: The snippets of the document that have run.
    """

    def __init__(self, folder: Path, corpus: Path) -> None:
        self.folder = folder
        self.corpus = corpus
        self.earlier: list[Snippet] = []
        home = folder / 'home'
        home.mkdir(parents=True)
        kept = {name: str(home) for name in ('WANDB_DATA_DIR', 'WANDB_CACHE_DIR', 'WANDB_CONFIG_DIR', 'SWANLAB_ROOT')}
        self.environ = {
            **os.environ, **kept, 'PYTHONPATH': str(SCAFFOLD), 'OMP_NUM_THREADS': '1', 'HOME': str(home),
            'WANDB_MODE': 'offline', 'WANDB_ERROR_REPORTING': 'false', 'WANDB_CONSOLE': 'off', 'WANDB_SILENT': 'true',
            'SWANLAB_MODE': 'offline'}

    def run(self, *command: str, **environ: str) -> str:
        """Run a program in a folder and give what it printed.

        Raises:
            Failed: It ended with an error.
        """
        done = subprocess.run(command, cwd=self.folder, env={**self.environ, **environ}, text=True, encoding='utf-8',
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        require(done.returncode == 0, f'{" ".join(command)[:80]}: exit status {done.returncode}\n{done.stdout[-3000:]}')
        return done.stdout

    def run_python(self, *snippets: Snippet, before: str = '', after: str = '') -> str:
        """Run snippets as they are, one after the other in one process, between lines of the scaffold."""
        lines = [before]
        for snippet in snippets:
            file = self.folder / f'snippet_{snippet.line}.py'
            file.write_text(snippet.code, encoding='utf-8')
            lines.append(f'exec(compile(open({file.name!r}, encoding="utf-8").read(), {file.name!r}, "exec"))')
        program = self.folder / f'program_{snippets[-1].line}.py'
        program.write_text('\n'.join([*lines, after]) + '\n', encoding='utf-8')
        return self.run(sys.executable, program.name)

    def unpack_configs(self) -> None:
        """Put the configs and tools that MMDetection released where its repository has them."""
        if (self.folder / 'tools').is_dir():
            return
        wheels = sorted(self.corpus.glob('mmdet-*.whl'))
        require(bool(wheels), f'no wheel of MMDetection in {self.corpus}')
        with zipfile.ZipFile(wheels[-1]) as wheel:
            names = [name for name in wheel.namelist() if name.startswith(('mmdet/.mim/configs', 'mmdet/.mim/tools'))]
            wheel.extractall(self.folder, names)
        for name in ('configs', 'tools'):
            shutil.move(self.folder / 'mmdet' / '.mim' / name, self.folder / name)
        shutil.rmtree(self.folder / 'mmdet')

    def last_run(self, pattern: str) -> Path:
        """Give the folder of the newest run of a tracker."""
        found = sorted(self.folder.rglob(pattern), key=lambda path: path.stat().st_mtime_ns)
        require(bool(found), f'nothing was recorded: no {pattern}')
        return found[-1]

    def wandb_facts(self) -> dict[str, Any]:
        """Give project, config, state ... of the newest offline run of Weights & Biases."""
        return dict(json.loads(reader_of('wandb').inspect(self.last_run('offline-run-*'), '--summary')))

    def wandb_records(self) -> list[dict[str, Any]]:
        """Give all that the newest offline run of Weights & Biases holds, in its order."""
        return [json.loads(line) for line in reader_of('wandb').inspect(self.last_run('offline-run-*')).splitlines()]

    def swanlab_records(self) -> list[tuple[str, Any]]:
        """Give all that the newest offline run of SwanLab holds, in its order."""
        run = self.last_run('*.swanlab').parent
        return [(kind, record) for kind, record in reader_of('swanlab').records_of(run)]


def series(records: list[dict[str, Any]], name: str) -> list[tuple[int, float]]:
    """Give step and value of a scalar in the records of Weights & Biases."""
    rows = [record['history']['item'] for record in records if record['type'] == 'history']
    return [(row['global_step'], row[name]) for row in rows if name in row]
