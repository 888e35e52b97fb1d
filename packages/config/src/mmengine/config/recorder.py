"""What a config file makes while it runs, and where: its dicts, its names, and what they were before a change."""
from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from typing import Any, NamedTuple

from mmengine.config.history import Step, step
from mmengine.config.templates import base_value, put_base_values_into_text
from mmengine.interfaces import Origin

#: the name under which a running config sees its recorder
RECORDER_NAME = '__origins__'


class Record(NamedTuple):
    """Where a plain dict is written, its keys, and what these were before; holding the dict keeps its id its own."""

    value: Any
    origin: Origin | None
    keys: dict[Any, Origin]
    past: dict[Any, list[Step]]


#: id -> record, of the plain dicts in the configs that are being loaded
RECORDED: dict[int, Record] = {}


class Places:
    """Where a file writes dicts, which is known before it runs, and the same whenever it does.

    Args:
        file: The file.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[tuple[Origin, dict[Any, Origin]]] = []
        #: the names that are assigned more than once
        self.again: set[str] = set()

    def add(self, line: int, keys: dict[Any, int]) -> int:
        """Note a dict with the lines of its keys; give its number."""
        self.found.append((Origin(self.file, line), {key: Origin(self.file, at) for key, at in keys.items()}))
        return len(self.found) - 1


class Recorder:
    """Notes what a config file makes, while it runs.

    Args:
        file: The file.
        keep: Copies a value that is about to be changed.
    """

    def __init__(self, file: str, keep: Callable[[Any], Any] = deepcopy) -> None:
        self.file = file
        self.keep = keep
        self.places = Places(file)
        #: the values of the bases, for `{{ _base_.key }}`
        self.base: Any = {}
        self.names: dict[str, Origin] = {}
        self.past: dict[str, list[Step]] = {}
        self._values: dict[str, Any] = {}
        self._before: dict[int, Any] = {}
        self._ids: list[int] = []

    # ---------------------------------------------------------------- called by the file
    def made(self, value: Any, place: int) -> Any:
        """Note that `value` was made at a place, and give it on."""
        if type(value) is dict:
            origin, keys = self.places.found[place]
            self._add(value, origin, {key: keys.get(key, origin) for key in value})
        return value

    def named(self, name: str, line: int, value: Any = None) -> None:
        """Note that a name was assigned."""
        origin, before = Origin(self.file, line), self.names.get(name)
        if before is not None and before != origin:
            self.past.setdefault(name, []).append(step(before, self._values.get(name)))
        self.names[name] = origin
        self._values[name] = self._kept(value) if name in self.places.again else value

    def changing(self, holder_of: Callable[[], Any], key: Any) -> None:
        """Note the item of a plain dict that is about to be assigned; other dicts do so by themselves."""
        with suppress(Exception):  # what is wrong with the holder is for the assignment to say
            holder = holder_of()
            if type(holder) is dict and key in holder:
                self._was(holder, key, self._kept(holder[key]))

    def changed(self, holder: Any, key: Any, line: int) -> None:
        """Note that an item was assigned."""
        origin = Origin(self.file, line)
        if type(holder) is dict:
            self._record_of(holder).keys[key] = origin
        elif hasattr(type(holder), '_set_origins'):
            holder._set_origins(None, {key: origin})

    def filling(self, holder_of: Callable[[], Any], line: int) -> None:
        """Note what is in a dict or a list that a method is about to change."""
        self._before[line] = None
        with suppress(Exception):
            holder = holder_of()
            if type(holder) in (dict, list):
                self._before[line] = holder.copy()

    def filled(self, holder: Any, line: int, owner: Any, key: Any) -> None:
        """Note that a method changed a dict or a list.

        Args:
            holder: The dict or list.
            line: The line of the call.
            owner: The dict that has it, or `None` if a name has it.
            key: Its key in that dict, or the name.
        """
        before = self._before.pop(line, None)
        if type(holder) is dict:
            for name, value in holder.items():
                if before is None or name not in before or before[name] is not value:
                    if before is not None and name in before:
                        self._was(holder, name, before[name])
                    self.changed(holder, name, line)
        elif type(holder) is list:
            self._lengthened(holder, before, line, owner, key)
        elif hasattr(type(holder), '_set_origins'):
            origin = Origin(self.file, line)
            holder._set_origins(None, {name: origin for name in dict.keys(holder) if holder.origin_of(name) is None})

    def copied(self, value: Any) -> Any:
        """Give a copy of a value of the base, in place of `{{ _base_['key'] }}`."""
        return deepcopy(value)

    def base_value(self, dotted: str, line: int) -> Any:
        """Give a copy of a value of the base, in place of `{{ _base_.key }}`."""
        return deepcopy(base_value(self.base, dotted, Origin(self.file, line)))

    def text(self, text: str, line: int) -> str:
        """Put values of the base into a string that has `{{ _base_.key }}` in it."""
        return put_base_values_into_text(text, self.base, Origin(self.file, line))

    # ---------------------------------------------------------------- called by the loader
    def inherit(self, name: str, origin: Origin, past: list[Step], value: Any) -> None:
        """Note a name that the file has from a base, before it runs."""
        self.names[name], self.past[name], self._values[name] = origin, past, value

    def line_of_key(self, value: Any, key: Any) -> int:
        """Give the line of a key in a dict that was noted."""
        record = RECORDED.get(id(value))
        return record.keys[key].line if record and key in record.keys else 1

    def close(self) -> None:
        """Forget the dicts."""
        for ident in self._ids:
            RECORDED.pop(ident, None)

    # ---------------------------------------------------------------- inside
    def _lengthened(self, items: list[Any], before: list[Any] | None, line: int, owner: Any, key: Any) -> None:
        if before is None or before == items:
            return
        if owner is not None:
            self._was(owner, key, before)
            self.changed(owner, key, line)
        elif key in self.names:
            self._values[key] = before
            self.named(key, line, items)

    def _was(self, holder: Any, key: Any, value: Any) -> None:
        """Note what was at a key, if it is known where that was written."""
        if type(holder) is dict:
            record = self._record_of(holder)
            origin = record.keys.get(key, record.origin)
            if origin is not None:
                record.past.setdefault(key, []).append(step(origin, value))
        elif hasattr(type(holder), '_add_past') and holder.origin_of(key) is not None:
            holder._add_past({key: [step(holder.origin_of(key), value)]})

    def _record_of(self, holder: dict[Any, Any]) -> Record:
        return RECORDED.get(id(holder)) or self._add(holder, None, {})

    def _kept(self, value: Any) -> Any:
        try:
            return self.keep(value)
        except Exception:  # it contains itself, or does not like to be copied: better itself than nothing
            return value

    def _add(self, value: dict[Any, Any], origin: Origin | None, keys: dict[Any, Origin]) -> Record:
        record = RECORDED[id(value)] = Record(value, origin, keys, {})
        self._ids.append(id(value))
        return record
