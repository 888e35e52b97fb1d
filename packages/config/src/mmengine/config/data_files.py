"""JSON and YAML configs: data only, parsed from memory, with the line of every key."""
from __future__ import annotations

import json
from bisect import bisect_left
from json import JSONDecodeError
from json.decoder import JSONDecoder, JSONObject  # type: ignore[attr-defined]  # not in typeshed, but documented in the source
from json.scanner import py_make_scanner  # type: ignore[attr-defined]  # the same
from typing import Any

from mmengine.config.errors import ConfigSyntaxError, ConfigTypeError, syntax_error
from mmengine.config.recorder import Recorder


def parse_data(text: str, filename: str, extension: str, recorder: Recorder) -> dict[str, Any]:
    """Parse the text of a JSON or YAML config, and note where its dicts and keys are written."""
    parse = _parse_json if extension == '.json' else _parse_yaml
    try:
        value = parse(text, recorder)
    except RecursionError as error:
        raise ConfigSyntaxError(f'{filename} is nested too deeply').at(filename) from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigTypeError(f'{filename} must hold a mapping of keys to values, but its top is a '
                              f'{type(value).__name__}').at(filename)
    return value


def _parse_json(text: str, recorder: Recorder) -> Any:
    try:
        json.loads(text)  # errors of the C scanner, and its speed for what is no JSON
        return _JsonDecoder(text, recorder).decode(text)
    except JSONDecodeError as error:
        raise syntax_error(error.msg, recorder.file, error.lineno, error.colno, text) from error


class _JsonDecoder(JSONDecoder):
    """The decoder of the standard library, which in addition notes lines."""

    def __init__(self, text: str, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder
        self.newlines = [index for index, char in enumerate(text) if char == '\n']
        self.parse_object = self.parse_noted
        self.scan_once = py_make_scanner(self)

    def line_of(self, index: int) -> int:
        return bisect_left(self.newlines, index) + 1

    def parse_noted(self, s_and_end: tuple[str, int], strict: bool, scan_once: Any, *args: Any) -> tuple[Any, int]:
        starts: list[int] = []

        def scan(text: str, index: int) -> Any:
            starts.append(index)
            return scan_once(text, index)

        # Position of the values, in the order of the pairs: the start of a value is on the line of its key, but for
        # the odd file that breaks the line between the two.
        pairs, end = JSONObject(s_and_end, strict, scan, None, list, *args[2:])
        value = dict(pairs)
        lines = {key: self.line_of(start) for (key, _), start in zip(pairs, starts, strict=True)}
        place = self.recorder.places.add(self.line_of(s_and_end[1] - 1), lines)
        return self.recorder.made(value, place), end


def _parse_yaml(text: str, recorder: Recorder) -> Any:
    from mmengine.config.yaml_files import parse_yaml  # here: most configs are Python, and PyYAML takes its time
    return parse_yaml(text, recorder)
