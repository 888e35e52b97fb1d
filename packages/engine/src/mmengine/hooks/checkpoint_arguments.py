"""What the arguments of the checkpoint hook may be."""
from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mmengine.logging import print_log
from mmengine.utils.suggest import did_you_mean


def check_arguments(file_client_args: Any, backend_args: Any, published_keys: Any, save_begin: int, save_best: Any,
                    rule: Any) -> None:
    """Check what a user wrote.

    Raises:
        AssertionError: `save_best` or `rule` has the wrong type.
        TypeError: `published_keys` has.
        ValueError: `save_begin` is negative, or the arguments of the storage backend contradict each other.
    """
    if file_client_args is not None:
        print_log('"file_client_args" will be deprecated in future. Please use "backend_args" instead',
                  logger='current', level=logging.WARNING)
        if backend_args is not None:
            raise ValueError('"file_client_args" and "backend_args" cannot be set at the same time.')
    if not _is_names(published_keys, (list, tuple)):
        raise TypeError(f'published_keys should be a str or a sequence of str or None, but got {published_keys!r}')
    if save_begin < 0:
        raise ValueError(f'save_begin should not be less than 0, but got {save_begin!r}')
    for name, value in (('save_best', save_best), ('rule', rule)):
        if not _is_names(value, (list,)):
            raise AssertionError(f'"{name}" should be a str or list of str or None, but got {value!r}')


def _is_names(value: Any, kinds: tuple[type[Sequence[Any]], ...]) -> bool:
    if value is None or isinstance(value, str):
        return True
    return isinstance(value, kinds) and all(isinstance(item, str) for item in value)


def check_further_arguments(names: Iterable[str], save: Callable[..., Any], hook: type) -> None:
    """Report a misspelt argument before the training, and not when the first checkpoint is due.

    Args:
        names: Arguments that the hook does not know.
        save: What they are handed to.
        hook: The class of the hook.

    Raises:
        TypeError: One of them is unknown to both.
    """
    parameters = inspect.signature(save).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    own = [name for name in inspect.signature(hook).parameters if name != 'kwargs']
    for name in names:
        if name not in parameters:
            raise TypeError(f'{hook.__name__} got an unexpected argument {name!r}.{did_you_mean(name, own)} It takes '
                            f'{", ".join(own)}, and what `save_checkpoint` of the runner takes')
