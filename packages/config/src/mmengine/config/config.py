"""A config: the values of a file and its bases, with the file's name and text."""
from __future__ import annotations

import copy
import difflib
import os
import os.path as osp
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config.cli import DictAction as DictAction
from mmengine.config.cli import add_arguments
from mmengine.config.collector import collector_paused
from mmengine.config.config_dict import DELETE_KEY as DELETE_KEY
from mmengine.config.config_dict import ConfigDict as ConfigDict
from mmengine.config.derived import warn_unreached
from mmengine.config.errors import ConfigFileError, ConfigImportError, ConfigKeyError
from mmengine.config.file_helpers import FileHelpers
from mmengine.config.history import OPTIONS, Step, find_history
from mmengine.config.lazy import to_text
from mmengine.config.lazy_imports import read_base as read_base
from mmengine.config.load import DEPRECATION_KEY as DEPRECATION_KEY
from mmengine.config.load import Loader, without_imports
from mmengine.config.merge import merge_a_into_b
from mmengine.config.options import check_new_keys, nearest_path, nested
from mmengine.config.pretty import pretty
from mmengine.config.python_text import BASE_KEY as BASE_KEY
from mmengine.config.sources import EXTENSIONS, read_text
from mmengine.fileio import dump, put_text
from mmengine.interfaces import Origin
from mmengine.utils import import_modules_from_strings

#: keys that a config cannot have, since they are attributes of `Config`
RESERVED_KEYS = ['filename', 'text', 'pretty_text', 'env_variables']


