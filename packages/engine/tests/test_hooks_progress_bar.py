"""The bar on a terminal, the few lines in a pipe, and a terminal that works afterwards."""
from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mmengine.hooks import Hook, ProgressBarHook
from mmengine.runner import Runner

Make = Callable[..., Runner]
SHOW_CURSOR, HIDE_CURSOR = '\x1b[?25h', '\x1b[?25l'


def terminal() -> tuple[Console, io.StringIO]:
    screen = io.StringIO()
    return Console(file=screen, force_terminal=True, width=160, legacy_windows=False), screen


def shown(screen: io.StringIO) -> str:
    return re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '', screen.getvalue())


def train(make_runner: Make, hook: ProgressBarHook, **changes: Any) -> Runner:
    runner = make_runner(log_level='INFO', **changes)
    runner.register_hook(hook)
    runner.train()
    return runner


def test_on_a_terminal(make_runner: Make) -> None:
    console, screen = terminal()
    stdout = sys.stdout
    runner = train(make_runner, ProgressBarHook(refresh=0, console=console))
    assert sys.stdout is stdout
    text = shown(screen)
    for epoch in range(1, 5):
        assert f'epoch {epoch}/4' in text
    loss, error = (runner.message_hub.get_scalar(name).current() for name in ('train/loss', 'val/line/error'))
    last = text.strip().splitlines()[-1]
    assert re.search(r'epoch 4/4 ━+ 24/24', last)
    assert f'loss {loss:.4f}'[:10] in last
    assert f'line/error {error:.4f}'[:14] in last
    assert re.search(r'lr \d', last)
    assert 'eta 0:00:00' in last
    assert re.search(r'val +[━╸╺]+ +3/6', text)
    assert 'val' not in last
    assert screen.getvalue().count(HIDE_CURSOR) == screen.getvalue().count(SHOW_CURSOR) == 1


def test_on_a_narrow_terminal_the_loss_and_the_remaining_time_stay(make_runner: Make) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=62, legacy_windows=False)
    train(make_runner, ProgressBarHook(refresh=0, console=console))
    last = shown(screen).strip().splitlines()[-1]
    assert re.fullmatch(r'.*epoch 4/4 ━{16} 24/24 loss \S+  eta 0:00:00', last)


def test_lines_of_the_logger_go_above_the_bar(make_runner: Make) -> None:
    console, screen = terminal()
    train(make_runner, ProgressBarHook(refresh=0, console=console))
    lines = [line for line in shown(screen).splitlines() if 'Saving checkpoint at' in line]
    assert len(lines) == 4
    for number, line in enumerate(lines, 1):  # whole, and nothing else beside them
        assert re.fullmatch(rf'\r?[\d/]+ [\d:]+ - mmengine - INFO - Saving checkpoint at {number} epochs *', line)


class Fail(Hook):
    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if runner.iter == 8:
            raise ValueError('broken')


def test_after_a_run_that_failed(make_runner: Make) -> None:
    console, screen = terminal()
    hook, stdout = ProgressBarHook(refresh=0, console=console), sys.stdout
    with pytest.raises(ValueError, match='broken'):
        train(make_runner, hook, custom_hooks=[Fail()])
    assert sys.stdout is stdout
    assert SHOW_CURSOR in screen.getvalue()
    again, second = terminal()
    train(make_runner, ProgressBarHook(refresh=0, console=again))
    assert 'epoch 4/4' in shown(second)


def test_the_next_run_takes_away_the_bars_that_another_loop_left(make_runner: Make) -> None:
    console, screen = terminal()
    stdout = sys.stdout
    left = ProgressBarHook(refresh=0, console=console)
    left.before_train(make_runner(train_cfg=dict(by_epoch=False, max_iters=3)))
    assert sys.stdout is not stdout
    train(make_runner, ProgressBarHook(refresh=0, console=console))
    assert sys.stdout is stdout
    assert screen.getvalue().count(HIDE_CURSOR) == screen.getvalue().count(SHOW_CURSOR) == 2


def test_by_iteration_and_resumed(make_runner: Make, tmp_path: Path) -> None:
    changes = dict(train_cfg=dict(by_epoch=False, max_iters=12, val_interval=4), param_scheduler=None,
                   default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=6)))
    train(make_runner, ProgressBarHook(), **changes)
    console, screen = terminal()
    runner = make_runner('resumed', load_from=str(tmp_path / 'run' / 'iter_6.pth'), resume=True, **changes)
    runner.register_hook(ProgressBarHook(refresh=0, console=console))
    runner.train()
    text = shown(screen)
    assert re.search(r'train .* 6/12', text)
    assert not re.search(r'train .* 5/12', text)
    assert re.search(r'train .* 12/12', text)


