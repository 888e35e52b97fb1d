"""The config that a run has left in its checkpoints."""
from __future__ import annotations

import ast
from typing import Any

from mmengine.checkpoint import UnsafeCheckpointError
from mmengine.checkpoint.safety import TRUST_VARIABLE, is_trusted
from mmengine.config import Config, ConfigDict
from mmengine.config.plain_file import read_plain


def config_in(checkpoint: Any, filename: str, trusted: bool = False) -> Config:
    """Read the config of the run that wrote a checkpoint.

    Args:
        checkpoint: What the checkpoint holds.
        filename: Its name, for errors.
        trusted: Whether a config that has to be run as code may be.

    Raises:
        ValueError: There is no config in it.
        UnsafeCheckpointError: Its config is code and not values only, and the checkpoint is not trusted.
    """
    text = _text_in(checkpoint)
    if text is None:
        raise ValueError(f'the checkpoint {filename!r} has no config (message_hub.runtime_info.cfg or meta.cfg): '
                         f'give the config as well, model=...')
    if not is_trusted(trusted) and not _is_plain(text):
        raise UnsafeCheckpointError(
            f'the config in the checkpoint {filename!r} is code that would be run, and not values only. Give the '
            f'config as well, model=...; or, if you trust where the file comes from, say so: trust_checkpoint=True, or '
            f'{TRUST_VARIABLE}=1 in the environment')
    return Config.fromstring(text, '.py')


def _text_in(checkpoint: Any) -> str | None:
    if not isinstance(checkpoint, dict):
        return None
    hub = checkpoint.get('message_hub')
    places = (hub.get('runtime_info') if isinstance(hub, dict) else None, checkpoint.get('meta'))
    found = (place.get('cfg') for place in places if isinstance(place, dict))
    return next((text for text in found if isinstance(text, str) and text.strip()), None)


def _is_plain(text: str) -> bool:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return True  # nothing runs; loading it says where
    return '{{' not in text and '_base_' not in text and read_plain(tree, '<checkpoint>', ConfigDict()) is not None
