"""Start the ranks of a run on this node with the elastic agent of torchrun, and say how they ended."""
from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from types import FrameType
from typing import Any

import click
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.elastic.rendezvous import RendezvousError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from mmengine.checkpoint.discovery import LAST_CHECKPOINT
from mmengine.config.commands import Refused
from mmengine.runner.launch_options import Launch

#: Variable with the folder in which the ranks of a node leave notes for their agent and for each other.
NOTES = 'MMENGINE_LAUNCH_NOTES'
#: Name of the note in which the first rank to fail of those that were started together has its number.
FAILED = 'failed'
#: Variable with what `saved_state` gave when the launch began.
FOUND = 'MMENGINE_LAUNCH_FOUND'
#: Variable with the process of the agent, if ranks may tell it that they ended because of a signal (`ENDED`).
AGENT = 'MMENGINE_LAUNCH_AGENT'
ENDED = getattr(signal, 'SIGUSR2', None)

_STOP_SIGNALS = ('SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1')
#: Seconds that ranks may take to save and end after a signal; TORCH_ELASTIC_SHUTDOWN_TIMEOUT is another number.
_TIME_TO_SAVE = 600
#: Within so many seconds Ctrl-C counts once.
_SAME_CTRL_C = 1.0


def saved_state(work_dir: str) -> str:
    """Give a text that changes whenever a checkpoint is saved in a folder."""
    try:
        found = os.stat(os.path.join(work_dir, LAST_CHECKPOINT))
    except OSError:
        return 'none'
    return f'{found.st_mtime_ns} {found.st_size}'


def launch_ranks(launch: Launch, command: str, arguments: dict[str, Any], work_dir: str) -> int:
    """Run a command in several ranks, here and on the other nodes.

    Args:
        launch: How many ranks, and where.
        command: Name of the command.
        arguments: Its arguments by name, without those of the launch.
        work_dir: Folder of the run.

    Returns:
        The exit code: 0, 1 if ranks failed, 128 + the number of a signal that ended them.

    Raises:
        Refused: The nodes did not meet, or the rendezvous needs a package that is not installed.
    """
    with tempfile.TemporaryDirectory(prefix='mmengine_launch_') as notes:
        os.environ.update({NOTES: notes, FOUND: saved_state(work_dir)})
        config, stop = _config(launch, notes), _Stop(notes)
        rank = ['-u', '-m', 'mmengine.runner.launched_rank', command, json.dumps(arguments)]
        try:
            with stop:
                elastic_launch(config, sys.executable)(*rank)
        except SignalException as ended:
            return 128 + (stop.received or int(ended.sigval))
        except ChildFailedError as failed:
            click.echo(_how_it_failed(failed, Path(notes)), err=True)
            return 1
        except (ImportError, RendezvousError) as error:
            raise Refused(f'The nodes could not meet with --rdzv-backend {launch.rdzv_backend} --rdzv-endpoint '
                          f'{launch.rdzv_endpoint}: {type(error).__name__}: {error}') from error
    return 0


def _config(launch: Launch, notes: str) -> LaunchConfig:
    known = {field.name for field in fields(LaunchConfig)}
    options: dict[str, Any] = {}
    if 'shutdown_timeout' in known and 'TORCH_ELASTIC_SHUTDOWN_TIMEOUT' not in os.environ:
        options['shutdown_timeout'] = _TIME_TO_SAVE
    if 'signals_to_handle' in known:
        # The agent would stop waiting for the ranks when a second signal comes: `_Stop` takes them in its place, and it
        # gets one that nobody sends.
        options['signals_to_handle'] = 'SIGURG'
        os.environ[AGENT] = str(os.getpid())
    if launch.rdzv_backend == 'static':
        options['rdzv_configs'] = {'rank': launch.node_rank}
    else:  # PyTorch 2.13 gives restarted ranks the store of those before, who then look for each other in vain
        os.environ['TORCH_DISABLE_SHARE_RDZV_TCP_STORE'] = '1'
    return LaunchConfig(
        min_nodes=launch.nnodes, max_nodes=launch.nnodes, nproc_per_node=launch.nproc,
        run_id=launch.rdzv_id or f'mmengine_{os.getpid()}', role='rank', rdzv_backend=launch.rdzv_backend,
        rdzv_endpoint=launch.rdzv_endpoint, max_restarts=launch.max_restarts,
        local_addr=launch.local_addr or ('127.0.0.1' if launch.nnodes == 1 else None),
        logs_specs=DefaultLogsSpecs(log_dir=notes), **options)


class _Stop:
    """Takes the signals of the agent: it hands the first one to the ranks and waits until they have saved.

    Ctrl-C once more is handed on as well, so that they end at once, and the third one kills them.
    """

    def __init__(self, notes: str) -> None:
        self._notes = Path(notes)
        self._former: dict[int, Any] = {}
        self._time = 0.0
        self._presses = 0
        #: The signal that came first; 0 for none.
        self.received = 0

    def __enter__(self) -> None:
        for name in _STOP_SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # which nohup makes of SIGHUP
                self._former[number] = signal.signal(number, self._take)
        if ENDED is not None:
            self._former[ENDED] = signal.signal(ENDED, self._take_end)

    def __exit__(self, *error: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if not self.received:
            self.received, self._time = number, time.monotonic()
            raise SignalException(f'{signal.Signals(number).name} ends the run', signal.Signals(number))
        if number == signal.SIGINT and time.monotonic() - self._time > _SAME_CTRL_C:
            self._presses, self._time = self._presses + 1, time.monotonic()
            self._hand_on(signal.SIGINT if self._presses == 1 else signal.SIGKILL)

    def _take_end(self, number: int, frame: FrameType | None) -> None:
        """A rank ended because of a signal, maybe of another node: there is nothing to start again."""
        if not self.received:
            self.received = signal.SIGTERM
            # The agent sends what it is told to the ranks, of which others are still closing: this one means nothing.
            raise SignalException('the ranks end because of a signal', signal.SIGCONT)

    def _hand_on(self, number: int) -> None:
        for note in self._notes.glob('process-*'):
            with suppress(ProcessLookupError, ValueError):
                os.kill(int(note.read_text()), number)


def _how_it_failed(failed: ChildFailedError, notes: Path) -> str:
    """Say which rank failed first; its traceback is printed already, by itself."""
    killed = {rank: failure for rank, failure in failed.failures.items()
              if failure.exitcode < 0 and -failure.exitcode != signal.SIGTERM}
    said = sorted(notes.rglob(FAILED), key=lambda note: note.stat().st_mtime_ns)
    first = int(said[-1].read_text() or -1) if said else -1
    if killed:
        rank, failure = min(killed.items(), key=lambda item: item[1].timestamp)
        why = f'was ended by {failure.signal_name()}'
        if -failure.exitcode == getattr(signal, 'SIGKILL', None):
            why += ', as the system does when memory runs out'
    elif first in failed.failures:
        rank, failure = first, failed.failures[first]
        why = f'failed with exit code {failure.exitcode}; its error is above'
    else:
        rank, failure = failed.get_first_failure()
        why = f'failed with exit code {failure.exitcode}'
    return f'Rank {rank} (process {failure.pid}) {why}. The other ranks were ended.'
