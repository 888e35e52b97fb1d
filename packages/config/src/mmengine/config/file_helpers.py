"""Steps of loading by the names and arguments under which existing code calls them, on `Config`."""
from __future__ import annotations

import os.path as osp
from typing import Any

from mmengine.config.config_dict import ConfigDict
from mmengine.config.lazy_file import is_lazy
from mmengine.config.load import Loader, with_scope
from mmengine.config.merge import merge_a_into_b
from mmengine.config.python_text import bases_in, listed, parse
from mmengine.config.sources import base_path, read_text
from mmengine.config.templates import mark_base_values, put_base_values, substitute_environment, substitute_predefined
from mmengine.fileio import load, put_text
from mmengine.interfaces import Origin


class FileHelpers:
    """Steps of loading, each by itself; those with two paths read one file and write the other."""

    __slots__ = ()

    @staticmethod
    def _file2dict(filename: str, use_predefined_variables: bool = True, use_environment_variables: bool = True,
                   lazy_import: bool | None = None) -> tuple[ConfigDict, str, dict[str, str]]:
        loader = Loader(use_predefined_variables, use_environment_variables, lazy_import)
        loaded = loader.load(str(filename))
        return loaded.cfg, loaded.text, loader.env_variables

    @staticmethod
    def _validate_py_syntax(filename: str) -> None:
        parse(read_text(filename), filename)

    @staticmethod
    def _is_lazy_import(filename: str) -> bool:
        if not filename.endswith('.py'):
            return False
        text = read_text(filename)
        return is_lazy(parse(text, filename), text)

    @staticmethod
    def _substitute_predefined_vars(filename: str, temp_config_name: str) -> None:
        put_text(substitute_predefined(read_text(filename), osp.abspath(filename)), temp_config_name)

    @staticmethod
    def _substitute_env_variables(filename: str, temp_config_name: str) -> dict[str, str]:
        text, found = substitute_environment(read_text(filename), filename)
        put_text(text, temp_config_name)
        return found

    @staticmethod
    def _pre_substitute_base_vars(filename: str, temp_config_name: str) -> dict[str, str]:
        text, keys = mark_base_values(read_text(filename))
        put_text(text, temp_config_name)
        return keys

    @staticmethod
    def _substitute_base_vars(cfg: Any, base_var_dict: dict[str, str], base_cfg: dict[str, Any]) -> Any:
        return put_base_values(cfg, base_var_dict, base_cfg)

    @staticmethod
    def _get_base_files(filename: str) -> list[str]:
        if filename.endswith('.py'):
            return [name for name, _ in bases_in(parse(read_text(filename), filename), filename)]
        return listed(load(filename).get('_base_', []), Origin(filename, 1))

    @staticmethod
    def _get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        return base_path(cfg_path, filename)

    @staticmethod
    def _dict_to_config_dict(cfg: Any, scope: str | None = None, has_scope: bool = True) -> Any:
        return with_scope(cfg, scope, has_scope)

    @staticmethod
    def _merge_a_into_b(a: dict[str, Any], b: dict[str, Any], allow_list_keys: bool = False) -> Any:
        return merge_a_into_b(a, b, allow_list_keys)
