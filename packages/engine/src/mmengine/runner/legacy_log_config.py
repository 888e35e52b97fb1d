"""Compatibility: a runner takes the `log_config` of configs from before mmengine."""
from __future__ import annotations

import warnings
from typing import Any

from mmengine.config.migration.log_config import take_log_config


def translate_log_config(cfg: Any) -> None:
    """Put what `log_config` says into the keys that have its place today, in place, and say so.

    Args:
        cfg: The config; without a `log_config` it is left alone.

    Raises:
        TypeError: `log_config` or one of its hooks is no dict.
        KeyError: `log_config` has a key that is not known, or a hook has no `type`.
    """
    if cfg.get('log_config') is None:
        return
    moved = take_log_config(cfg)
    warnings.warn(f'log_config is the old way to configure logging. Taken over: {"; ".join(moved) or "nothing"}. '
                  f'The config that is written to the work_dir has the new form', DeprecationWarning, stacklevel=3)
