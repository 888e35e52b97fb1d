"""Draw a run with the points at which hooks are called, from `mmengine.interfaces.STAGES`: `python tools/draw_loop.py`.

Writes docs/loop.svg. Frames are what lies between `before_x` and `after_x`, so a new stage gets its place by itself.
Beside each stage stand the default hooks that are called there, in their order.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from mmengine.hooks import (
    CheckpointHook,
    DistSamplerSeedHook,
    IterTimerHook,
    LoggerHook,
    ParamSchedulerHook,
    RuntimeInfoHook,
)
from mmengine.interfaces import STAGES, triggered_stages
from mmengine.runner import get_priority

TARGET = Path(__file__).resolve().parents[1] / 'docs' / 'loop.svg'
DEFAULT_HOOKS = (
    RuntimeInfoHook, IterTimerHook, DistSamplerSeedHook, LoggerHook, ParamSchedulerHook, CheckpointHook)
#: what a frame is about, and what is done in the innermost ones
TITLES = {
    'run': 'runner.train() or runner.test()', 'train': 'training', 'train_epoch': 'for each epoch',
    'train_iter': 'for each batch', 'val': 'validation, every val_interval epochs', 'val_epoch': 'once over the data',
    'val_iter': 'for each batch', 'test': 'testing: runner.test()', 'test_epoch': 'once over the data',
    'test_iter': 'for each batch',
}
WORK = {'train_iter': 'losses, gradients, step of the optimizer', 'val_iter': 'predictions', 'test_iter': 'predictions'}
ALONE = {'after_load_checkpoint': 'if something is loaded or resumed', 'before_save_checkpoint': 'when one is saved'}
WIDTH, ROW, INDENT, MARGIN, COLUMN = 920, 26, 22, 12, 470


@dataclass
class Frame:
    """What lies between two stages."""

    name: str
    inside: list[Frame | str] = field(default_factory=list)


def tree(stages: Sequence[str]) -> Frame:
    """Nest the stages: `before_x` opens what `after_x` closes."""
    frames = [Frame('')]
    for stage in stages:
        when, _, name = stage.partition('_')
        if when == 'before' and f'after_{name}' in stages:
            frames.append(Frame(name, [stage]))
        elif when == 'after' and frames[-1].name == name:
            frames[-1].inside.append(stage)
            frames[-2].inside.append(frames.pop())
        else:
            frames[-1].inside.append(stage)
    if len(frames) > 1:
        raise ValueError(f'the stages of {frames[-1].name!r} do not nest: {list(stages)}')
    return frames[0]


def hooks_at(stage: str) -> str:
    """Name the default hooks that are called at a stage, in order."""
    called = [hook for hook in DEFAULT_HOOKS if stage in triggered_stages(hook())]
    return ', '.join(hook.__name__ for hook in sorted(called, key=lambda hook: get_priority(hook.priority)))


def _text(x: float, y: float, words: str, style: str) -> str:
    return f'<text x="{x}" y="{y}" class="{style}">{escape(words)}</text>'


def _stage(stage: str, x: int, y: int) -> Iterator[str]:
    yield f'<rect x="{x}" y="{y}" width="190" height="20" rx="10" class="stage"/>'
    yield _text(x + 10, y + 14, stage, 'name')
    if stage in ALONE:
        yield _text(x + 198, y + 14, ALONE[stage], 'note')
    yield _text(COLUMN, y + 14, hooks_at(stage), 'hooks')


def _frame(frame: Frame, depth: int, y: int) -> tuple[list[str], int]:
    """Draw a frame with all that is in it, and give the place below it."""
    x, top, lines = MARGIN + depth * INDENT, y, [_text(MARGIN + depth * INDENT + 10, y + 17, TITLES.get(
        frame.name, frame.name), 'title')]
    y += ROW
    for number, item in enumerate(frame.inside):
        if isinstance(item, Frame):
            drawn, y = _frame(item, depth + 1, y)
        else:
            drawn, y = list(_stage(item, x + 10, y)), y + ROW
        lines += drawn
        if number == 0 and frame.name in WORK:
            lines.append(_text(x + 22, y + 14, WORK[frame.name], 'work'))
            y += ROW
    box = (f'<rect x="{x}" y="{top}" width="{COLUMN - 16 - x - depth * 6}" height="{y - top + 2}" rx="6" '
           f'class="frame d{depth}"/>')
    return [box, *lines], y + 8


def draw() -> str:
    """Give the picture."""
    (run,) = (item for item in tree(STAGES).inside if isinstance(item, Frame))
    lines, height = _frame(run, 0, MARGIN + ROW)
    head = _text(COLUMN, MARGIN + 17, 'default hooks that are called here, in this order', 'title')
    return '\n'.join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12">',
        '<title>A run, and the stages at which hooks are called</title>',
        '<style>.frame{fill:#3f51b5;fill-opacity:.06;stroke:#7986cb}.stage{fill:#fff;stroke:#3f51b5}'
        '.name{font-family:ui-monospace,monospace;fill:#1a237e}.title{font-weight:600;fill:#283593}'
        '.note,.work{fill:#555;font-style:italic}.hooks{fill:#333;font-size:11px}</style>',
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#fff"/>', head, *lines, '</svg>', ''])


if __name__ == '__main__':
    TARGET.write_text(draw(), encoding='utf-8')
