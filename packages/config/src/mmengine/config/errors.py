"""What a config can raise; each has `file`, `line` and `key`, as far as the error is about one.

    ConfigParsingError (RuntimeError)        anything wrong with a config
    |-- ConfigSyntaxError (SyntaxError, ValueError)    the text is no Python, YAML or JSON
    |-- ConfigEncodingError (UnicodeDecodeError)       the bytes are no UTF-8
    |-- ConfigRecursionError (RecursionError)          bases that lead back to where they began, or on and on
    |-- ConfigKeyError (KeyError)            reserved, doubled, unknown or out of range key
    |-- ConfigTypeError (TypeError)          a value of the wrong kind, such as a dict over a number
    |-- ConfigValueError (ValueError)        a text that names no config, or no entry of a library's index
    |-- ConfigOptionError (ValueError, AssertionError)   an option whose brackets do not match
    |-- ConfigImportError (ImportError)      `custom_imports`, or a lazily imported name, that does not import
    |   |-- ConfigModuleNotFoundError (ModuleNotFoundError)
    |-- ConfigFileError (OSError)            a file that is not readable, too big, or of an unknown format
    |   |-- ConfigFileNotFoundError (FileNotFoundError)
    |   |-- ConfigIsADirectoryError (IsADirectoryError)
    |   |-- ConfigPermissionError (PermissionError)
    |-- ConfigCodeError (and the type of what it raised)   the code of a config file raised something
"""
from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeVar

from mmengine.interfaces import Origin

_E = TypeVar('_E', bound='ConfigParsingError')


class ConfigParsingError(RuntimeError):
    """Anything wrong with a config; its subclasses also are what Python itself raises in such a case."""

    #: the config that is wrong, its line, and the dotted key that it is about
    file: str | None = None
    line: int | None = None
    key: str | None = None

    def at(self: _E, place: Origin | str | None, key: str | None = None) -> _E:
        """Note what this is about, for programs; the message says it to people.

        Args:
            place: File and line, or a file as a whole.
            key: The dotted key.
        """
        if isinstance(place, str):
            self.file = place
        elif place is not None:
            self.file, self.line = place
        if key is not None:
            self.key = key
        return self


class ConfigSyntaxError(ConfigParsingError, SyntaxError, ValueError):
    """The text of a config is not in the format that its name says."""

    def __init__(self, *args: object) -> None:
        SyntaxError.__init__(self, *args)  # which takes file, line and text apart
        self.file, self.line = self.filename, self.lineno


class ConfigEncodingError(ConfigParsingError, UnicodeDecodeError):
    """The bytes of a config are no UTF-8."""

    def __init__(self, encoding: str, object: bytes, start: int, end: int, reason: str) -> None:
        UnicodeDecodeError.__init__(self, encoding, object, start, end, reason)

    def __str__(self) -> str:
        return f'{self.file}:{self.line}: a byte that is not UTF-8 ({self.reason}); save the file as UTF-8'


class ConfigRecursionError(ConfigParsingError, RecursionError):
    """A chain of bases without end."""


class ConfigKeyError(ConfigParsingError, KeyError):
    """A key that is reserved, given twice, unknown, or beyond the end of a list."""

    def __str__(self) -> str:
        return str(self.args[0]) if len(self.args) == 1 else super().__str__()  # KeyError would put it in quotes


class ConfigTypeError(ConfigParsingError, TypeError):
    """A value that is not of the kind that its place asks for."""


class ConfigValueError(ConfigParsingError, ValueError):
    """A text that does not name what it should."""


class ConfigOptionError(ConfigParsingError, ValueError, AssertionError):
    """An option that cannot be read."""


class ConfigImportError(ConfigParsingError, ImportError):
    """A module or a name that a config asks for, and that does not import."""

    def __init__(self, *args: object, name: str | None = None, path: str | None = None) -> None:
        ImportError.__init__(self, *args, name=name, path=path)


class ConfigModuleNotFoundError(ConfigImportError, ModuleNotFoundError):
    """A module that a config asks for, and that is not there."""


class ConfigFileError(ConfigParsingError, OSError):
    """A config file that cannot be read, or whose format is not known."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ''  # OSError would only show `errno` and `filename`


class ConfigFileNotFoundError(ConfigFileError, FileNotFoundError):
    """A config file that is not there."""


class ConfigIsADirectoryError(ConfigFileError, IsADirectoryError):
    """A folder in the place of a config file."""


class ConfigPermissionError(ConfigFileError, PermissionError):
    """A config file that must not be read."""


class ConfigCodeError(ConfigParsingError):
    """What the code of a config file raised, which is its `__cause__`.

    Raised as a class that is of the type of the cause as well, so that `except AttributeError` catches it too.
    """

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ''

    def __reduce__(self) -> tuple[Any, ...]:
        return ConfigCodeError, self.args, {'file': self.file, 'line': self.line, 'key': self.key}


#: what tells more about an exception, beside its arguments
_FIELDS = ('name', 'path', 'obj', 'errno', 'strerror', 'filename', 'code')


@lru_cache(maxsize=64)
def _code_error_of(kind: Any) -> type[ConfigCodeError]:
    try:
        return type('ConfigCodeError', (ConfigCodeError, kind), {'__module__': __name__})
    except TypeError:  # such that cannot be inherited together
        return ConfigCodeError


def code_error(error: Exception, file: str, line: int) -> ConfigCodeError:
    """Make the error for what the code of a config has raised.

    Args:
        error: What it raised.
        file: The config.
        line: The line of it.
    """
    known: Any = type(error)
    kind = _code_error_of(known)
    try:
        new = type(error).__new__(kind)  # the one that lays out what is in such an exception
    except Exception:  # it wants arguments that only its own code knows
        new = ConfigCodeError()
    new.args = (f'{file}:{line} raised {type(error).__name__}: {error}',)
    for field in _FIELDS:
        with suppress(AttributeError, TypeError):
            setattr(new, field, getattr(error, field))
    return new.at(Origin(file, line))


def syntax_error(message: str, file: str, line: int, column: int, text: str) -> ConfigSyntaxError:
    """Make the error of a mistake in the text of a file."""
    lines = text.splitlines()
    shown = lines[line - 1] if line <= len(lines) else ''
    return ConfigSyntaxError(message, (file, line, column, shown))
