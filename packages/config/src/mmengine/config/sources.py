"""Reading of config files: their text, and where a name in `_base_` leads."""
from __future__ import annotations

import errno
import os
import os.path as osp

from mmengine.config.errors import (
    ConfigEncodingError,
    ConfigFileError,
    ConfigFileNotFoundError,
    ConfigIsADirectoryError,
    ConfigParsingError,
    ConfigPermissionError,
)
from mmengine.config.external import external_base
from mmengine.interfaces import Origin
from mmengine.utils.suggest import did_you_mean

#: a file of so many bytes is no config, but a data set or a checkpoint with such a name
MAX_BYTES = 10_000_000
EXTENSIONS = ('.py', '.json', '.yaml', '.yml')
_KINDS = {IsADirectoryError: ConfigIsADirectoryError, PermissionError: ConfigPermissionError}


def read_text(filename: str, named_at: Origin | None = None) -> str:
    """Read a config file as UTF-8.

    Args:
        filename: The file.
        named_at: Where another config names it as its base.
    """
    try:
        with open(filename, 'rb') as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise not_found(filename, named_at) from None
    except OSError as error:
        text = f'The config {filename!r} cannot be read{_named(named_at)}: {error.strerror}'
        refused = _KINDS.get(type(error), ConfigFileError)(text).at(filename)
        refused.errno, refused.filename = error.errno, filename
        raise refused from error
    if len(content) >= MAX_BYTES:
        raise ConfigFileError(f'{filename!r}{_named(named_at)} has {MAX_BYTES // 10**6} MB or more, and is no config'
                              ).at(filename)
    try:
        return content.decode('utf-8-sig').replace('\r\n', '\n')
    except UnicodeDecodeError as error:
        line = content.count(b'\n', 0, error.start) + 1
        begin = content.rfind(b'\n', 0, error.start) + 1
        raise ConfigEncodingError('utf-8', content[begin:error.end], error.start - begin, error.end - begin,
                                  error.reason).at(Origin(filename, line)) from error


def not_found(filename: str, named_at: Origin | None = None) -> ConfigFileNotFoundError:
    """Make the error for a file that is not there, with the nearest names that are."""
    folder, name = osp.split(osp.abspath(filename))
    try:
        hint = did_you_mean(name, [entry for entry in os.listdir(folder) if entry.endswith(EXTENSIONS)])
    except OSError:
        hint = f' There is no folder {folder!r}.'
    error = ConfigFileNotFoundError(f'There is no config {filename!r}{_named(named_at)}.{hint}')
    error.filename, error.errno = filename, errno.ENOENT
    return error.at(named_at or filename, '_base_' if named_at else None)


def _named(named_at: Origin | None) -> str:
    return f', which {named_at} names as its base' if named_at else ''


def check_extension(filename: str) -> str:
    """Give the extension of a config file, if it is one that can be read."""
    extension = osp.splitext(filename)[1]
    if extension not in EXTENSIONS:
        raise ConfigFileError(f'Only py/yml/yaml/json type are supported, but the config {filename!r} ends in '
                              f'{extension!r}').at(filename)
    return extension


def base_path(name: str, filename: str, named_at: Origin | None = None) -> tuple[str, str | None]:
    """Find the file that a config names as its base; give its path, and its scope if it is in another library.

    Args:
        name: What stands in `_base_`: a path relative to the config, or `'mmdet::_base_/default_runtime.py'`.
        filename: The config.
        named_at: Where in the config it stands.
    """
    if '::' not in name:
        return osp.join(osp.dirname(filename), name), None
    try:
        return external_base(name)
    except ConfigParsingError as error:
        if named_at is not None:
            error.args = (f'{error.args[0]} ({named_at})',)
        if isinstance(error, ImportError):
            error.msg = error.args[0]
        error.at(named_at, '_base_')
        raise
