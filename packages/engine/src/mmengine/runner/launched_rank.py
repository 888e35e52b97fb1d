"""The program of one rank that a command with `--nproc` starts: `python -m mmengine.runner.launched_rank COMMAND ARGS`.

It is for the launch only. What it does beyond the command: it goes on from the last checkpoint after a restart, and of
several ranks that fail the first one alone prints its traceback.
"""
from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import click
from torch.distributed.elastic.multiprocessing.errors import record

from mmengine.config import Config
from mmengine.dist import all_gather_object, init_dist
from mmengine.runner.commands import JOBS
from mmengine.runner.launch import AGENT, ENDED, FAILED, FOUND, NOTES, saved_state


def main(command: str, arguments: str) -> int:
    """Run the command in this rank, and give its exit code."""
    note = Path(os.environ[NOTES], f'process-{os.environ["LOCAL_RANK"]}')
    note.write_text(str(os.getpid()), encoding='utf-8')
    try:
        record(_run)(command, json.loads(arguments))
    except click.ClickException as error:
        if _is_first_to_fail():
            error.show()
        return error.exit_code
    except KeyboardInterrupt:
        _tell_the_agent()
        return 128 + signal.SIGINT
    except SystemExit as ended:
        if isinstance(ended.code, int) and ended.code - 128 in set(signal.Signals):
            _tell_the_agent()
        raise
    except Exception as error:
        _print(error, _is_first_to_fail())
        return 1
    return 0


def _run(command: str, arguments: dict[str, Any]) -> None:
    job = JOBS[command]
    cfg = job.prepare(**arguments)
    cfg.launcher = 'pytorch'
    if command != 'test':
        _go_on(cfg)
    job.run(cfg, **arguments)


def _go_on(cfg: Config) -> None:
    """Resume from the newest checkpoint if this launch has saved one, that is after a restart.

    What the folder had before is of other runs, which a restart must not take up.
    """
    restarts = int(os.environ.get('TORCHELASTIC_RESTART_COUNT', '0'))
    has_saved = _agree(saved_state(cfg.work_dir) != os.environ[FOUND], cfg)
    if has_saved:
        cfg.load_from, cfg.resume = None, True
    if (restarts or has_saved) and os.environ['RANK'] == '0':
        place = 'goes on from the last checkpoint' if has_saved else \
            'starts from the beginning, for no checkpoint was saved since the launch'
        which = f' {restarts} of {os.environ["TORCHELASTIC_MAX_RESTARTS"]}' if restarts else ' because of another node'
        print(f'Restart{which}: the training {place}', file=sys.stderr, flush=True)


def _agree(has_saved: bool, cfg: Config) -> bool:
    """Tell whether any node saw a checkpoint come: one that took the place of a lost node saw none."""
    if os.environ.get('GROUP_WORLD_SIZE', '1') == '1':
        return has_saved
    init_dist('pytorch', **((cfg.get('env_cfg') or {}).get('dist_cfg') or {}))
    return any(all_gather_object(has_saved))


def _is_first_to_fail() -> bool:
    # The agent makes this folder anew for each start; the count of restarts is not the same on all nodes.
    folder = Path(os.environ['TORCHELASTIC_ERROR_FILE']).parents[1]
    try:
        with open(folder / FAILED, 'x', encoding='utf-8') as note:
            note.write(os.environ['RANK'])
    except FileExistsError:
        return False
    except FileNotFoundError:  # the agent is gone, and its folders
        return True
    return True


def _print(error: Exception, is_first: bool) -> None:
    if is_first:
        text = f'Rank {os.environ["RANK"]} failed:\n{"".join(traceback.format_exception(error))}'
    else:
        text = f'Rank {os.environ["RANK"]} failed after it: {type(error).__name__}: {error}\n'
    os.write(2, text.encode(errors='replace'))  # at once, so that no other rank writes in between


def _tell_the_agent() -> None:
    """Let the agent end in order: it did not get the signal if that went to this rank or to another node."""
    if ENDED is not None and os.environ.get(AGENT) == str(os.getppid()):
        os.kill(os.getppid(), ENDED)


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
