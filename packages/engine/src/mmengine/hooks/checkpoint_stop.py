"""When a training ends because of a signal: the parts that a hook asks."""
from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from mmengine.hooks.checkpoint_agreement import StopAgreement, connect
from mmengine.hooks.checkpoint_signals import StopSignals, deaf_workers


class StopGuard:
    """Takes note of signals from the begin of a training to its end, on all ranks alike.

    Args:
        names: Names of the signals; none for a guard that does nothing.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._signals: StopSignals | None = None
        self._agreement: StopAgreement | None = None
        self._opened = ExitStack()
        #: Whether there was a signal, here or on another rank.
        self.requested = False

    def begin(self, runner: Any) -> None:
        """Begin to take note."""
        self.end()
        world_size = getattr(runner, 'world_size', 1)
        if not self._names:
            return
        self._signals = signals = StopSignals(self._names, world_size > 1, self._raise_flag)
        if world_size > 1:
            self._agreement = connect(runner.timestamp, runner.rank, world_size, self._from_another)
            if self._agreement is None:
                runner.logger.warning('The ranks did not meet through MASTER_ADDR and MASTER_PORT, so that they cannot '
                                      'agree on an iteration to end after: signals end the training without saving')
                return
        loops = (runner.train_loop, runner.val_loop)
        loaders = [loop.dataloader for loop in loops if hasattr(getattr(loop, 'dataloader', None), 'worker_init_fn')]
        self._opened.enter_context(deaf_workers(loaders, self._names))
        self._opened.callback(signals.restore)
        signals.install()

    def _from_another(self, number: int) -> None:
        if self._signals is not None:
            self._signals.received = self._signals.received or number
        self._raise_flag()

    def _raise_flag(self) -> None:
        self.requested = True

    def is_time(self, done: int) -> bool:
        """Tell whether the training ends after `done` finished iterations, once `requested` is set."""
        if self._signals is None:
            return False
        return self._agreement is None or self._agreement.is_time(done, self._signals.received)

    @property
    def is_alone(self) -> bool:
        """Whether no other rank has to agree."""
        return self._agreement is None

    def ending(self, text: str) -> BaseException:
        """Give what ends the process, with the handlers put back; workers go on ignoring signals until `end`."""
        return self._signals.end(text) if self._signals is not None else SystemExit(1)

    def end(self) -> None:
        """Put everything back."""
        self._opened.close()
        self._opened = ExitStack()
        if self._agreement is not None:
            self._agreement.close()
        self._signals, self._agreement, self.requested = None, None, False

