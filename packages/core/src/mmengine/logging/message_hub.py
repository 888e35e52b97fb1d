"""What the components of a run tell each other: histories of scalars, and facts."""
from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.logging.logger import print_log
from mmengine.utils.manager import ManagerMixin
from mmengine.utils.suggest import did_you_mean

_FIELDS = ('log_scalars', 'runtime_info', 'resumed_keys')


class MessageHub(ManagerMixin):
    """Scalars with their histories, and facts of the run, each by its name.

    Args:
        name: Name of the instance.
        log_scalars: Histories to start with.
        runtime_info: Facts to start with.
        resumed_keys: Name of a scalar or fact -> whether checkpoints have it.
    """

    def __init__(self, name: str, log_scalars: dict[str, HistoryBuffer] | None = None,
                 runtime_info: dict[str, Any] | None = None, resumed_keys: dict[str, bool] | None = None) -> None:
        super().__init__(name)
        self._log_scalars: dict[str, HistoryBuffer] = _as_dict('log_scalars', log_scalars)
        self._runtime_info: dict[str, Any] = _as_dict('runtime_info', runtime_info)
        self._resumed_keys: dict[str, bool] = _as_dict('resumed_keys', resumed_keys)
        for key, value in self._log_scalars.items():
            if not isinstance(value, HistoryBuffer):
                raise AssertionError(f'log_scalars[{key!r}] must be a HistoryBuffer, got {type(value).__name__}')
        for key in self._resumed_keys:
            if key not in self._log_scalars and key not in self._runtime_info:
                raise AssertionError(f'resumed_keys has {key!r}, which is neither in log_scalars nor in runtime_info')

    @classmethod
    def get_current_instance(cls) -> MessageHub:
        """Get the instance that was made last, or made current since; the first is called `mmengine`."""
        return super().get_current_instance() if cls._instance_dict else cls.get_instance('mmengine')

    @property
    def log_scalars(self) -> dict[str, HistoryBuffer]:
        """Name of a scalar -> its history."""
        return self._log_scalars

    @property
    def runtime_info(self) -> dict[str, Any]:
        """Name of a fact -> the fact."""
        return self._runtime_info

    def update_scalar(self, key: str, value: Any, count: int = 1, resumed: bool = True) -> None:
        """Add a value to the history of a scalar.

        Args:
            key: Name of the scalar.
            value: A number, or an array or tensor with one element. A tensor is read when somebody asks for a
                statistic.
            count: The number of samples that the value stands for.
            resumed: Whether checkpoints have the history.
        """
        if type(value) is not float and not isinstance(value, (int, float)):
            value = _scalar(key, value)
        self._resumed_keys[key] = resumed
        history = self._log_scalars.get(key)
        if history is None:
            history = self._log_scalars[key] = HistoryBuffer()
        history.update(value, count)

    def appender(self, key: str, resumed: bool = True) -> Callable[[float], None]:
        """Give a function that adds a plain number to the history of a scalar, for who does so at every iteration.

        Get it anew after `load_state_dict`, which puts other histories in the place of all that are here.

        Args:
            key: Name of the scalar.
            resumed: Whether checkpoints have the history.
        """
        self._resumed_keys[key] = resumed
        return self._log_scalars.setdefault(key, HistoryBuffer()).appender()

    def update_scalars(self, log_dict: dict[str, Any], resumed: bool = True) -> None:
        """Add a value to the histories of several scalars.

        Args:
            log_dict: Name -> value, or name -> `dict(value=..., count=...)`.
            resumed: Whether checkpoints have the histories.
        """
        for key, value in _checked_dict('log_dict', log_dict).items():
            if not isinstance(value, dict):
                self.update_scalar(key, value, resumed=resumed)
            elif 'value' in value:
                self.update_scalar(key, value['value'], value.get('count', 1), resumed)
            else:
                raise AssertionError(f'log_dict[{key!r}] must have the key "value", got {value!r}')

    def update_info(self, key: str, value: Any, resumed: bool = True) -> None:
        """Set a fact.

        Args:
            key: Name of the fact.
            value: The fact.
            resumed: Whether checkpoints have it.
        """
        self._resumed_keys[key] = resumed
        self._runtime_info[key] = value

    def info_setter(self, key: str, resumed: bool = True) -> Callable[[Any], None]:
        """Give a function that sets a fact, for who does so at every iteration; see `appender`.

        Args:
            key: Name of the fact.
            resumed: Whether checkpoints have it.
        """
        self._resumed_keys[key] = resumed
        return partial(self._runtime_info.__setitem__, key)

    def update_info_dict(self, info_dict: dict[str, Any], resumed: bool = True) -> None:
        """Set several facts.

        Args:
            info_dict: Name -> fact.
            resumed: Whether checkpoints have them.
        """
        for key, value in _checked_dict('info_dict', info_dict).items():
            self.update_info(key, value, resumed)

    def pop_info(self, key: str, default: Any = None) -> Any:
        """Take a fact out and give it, or `default` if there is none."""
        return self._runtime_info.pop(key, default)

    def get_info(self, key: str, default: Any = None) -> Any:
        """Get a fact, or `default` if there is none."""
        return self._runtime_info.get(key, default)

    def get_scalar(self, key: str) -> HistoryBuffer:
        """Get the history of a scalar; one that was never updated raises `KeyError`."""
        if key not in self._log_scalars:
            raise KeyError(f'{key!r} is not a scalar of the MessageHub {self.instance_name!r}: '
                           f'it was never updated.{did_you_mean(key, self._log_scalars)}')
        return self._log_scalars[key]

    def state_dict(self) -> dict[str, Any]:
        """Copy what checkpoints have: plain containers of what was given, and histories."""
        resumed = [key for key, wanted in self._resumed_keys.items() if wanted]
        return {
            'log_scalars': {key: copy.deepcopy(self._log_scalars[key]) for key in resumed if key in self._log_scalars},
            'runtime_info': {key: _copy(key, self._runtime_info[key]) for key in resumed if key in self._runtime_info},
            'resumed_keys': {key: True for key in resumed if key in self._log_scalars or key in self._runtime_info},
        }

    def load_state_dict(self, state_dict: MessageHub | dict[str, Any]) -> None:
        """Take over what a checkpoint has, in place of all that is here.

        Args:
            state_dict: What `state_dict` gave, or a whole hub, as older checkpoints have it.
        """
        if isinstance(state_dict, MessageHub):
            state_dict = {field: getattr(state_dict, f'_{field}') for field in _FIELDS}
        missing = [field for field in _FIELDS if field not in state_dict]
        if missing:
            raise AssertionError(f'the state of a MessageHub must have the keys {list(_FIELDS)}, '
                                 f'{missing} are missing: the checkpoint is damaged or from another program')
        self._log_scalars = {}
        for key, value in state_dict['log_scalars'].items():
            if isinstance(value, HistoryBuffer):
                self._log_scalars[key] = copy.deepcopy(value)
            elif isinstance(value, Mapping) and '_log_history' in value:  # as `HistoryBuffer.__getstate__` gives it
                self._log_scalars[key] = HistoryBuffer.of_state(value)
            else:
                _warn(f'{key!r} in the saved log_scalars is not a HistoryBuffer but {type(value).__name__}: skipped')
        self._runtime_info = {key: _copy(key, value) for key, value in state_dict['runtime_info'].items()}
        self._resumed_keys = {}
        for key, resumed in state_dict['resumed_keys'].items():
            if key in self._log_scalars or key in self._runtime_info:
                self._resumed_keys[key] = bool(resumed)
            else:
                _warn(f'{key!r} in the saved resumed_keys has neither a history nor a fact: skipped')


