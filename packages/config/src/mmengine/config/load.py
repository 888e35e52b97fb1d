"""Loading of a config file and its bases."""
from __future__ import annotations

import gc
import os.path as osp
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from mmengine.config.config_dict import ConfigDict
from mmengine.config.errors import ConfigKeyError, ConfigRecursionError
from mmengine.config.merge import merge_a_into_b
from mmengine.config.origins import recording
from mmengine.config.parsed import DataFile, PythonFile
from mmengine.config.plain_file import rebuilt
from mmengine.config.recorder import Recorder
from mmengine.config.sources import base_path, check_extension, not_found, read_text
from mmengine.config.templates import put_base_values, substitute_environment, substitute_predefined, where_base_value
from mmengine.interfaces import Origin

DEPRECATION_KEY = '_deprecation_'
#: a chain of bases longer than this is taken for a mistake
MAX_DEPTH = 100


class Loaded(NamedTuple):
    """What a file gives, with its bases merged in."""

    cfg: ConfigDict
    #: the text of the file, below those of its bases
    text: str
    #: which names of it are imports
    imported: set[str]


@contextmanager
def _paused_collector() -> Iterator[None]:
    """Keep the garbage collector from walking over syntax trees, again and again; they have no cycles."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Open(NamedTuple):
    """A file that is being loaded."""

    path: str
    lazy: bool


class Loader:
    """Loads one config, and knows the files that are open above the current one.

    Args:
        predefined: Whether `{{ fileBasename }}` and the like are put in.
        environment: Whether `{{ $NAME:default }}` is put in.
        lazy: Whether files are in the pure Python style; `None` asks each file.
    """

    def __init__(self, predefined: bool = True, environment: bool = True, lazy: bool | None = None) -> None:
        self.predefined = predefined
        self.environment = environment
        self.lazy = lazy
        self.env_variables: dict[str, str] = {}
        self.stack: list[_Open] = []
        #: the files that were read, each with its depth in the tree of bases
        self.files: list[tuple[int, str]] = []
        # A base that is named more than once is read, parsed and compiled once.
        self._texts: dict[str, str] = {}
        self._python_files: dict[tuple[str, str], PythonFile] = {}
        self._data_files: dict[tuple[str, str], DataFile] = {}

    def load(self, filename: str, named_at: Origin | None = None) -> Loaded:
        """Load a file with its bases.

        Args:
            filename: The file.
            named_at: Where another config names it as its base.
        """
        path = osp.abspath(osp.expanduser(filename))
        if path not in self._texts:
            if not osp.exists(path):
                raise not_found(path, named_at)
            check_extension(path)
            self._texts[path] = read_text(path, named_at)
        return self.load_text(self._texts[path], path, osp.splitext(path)[1], named_at)

    def load_text(self, text: str, path: str, extension: str, named_at: Origin | None = None) -> Loaded:
        """Load the text of a file with its bases.

        Args:
            text: What stands in the file.
            path: Its name.
            extension: What decides about its format.
            named_at: Where another config names it as its base.
        """
        self._check_chain(path, named_at)
        self.files.append((len(self.stack), path))
        with _paused_collector(), recording(path, rebuilt) as recorder:
            if extension == '.py':
                return self._python(text, recorder)
            return self._data(text, extension, recorder)

    def _check_chain(self, path: str, named_at: Origin | None) -> None:
        paths = [entry.path for entry in self.stack]
        if path in paths:
            circle = ' -> '.join([*paths[paths.index(path):], path])
            raise ConfigRecursionError(f'The bases of {paths[0]} lead back to {path}, at {named_at}: {circle}'
                                       ).at(named_at, '_base_')
        if len(paths) >= MAX_DEPTH:
            raise ConfigRecursionError(f'{paths[0]} has a chain of more than {MAX_DEPTH} bases, at {named_at}'
                                       ).at(named_at, '_base_')

    def _substituted(self, text: str, path: str) -> str:
        if self.predefined:
            text = substitute_predefined(text, path)
        if self.environment:
            text, found = substitute_environment(text, path)
            self.env_variables.update(found)
        return text

    # ---------------------------------------------------------------- the formats
    def _python(self, text: str, recorder: Recorder) -> Loaded:
        path = recorder.file
        source = self._substituted(text, path)
        file = self._python_files.get((path, source))
        if file is None:
            file = self._python_files[path, source] = PythonFile(source, path, text)
        self.stack.append(_Open(path, self._style(file)))
        try:
            if self.stack[-1].lazy:
                return self._lazy(file, text, recorder)
            base, texts = self._bases(file.bases, path)
            return self._over_base(file.values(recorder, base), base, path, [*texts, f'{path}\n{text}'])
        finally:
            self.stack.pop()

    def _style(self, file: PythonFile) -> bool:
        """Tell whether a file is in the pure Python style; each file of a chain may be in its own."""
        if file.assigns_base:
            return bool(self.lazy) and not self.stack
        if self.lazy is not None:
            return self.lazy
        return (bool(self.stack) and self.stack[-1].lazy) or file.is_lazy

    def _lazy(self, file: PythonFile, text: str, recorder: Recorder) -> Loaded:
        bases = {module: self.load(base_file, where) for module, (base_file, where) in file.lazy.bases.items()}
        cfg, imported = file.lazy.execute({module: loaded.cfg for module, loaded in bases.items()}, recorder)
        imported = imported.union(*(loaded.imported for loaded in bases.values()))
        return Loaded(cfg, text, {name for name in imported if name in cfg})

    def _data(self, text: str, extension: str, recorder: Recorder) -> Loaded:
        path = recorder.file
        source = self._substituted(text, path)
        file = self._data_files.get((path, source))
        if file is None:
            file = self._data_files[path, source] = DataFile(source, extension, recorder)
        cfg = rebuilt(file.cfg)
        self.stack.append(_Open(path, False))
        try:
            base, texts = self._bases(file.bases, path)
        finally:
            self.stack.pop()
        try:
            put_base_values(cfg, file.placeholders, base)
        except ConfigKeyError as error:
            where = where_base_value(source, error.key or '', path)
            raise ConfigKeyError(f'{error} ({where})').at(where, error.key) from error
        return self._over_base(cfg, base, path, [*texts, f'{path}\n{text}'])

    # ---------------------------------------------------------------- bases
    def _bases(self, names: list[tuple[str, int]], path: str) -> tuple[ConfigDict, list[str]]:
        base, texts = ConfigDict(), []
        for name, line in names:
            named_at = Origin(path, line)
            base_file, scope = base_path(name, path, named_at)
            loaded = self.load(base_file, named_at)
            found = without_imports(loaded)
            _check_doubles(base, found, named_at)
            found = with_scope(found, scope) if scope else found
            dict.update(base, dict.items(found))
            base._take_origins(found)
            texts.append(loaded.text)
        return base, texts

    def _over_base(self, cfg: ConfigDict, base: ConfigDict, path: str, texts: list[str]) -> Loaded:
        deprecation = dict.pop(cfg, DEPRECATION_KEY, None)
        if deprecation is not None:
            _warn(path, deprecation)
            if not base and not cfg and 'expected' in deprecation:
                base = self.load(base_path(deprecation['expected'], path)[0], Origin(path, 1)).cfg
        merged = merge_a_into_b(cfg, base, in_place=True)
        merged._set_origins(Origin(path, 1))
        return Loaded(merged, '\n'.join(texts), set())


def base_tree(filename: str) -> list[tuple[int, str]]:
    """List a file and those that it inherits from, each below the one that names it, with its depth."""
    loader = Loader()
    loader.load(filename)
    return loader.files


def _check_doubles(base: ConfigDict, other: ConfigDict, named_at: Origin) -> None:
    doubled = [key for key in dict.keys(other) if key in base]
    if doubled:
        shown = '; '.join(f'{key!r} at {base.origin_of(key)} and at {other.origin_of(key)}' for key in doubled)
        raise ConfigKeyError(f'Duplicate key is not allowed among bases. Those of {named_at.file} (line '
                             f'{named_at.line}) both have {shown}. Keep each in one of them'
                             ).at(named_at, str(doubled[0]))


def _warn(path: str, deprecation: Mapping[str, Any]) -> None:
    expected, reference = deprecation.get('expected'), deprecation.get('reference')
    text = f'The config {path} is deprecated and will be removed'
    text += f'; use {expected} in its place' if expected else ''
    text += f' (see {reference})' if reference else ''
    warnings.warn(text, DeprecationWarning, stacklevel=2)


def with_scope(cfg: Any, scope: str | None = None, has_scope: bool = True) -> Any:
    """Make dicts in `cfg` configs, and note in the outermost of those with a `type` where that is looked up.

    Args:
        cfg: A dict, list or tuple; other values are given back as they are.
        scope: The registry scope of the library that the config is from.
        has_scope: Whether none of the dicts above has got the note.
    """
    if isinstance(cfg, dict):
        if has_scope and 'type' in cfg:
            has_scope = False
            if scope is not None and dict.get(cfg, '_scope_') is None:
                dict.__setitem__(cfg, '_scope_', scope)
        new = cfg if isinstance(cfg, ConfigDict) else ConfigDict(cfg)
        for key, value in dict.items(new):
            dict.__setitem__(new, key, with_scope(value, scope, has_scope))
        return new
    if type(cfg) in (list, tuple):
        return type(cfg)([with_scope(value, scope, has_scope) for value in cfg])
    return cfg


def without_imports(loaded: Loaded) -> ConfigDict:
    """Drop what only serves the writing of a lazy config: imports, functions and modules."""
    for key, value in list(dict.items(loaded.cfg)):
        if key in loaded.imported or isinstance(value, (FunctionType, ModuleType)):
            dict.pop(loaded.cfg, key)
    return loaded.cfg
