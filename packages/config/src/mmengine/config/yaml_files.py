"""YAML configs: the safe loader, which in addition notes lines."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from mmengine.config.errors import syntax_error
from mmengine.config.recorder import Recorder

_SafeLoader: Any = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)


def parse_yaml(text: str, recorder: Recorder) -> Any:
    """Parse YAML, and note where its dicts and keys are written."""
    loader = _YamlLoader(text)
    loader.recorder = recorder
    try:
        return loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, 'problem_mark', None) or getattr(error, 'context_mark', None)
        message = getattr(error, 'problem', None) or str(error)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise syntax_error(message, recorder.file, line, column, text) from error
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