def _as_dict(field: str, value: dict[str, Any] | None) -> dict[str, Any]:
    return {} if value is None else dict(_checked_dict(field, value))


def _checked_dict(field: str, value: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise AssertionError(f'{field} must be a dict, got {value!r} of type {type(value).__name__}')
    return value


def _scalar(key: str, value: Any) -> Any:
    """Take the dimensions off an array or tensor with one element, without reading it."""
    if getattr(value, 'ndim', None) == 0:
        return value
    if hasattr(value, 'reshape') and (value.numel() if hasattr(value, 'numel') else value.size) == 1:
        return value.reshape(())
    raise AssertionError(f'the scalar {key!r} must be a number, or an array or tensor with one element, '
                         f'got {value!r} of type {type(value).__name__}')


def _copy(key: str, value: Any) -> Any:
    """Copy a fact: dictionaries, lists and tuples of any class to plain ones, numbers of numpy to Python's."""
    if isinstance(value, Mapping):
        return {name: _copy(key, item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return (list if isinstance(value, list) else tuple)(_copy(key, item) for item in value)
    numpy = sys.modules.get('numpy')
    if numpy is not None and isinstance(value, numpy.generic):
        return value.item()
    try:
        return copy.deepcopy(value)
    except Exception as e:  # whatever the object does when it is copied must not stop a checkpoint
        _warn(f'{key!r} in the MessageHub cannot be copied, the checkpoint gets the object itself: {e!r}')
        return value


def _warn(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)