class Config(FileHelpers):
    """The values of a config file, read and written as items and as attributes.

    Args:
        cfg_dict: The values.
        cfg_text: The text of the file, below the texts of its bases.
        filename: The file.
        env_variables: The environment variables that were put in.
        format_python_code: Has no effect any more: printing is quick enough never to be left out.
    """

    # The printed text is kept outside __dict__, which pickling and comparison go by.
    __slots__ = ('__dict__', '__weakref__', '_printed')
    _cfg_dict: ConfigDict
    _filename: str | None
    _text: str
    _env_variables: dict[str, str]
    _imported_names: set[str]

    def __init__(self, cfg_dict: dict[str, Any] | None = None, cfg_text: str | None = None,
                 filename: str | Path | None = None, env_variables: dict[str, str] | None = None,
                 format_python_code: bool = True) -> None:
        filename = str(filename) if isinstance(filename, Path) else filename
        if cfg_dict is None:
            cfg_dict = {}
        elif not isinstance(cfg_dict, dict):
            raise TypeError(f'cfg_dict must be a dict, but got {type(cfg_dict)}')
        cfg = cfg_dict if isinstance(cfg_dict, ConfigDict) else ConfigDict(cfg_dict)
        for key in RESERVED_KEYS:
            if key in cfg:
                raise ConfigKeyError(f'{key} is reserved for config file{_at(cfg.origin_of(key))}; rename the key'
                                     ).at(cfg.origin_of(key), key)
        if cfg_text is None:
            cfg_text = read_text(filename) if filename else ''
        self._set(_cfg_dict=cfg, _filename=filename, _format_python_code=format_python_code, _imported_names=set(),
                  _text=cfg_text, _env_variables=env_variables or {})

    def _set(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)
        object.__setattr__(self, '_printed', None)

    # ---------------------------------------------------------------- loading
    @staticmethod
    def fromfile(filename: str | Path, use_predefined_variables: bool = True, import_custom_modules: bool = True,
                 use_environment_variables: bool = True, lazy_import: bool | None = None,
                 format_python_code: bool = True) -> Config:
        """Load a config file with its bases.

        Args:
            filename: A `.py`, `.yaml`, `.yml` or `.json` file.
            use_predefined_variables: Whether `{{ fileBasename }}` and the like are put in.
            import_custom_modules: Whether the modules in `custom_imports` are imported.
            use_environment_variables: Whether `{{ $NAME:default }}` is put in.
            lazy_import: Whether the file is in the pure Python style; `None` asks the file.
            format_python_code: Has no effect any more.
        """
        filename = str(filename)
        loader = Loader(use_predefined_variables, use_environment_variables, lazy_import)
        with collector_paused():
            loaded = loader.load(filename)
            cfg = Config(without_imports(loaded), loaded.text, filename, loader.env_variables, format_python_code)
        cfg._imported_names.update(loaded.imported)
        if import_custom_modules:
            cfg.import_custom_modules()
        return cfg

    @staticmethod
    def fromstring(cfg_str: str, file_format: str) -> Config:
        """Load a config from its text.

        Args:
            cfg_str: The text.
            file_format: `'.py'`, `'.json'`, `'.yaml'` or `'.yml'`.
        """
        if file_format not in EXTENSIONS:
            raise ConfigFileError(f'Only py/yml/yaml/json type are supported, but got {file_format!r}')
        loader = Loader()
        loaded = loader.load_text(cfg_str, osp.join(os.getcwd(), f'<string>{file_format}'), file_format)
        cfg = Config(without_imports(loaded), cfg_str, None, loader.env_variables)
        cfg._imported_names.update(loaded.imported)
        cfg.import_custom_modules()
        return cfg

    def import_custom_modules(self) -> None:
        """Import the modules in `custom_imports`, as loading does unless told otherwise."""
        _import_custom_modules(self._cfg_dict)

    @staticmethod
    def auto_argparser(description: str | None = None) -> tuple[ArgumentParser, Config]:
        """Make a parser with an option for every key of the config that is the first argument of the program.

        Args:
            description: The description that the parser shows.
        """
        first = ArgumentParser(description=description, add_help=False)
        first.add_argument('config', help='the config file')
        cfg = Config.fromfile(first.parse_known_args()[0].config)
        parser = ArgumentParser(description=description)
        parser.add_argument('config', help='the config file')
        return add_arguments(parser, cfg._cfg_dict), cfg

    # ---------------------------------------------------------------- what it is
    @property
    def filename(self) -> str | None:
        """The file."""
        return self._filename

    @property
    def text(self) -> str:
        """The text of the file, below the texts of its bases."""
        return self._text

    @property
    def env_variables(self) -> dict[str, str]:
        """The environment variables that were put in."""
        return self._env_variables

    @property
    def pretty_text(self) -> str:
        """The values as Python that reads back to the same."""
        state = repr(self._cfg_dict)  # made in C, and tells 1 from True, so that only a change is printed anew
        if self._printed is None or self._printed[0] != state:
            object.__setattr__(self, '_printed', (state, pretty(self.to_dict())))
        text: str = self._printed[1]
        return text

    def origin_of(self, key: str | None = None) -> Origin | None:
        """Tell where a value was written; `None` if it came from no file.

        Args:
            key: Its dotted path, such as `'model.backbone.depth'`.
        """
        return self._cfg_dict.origin_of(key)

    def origin(self, key: str) -> list[Step]:
        """List what set a value: every file with its line, options and program, the present value last.

        Args:
            key: Its dotted path, such as `'model.backbone.depth'`.
        """
        try:
            return find_history(self._cfg_dict, key)
        except KeyError as error:
            path, hint = nearest_path(self._cfg_dict, key)
            text = f'There is no {key!r} in the config: {path!r} is not there.{hint}'
            raise ConfigKeyError(text).at(None, path) from error

    # ---------------------------------------------------------------- merging and writing
    def merge_from_dict(self, options: dict[str, Any], allow_list_keys: bool = True, *,
                        allow_new: bool | None = None) -> None:
        """Merge options over the values, in place.

        Args:
            options: Dotted keys with their values, such as `{'model.backbone.depth': 50}`.
            allow_list_keys: Whether a number in a key is the index of an item, where a list is.
            allow_new: Whether keys may be new. By default they may, with a warning where one looks like a misspelt
                key that is there; `True` is silent, and `False` makes each an error.

        What a file has made from a value that an option sets, as `dict(lr=lr)` is, stays as it was; a warning says so.

        Raises:
            ConfigKeyError: A key is new and may not be, or an index is beyond the end of its list.
            ConfigTypeError: A key leads into what is neither dict nor list.
        """
        added = nested(options)
        if allow_new is not True:
            check_new_keys(options, self._cfg_dict, allow_new is None)
        warn_unreached(options, self._cfg_dict)
        self.__dict__['_cfg_dict'] = merge_a_into_b(added, self._cfg_dict, allow_list_keys, source=OPTIONS)

    def dump(self, file: str | Path | None = None) -> str | None:
        """Write the values to a file in the format of its extension; without one, give them as text.

        Args:
            file: A `.py`, `.yaml`, `.yml` or `.json` file. Without one, the format is that of the config's own file.
        """
        extension = osp.splitext(str(file or self.filename or ''))[1] or '.py'
        if extension == '.py':
            if file is None:
                return self.pretty_text
            put_text(self.pretty_text, str(file))
            return None
        values = self.to_dict()
        if file is None:
            return str(dump(values, file_format=extension[1:]))
        dump(values, file)
        return None

    @staticmethod
    def diff(cfg1: str | Config, cfg2: str | Config) -> str:
        """Compare two configs, given themselves or as files, by their printed text."""
        texts = [(Config.fromfile(cfg) if isinstance(cfg, (str, Path)) else cfg).pretty_text for cfg in (cfg1, cfg2)]
        lines = list(difflib.unified_diff(texts[0].split('\n'), texts[1].split('\n')))
        return '\n'.join([*lines, '\n']) if lines else ''  # the end that existing code compares with

    def to_dict(self, keep_imported: bool = False) -> dict[str, Any]:
        """Make plain dicts of the values, with imported objects as their dotted names.

        Args:
            keep_imported: Has no effect any more: imports of a config are no values of it.
        """
        return {key: to_text(value) for key, value in dict.items(self._cfg_dict)}

    def _to_lazy_dict(self, keep_imported: bool = False) -> dict[str, Any]:
        return self._cfg_dict._to_lazy_dict()

    # ---------------------------------------------------------------- items and attributes
    def __getattr__(self, name: str) -> Any:
        if name[:1] == '_' and (name in _OWN or (name[:2] == '__' and name.endswith('__'))):
            raise AttributeError(name)  # asked for while a copy is not filled yet
        return getattr(self._cfg_dict, name)

    def get(self, key: str, default: Any = None) -> Any:
        """Read a value, or `default` where the key is not there."""
        return self._cfg_dict.get(key, default)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._cfg_dict, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._cfg_dict, name)

    def __getitem__(self, name: str) -> Any:
        return self._cfg_dict[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._cfg_dict[name] = value

    def __delitem__(self, name: str) -> None:
        del self._cfg_dict[name]

    def __contains__(self, name: object) -> bool:
        return name in self._cfg_dict

    def __iter__(self) -> Iterator[str]:
        return iter(self._cfg_dict)

    def __len__(self) -> int:
        return len(self._cfg_dict)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(key for key in self._cfg_dict if isinstance(key, str))]

    def __repr__(self) -> str:
        return f'Config (path: {self.filename}): {self._cfg_dict!r}'

    # ---------------------------------------------------------------- copies
    def __copy__(self) -> Config:
        new = type(self).__new__(type(self))
        new._set(**{key: copy.copy(value) for key, value in self.__dict__.items()})
        return new

    copy = __copy__

    def __deepcopy__(self, memo: dict[int, Any]) -> Config:
        new = type(self).__new__(type(self))
        memo[id(self)] = new
        new._set(**{key: copy.deepcopy(value, memo) for key, value in self.__dict__.items()})
        return new

    def __getstate__(self) -> dict[str, Any]:
        return dict(self.__dict__)

    def __setstate__(self, state: Any) -> None:
        self._set(**(state if isinstance(state, dict) else dict(zip(_OWN, state, strict=False))))


#: the attributes of a config, in the order in which upstream's pickles have their values
_OWN = ('_cfg_dict', '_filename', '_text', '_env_variables', '_format_python_code', '_imported_names')


def _at(origin: Origin | None) -> str:
    return f' ({origin})' if origin else ''


def _import_custom_modules(cfg: ConfigDict) -> None:
    wanted = dict.get(cfg, 'custom_imports')
    if not wanted:
        return
    try:
        import_modules_from_strings(**wanted)
    except ImportError as error:
        folders = ''.join(f'\n    {folder}' for folder in sys.path)
        raise ConfigImportError(
            f'Failed to import custom modules from {wanted}{_at(cfg.origin_of("custom_imports"))}: {error}. Python '
            f'looks for modules in{folders}\nSet PYTHONPATH to the folder that holds yours'
        ).at(cfg.origin_of('custom_imports'), 'custom_imports') from error


__all__ = ['BASE_KEY', 'DELETE_KEY', 'DEPRECATION_KEY', 'RESERVED_KEYS', 'Config', 'ConfigDict', 'DictAction',
           'read_base']