def test_a_test_has_a_bar_while_it_runs(make_runner: Make) -> None:
    console, screen = terminal()
    runner = make_runner()
    runner.register_hook(ProgressBarHook(refresh=0, console=console))
    runner.test()
    assert '6/6' in shown(screen)
    assert screen.getvalue().count(SHOW_CURSOR) == 1


def test_in_a_pipe_there_is_a_line_at_the_end(make_runner: Make, capsys: pytest.CaptureFixture[str]) -> None:
    train(make_runner, ProgressBarHook(refresh=0))
    text = capsys.readouterr().out
    assert '\x1b[?25' not in text
    assert '━' not in text
    own = [line for line in text.splitlines() if line.startswith('Trained')]
    assert len(own) == 1
    assert re.fullmatch(r'Trained 24 iterations  loss \S+  line/error \S+  took 0:\d\d:\d\d', own[0])


def test_in_a_pipe_lines_come_now_and_then_or_never(make_runner: Make, capsys: pytest.CaptureFixture[str]) -> None:
    train(make_runner, ProgressBarHook(refresh=0, plain_interval=1e-9))
    assert len(re.findall(r'^epoch \d/4  \d+/24  loss', capsys.readouterr().out, re.MULTILINE)) > 20
    train(make_runner, ProgressBarHook(refresh=0, plain_interval=0))
    assert not re.search(r'^(epoch|Trained) ', capsys.readouterr().out, re.MULTILINE)


def test_other_ranks_show_nothing() -> None:
    class Runner:
        rank, iter, max_iters, max_epochs, epoch = 1, 0, 10, 1, 0

    console, screen = terminal()
    hook = ProgressBarHook(refresh=0, console=console)
    hook.before_train(Runner())
    hook.after_train_iter(Runner(), 0)
    hook.after_train(Runner())
    assert screen.getvalue() == ''


def test_losses_are_looked_at_a_few_times_a_second(make_runner: Make) -> None:
    console, screen = terminal()
    train(make_runner, ProgressBarHook(refresh=1e6, console=console),
          default_hooks=dict(logger=None, checkpoint=None))
    assert len(re.findall(r'epoch 1/4', shown(screen))) <= 3


SCRIPT = """
    import sys
    sys.path.insert(0, {tests!r})
    from conftest import DATASETS, METRICS, MODELS, Error, LineModel, LinePoints, Runner, line_cfg
    for registry, item in ((MODELS, LineModel), (DATASETS, LinePoints), (METRICS, Error)):
        registry.register_module(module=item, force=True)
    hooks = [dict(type='ProgressBarHook', refresh=0)]
    runner = Runner.from_cfg(line_cfg({folder!r}, log_level='INFO', custom_hooks=hooks))
    if {fails}:
        from mmengine.hooks import Hook
        class Fail(Hook):
            def after_train_epoch(self, runner):
                raise ValueError('broken')
        runner.register_hook(Fail())
    runner.train()
"""


@pytest.mark.parametrize('fails', [False, True])
def test_in_a_real_terminal(tmp_path: Path, fails: bool) -> None:
    pty = pytest.importorskip('pty', reason='this system has no such terminals')
    script = tmp_path / 'script.py'
    tests = str(Path(__file__).parent)
    script.write_text(textwrap.dedent(SCRIPT).format(tests=tests, folder=str(tmp_path / 'run'), fails=fails))
    ours, theirs = pty.openpty()
    env = dict(os.environ, TERM='xterm-256color', COLUMNS='120', OMP_NUM_THREADS='1')
    process = subprocess.Popen([sys.executable, str(script)], stdout=theirs, stderr=theirs, stdin=theirs, env=env,
                               cwd=tmp_path)
    os.close(theirs)
    output = b''
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        output += piece
        if not piece:
            break
    os.close(ours)
    text = output.decode()
    assert process.wait() == int(fails), text
    assert ('ValueError: broken' in text) == fails
    assert text.count(HIDE_CURSOR) == text.count(SHOW_CURSOR) == 1
    assert ('24/24' in text) != fails
    assert 'Checkpoints will be saved to' in text
