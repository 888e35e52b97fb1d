"""Exceptions of the registries::

    KeyError
    └── RegistryKeyError           its text reads as written, also over several lines
        ├── MissingTypeError       a config without `type`
        ├── NotRegisteredError     a name that no registry in reach has
        └── AlreadyRegisteredError a name that is taken
"""
from __future__ import annotations


class RegistryKeyError(KeyError):
    """Base of these exceptions; a `KeyError` itself shows its text quoted and with line breaks escaped."""

    def __str__(self) -> str:
        return '\n'.join(str(arg) for arg in self.args)


class MissingTypeError(RegistryKeyError):
    """A config says not what to build."""


class NotRegisteredError(RegistryKeyError):
    """A name is in none of the registries that were asked."""


class AlreadyRegisteredError(RegistryKeyError):
    """A name is taken in the registry."""
