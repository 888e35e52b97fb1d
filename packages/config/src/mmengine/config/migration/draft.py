"""A config on its way to the new form, and what has been found out about it."""
from __future__ import annotations

import re
from typing import Any, NamedTuple

from mmengine.config.config import Config
from mmengine.config.pretty import flat, pretty
from mmengine.interfaces import Origin

#: How a finding is dealt with: changed by `--write`; changed by a person; nothing to do, but good to know.
CHANGE, BY_HAND, NOTE = 'change', 'by hand', 'note'


class Finding(NamedTuple):
    """One thing that changes.

    Attributes:
        key: The key of the old config.
        origin: Where it was written.
        kind: 'change', 'by hand' or 'note'.
        old: What is there, as text.
        new: What has its place, as lines for the new config; empty where nothing has.
        why: The reason.
    """

    key: str
    origin: Origin | None
    kind: str
    old: str
    new: str
    why: str


class Draft:
    """The values of a config, which the rules change, and the findings.

    Args:
        cfg: The config as it is.
    """

    def __init__(self, cfg: Config) -> None:
        self.cfg = cfg
        self.values: dict[str, Any] = cfg.to_dict()
        self.findings: list[Finding] = []
        self._moved: dict[str, str] = {}

    def find(self, key: str, new: dict[str, Any] | str, why: str, kind: str = CHANGE) -> None:
        """Note a finding.

        Args:
            key: The key of the old config.
            new: The keys, at any depth, and the values that have its place, or lines as they are.
            why: The reason.
            kind: How it is dealt with.
        """
        lines = new if isinstance(new, str) else pretty(_nested(new)).rstrip('\n')
        self.findings.append(Finding(key, self._origin(key), kind, f'{key} = {self._old(key)}', lines, why))

    def _origin(self, key: str) -> Origin | None:
        try:
            return self.cfg.origin_of(key)
        except (KeyError, IndexError, TypeError, AttributeError):
            return None

    def _old(self, key: str) -> str:
        value: Any = self.cfg._cfg_dict
        for part in key.split('.'):
            value = value[int(part)] if isinstance(value, (list, tuple)) else value.get(part)
        text = one_line(value)
        return text if len(text) <= 200 else f'{text[:197]}...'

    def pop(self, key: str) -> Any:
        """Take a key out of the values; None where it is not there."""
        return self.values.pop(key, None)

    def put(self, key: str, value: Any) -> None:
        """Set a key at any depth, the dicts on the way made where they are missing."""
        _put(self.values, key, value)


def one_line(value: Any) -> str:
    """Write a value as a person would on one line."""
    return re.sub(r'([(\[{]) | ?,? ([)\]}])', r'\1\2', flat(value))


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        _put(nested, key, value)
    return nested


def _put(holder: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split('.')
    for part in path:
        holder = holder.setdefault(part, {})
    holder[last] = value
