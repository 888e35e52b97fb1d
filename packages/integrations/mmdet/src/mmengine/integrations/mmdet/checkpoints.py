"""Checkpoints on their way to a tracker: each waits for the evaluation that falls on it, if there is one."""
from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was saved."""

    path: str
    unit: str
    number: int


class CheckpointKeeper:
    """Notes what the checkpoint hook saved, and hands it to a tracker as a version of one artifact.

    Args:
        with_metadata: Whether a version carries its number and the metrics of its evaluation.
    """

    def __init__(self, with_metadata: bool) -> None:
        self.with_metadata = with_metadata
        #: Set while a checkpoint is written, by whom is not known then.
        self.is_saving = False
        self.waiting: Checkpoint | None = None

    def note(self, runner: Any, number: int, unit: str) -> None:
        """Look for a regular checkpoint that was saved at this point of the run."""
        self.is_saving = False
        path = runner.message_hub.get_info('last_ckpt')
        if path:
            self.waiting = Checkpoint(str(path), unit, number)

    def hand_over(self, runner: Any, recorder: Any, name: str, metrics: Mapping[str, Any]) -> None:
        """Hand on the checkpoint that waits."""
        kept, self.waiting = self.waiting, None
        if kept is None:
            return
        is_address = '://' in kept.path
        if not is_address and not os.path.isfile(kept.path):
            runner.logger.warning(f'The checkpoint {kept.path} is not recorded: it is no file on this machine')
            return
        recorder.add_artifact(name, kept.path, type='model', aliases=(f'{kept.unit}_{kept.number}', 'latest'),
                              metadata={kept.unit: kept.number, **metrics} if self.with_metadata else {},
                              step=runner.iter, reference=is_address)
