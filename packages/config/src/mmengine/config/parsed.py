"""A file of a chain, read and parsed once, whose values are made as often as it is a base."""
from __future__ import annotations

import ast
from functools import cached_property

from mmengine.config.config_dict import ConfigDict
from mmengine.config.data_files import parse_data
from mmengine.config.errors import ConfigParsingError
from mmengine.config.lazy_file import LazyFile, is_lazy
from mmengine.config.lazy_imports import reads_base
from mmengine.config.plain_file import read_plain
from mmengine.config.python_text import (
    BASE_KEY,
    Code,
    assigns_base,
    bases_in,
    compiled,
    execute,
    listed,
    parse,
    with_base_values,
    without_bases,
)
from mmengine.config.recorder import Recorder
from mmengine.config.templates import mark_base_values
from mmengine.interfaces import Origin


class PythonFile:
    """A file in Python, of either style.

    Args:
        source: Its text, with what stands in `{{ }}` put in.
        path: Its name.
        text: Its text as it is, which messages quote.
    """

    def __init__(self, source: str, path: str, text: str) -> None:
        self.source = source
        self.path = path
        self._text = text
        self._tree: ast.Module | None = parse(source, path, text)
        self._body: ast.Module | None = None
        self._code: Code | None = None
        self.assigns_base = assigns_base(self._tree)
        if self.assigns_base:
            self._check_one_way(self._tree)
        self.is_lazy = is_lazy(self._tree, source)
        self.bases = bases_in(self._tree, path)

    def _check_one_way(self, tree: ast.Module) -> None:
        both = [node for node in tree.body if isinstance(node, ast.With) and reads_base(node)]
        if both:
            raise ConfigParsingError(
                f'{self.path} names its bases in `_base_ = ...` and, in line {both[0].lineno}, in `with read_base():`. '
                'Files of one chain may differ in that, but one file has one way: which base goes over which is '
                'not said otherwise').at(Origin(self.path, both[0].lineno), BASE_KEY)

    @cached_property
    def lazy(self) -> LazyFile:
        """The file as one in the pure Python style."""
        return LazyFile(self._used_up(), self.path)

    def values(self, recorder: Recorder, base: ConfigDict) -> ConfigDict:
        """Read, or else run, the file over the values of its bases.

        Args:
            recorder: Takes down where things are written.
            base: The values of the bases, which the file may change.
        """
        if self._body is None:
            self._body = without_bases(self._used_up())
            if '{{' in self.source:
                self._body = with_base_values(self._body)
        if self._code is None:
            plain = read_plain(self._body, self.path, base)
            if plain is not None:
                return plain
            self._code = compiled(self._body, self.path)  # which uses the body up
        return execute(self._code, recorder, base)

    def _used_up(self) -> ast.Module:
        """Give a tree that may be changed: the one that is there, or, for a file in two styles, another one."""
        tree, self._tree = self._tree, None
        return parse(self.source, self.path, self._text) if tree is None else tree


class DataFile:
    """A file in JSON or YAML.

    Args:
        source: Its text, with what stands in `{{ }}` put in.
        extension: `'.json'`, `'.yaml'` or `'.yml'`.
        recorder: Takes down where things are written.
    """

    def __init__(self, source: str, extension: str, recorder: Recorder) -> None:
        path = recorder.file
        marked, self.placeholders = mark_base_values(source)
        values = parse_data(marked, path, extension, recorder)
        line = recorder.line_of_key(values, BASE_KEY)
        self.cfg = ConfigDict(values)
        self.bases = [(name, line) for name in listed(dict.pop(self.cfg, BASE_KEY, []), Origin(path, line))]
