"""JSON and YAML configs: data only, parsed from memory, with the line of every key."""
from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator
from json import JSONDecodeError
from json.decoder import JSONDecoder, JSONObject  # type: ignore[attr-defined]  # not in typeshed, but documented in the source
from json.scanner import py_make_scanner  # type: ignore[attr-defined]  # the same
from typing import Any

import yaml

from mmengine.config.errors import ConfigSyntaxError, ConfigTypeError
from mmengine.config.recorder import Recorder

_SafeLoader: Any = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)


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
        raise _syntax_error(error.msg, recorder.file, error.lineno, error.colno, text) from error


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
    loader = _YamlLoader(text)
    loader.recorder = recorder
    try:
        return loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, 'problem_mark', None) or getattr(error, 'context_mark', None)
        message = getattr(error, 'problem', None) or str(error)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _syntax_error(message, recorder.file, line, column, text) from error
    finally:
        loader.dispose()


class _YamlLoader(_SafeLoader):  # type: ignore[misc]  # the C loader where there is one
    """The safe loader, which in addition notes lines."""

    recorder: Recorder

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, ArithmeticError) as error:  # such as the date 2024-99-99, or a list as a key
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from error

    def construct_noted(self, node: yaml.MappingNode) -> Iterator[dict[Any, Any]]:
        value: dict[Any, Any] = {}
        yield value
        value.update(self.construct_mapping(node))
        lines = {self.construct_object(key): key.start_mark.line + 1
                 for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
        self.recorder.made(value, self.recorder.places.add(node.start_mark.line + 1, lines))


_YamlLoader.add_constructor('tag:yaml.org,2002:map', _YamlLoader.construct_noted)


def _syntax_error(message: str, file: str, line: int, column: int, text: str) -> ConfigSyntaxError:
    lines = text.splitlines()
    shown = lines[line - 1] if line <= len(lines) else ''
    return ConfigSyntaxError(message, (file, line, column, shown))
