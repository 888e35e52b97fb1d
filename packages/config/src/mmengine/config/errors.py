"""What a config can raise.

    ConfigParsingError (RuntimeError)        anything wrong with a config
    |-- ConfigSyntaxError (SyntaxError, ValueError)    the text is no Python, YAML, JSON or UTF-8
    |-- ConfigKeyError (KeyError)            reserved, doubled, unknown or out of range key
    |-- ConfigTypeError (TypeError)          a value of the wrong kind, such as a dict over a number
    |-- ConfigImportError (ImportError)      `custom_imports`, or a lazily imported name, that does not import
    |-- ConfigFileError (OSError)            a file that is not readable, or of an unknown format
        |-- ConfigFileNotFoundError (FileNotFoundError)
"""
from __future__ import annotations


class ConfigParsingError(RuntimeError):
    """Anything wrong with a config; its subclasses also are what Python itself raises in such a case."""


class ConfigSyntaxError(ConfigParsingError, SyntaxError, ValueError):
    """The text of a config is not in the format that its name says."""

    def __init__(self, *args: object) -> None:
        SyntaxError.__init__(self, *args)  # which takes file, line and text apart


class ConfigKeyError(ConfigParsingError, KeyError):
    """A key that is reserved, given twice, unknown, or beyond the end of a list."""

    def __str__(self) -> str:
        return str(self.args[0]) if len(self.args) == 1 else super().__str__()  # KeyError would put it in quotes


class ConfigTypeError(ConfigParsingError, TypeError):
    """A value that is not of the kind that its place asks for."""


class ConfigImportError(ConfigParsingError, ImportError):
    """A module or a name that a config asks for, and that does not import."""


class ConfigFileError(ConfigParsingError, OSError):
    """A config file that cannot be read, or whose format is not known."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ''  # OSError would only show `errno` and `filename`


class ConfigFileNotFoundError(ConfigFileError, FileNotFoundError):
    """A config file that is not there."""


def add_note(error: BaseException, note: str) -> None:
    """Add a line below the message of an error, whose type and text stay; shown from Python 3.11 on."""
    if hasattr(error, 'add_note'):
        error.add_note(note)
    else:
        error.__notes__ = [*getattr(error, '__notes__', []), note]  # type: ignore[attr-defined]  # Python 3.10
