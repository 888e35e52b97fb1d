"""How a task of the platform is begun without what it does to the process beside that."""
from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mmengine.visualization.values import Identity

#: What the client would watch and record by itself. The detection of the repository starts programs, and the end of
#: the task waits for them; a word that is not in the dictionary is taken for True.
FRAMEWORKS = dict.fromkeys((
    'artifacts', 'catboost', 'detect_repository', 'fastai', 'gradio', 'hydra', 'joblib', 'jsonargparse', 'lightgbm',
    'matplotlib', 'megengine', 'pytorch', 'scikit', 'tensorboard', 'tensorflow', 'tfdefines', 'xgboost'), False)
DEFAULTS: Mapping[str, Any] = {
    'project_name': 'mmengine', 'reuse_last_task_id': False, 'auto_connect_frameworks': FRAMEWORKS,
    'auto_connect_arg_parser': False, 'auto_connect_streams': False, 'auto_resource_monitoring': False,
}
_SIGNALS = ('SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGABRT', 'SIGSEGV', 'SIGFPE', 'SIGILL')


def arguments_of(identity: Identity, task_name: str) -> dict[str, Any]:
    """Give the arguments of `Task.init` that say who the run is."""
    known = {'project_name': identity.project, 'task_name': identity.name or task_name,
             'tags': list(identity.tags) or None}
    return {**DEFAULTS, **{name: value for name, value in known.items() if value is not None}}


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Give the handlers of signals and of uncaught errors back: those of the client swallow SIGTERM.

    Only the main thread may set handlers of signals, so that in another there is nothing to give back.
    """
    names = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in names}
    excepthook = sys.excepthook
    try:
        yield
    finally:
        sys.excepthook = excepthook
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                if handler is not None and signal.getsignal(number) is not handler:
                    signal.signal(number, handler)


def report_from_a_thread(clearml: Any) -> None:
    """Let the client send from this process instead of a fork of it, for whose end a task waits ten seconds.

    The client has only its file of settings for that (`sdk.development.report_use_subprocess`).
    """
    if hasattr(clearml.Task, '_report_subprocess_enabled'):
        clearml.Task._report_subprocess_enabled = False
