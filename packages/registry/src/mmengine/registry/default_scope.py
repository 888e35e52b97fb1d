"""The scope in which names without a prefix are looked up first."""
from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from mmengine.utils import ManagerMixin

#: Counts up whenever a scope becomes current, so that of two scopes the one named last can be told.
_clock = itertools.count(1)


class DefaultScope(ManagerMixin):
    """The scope that is tried first for a `type` without a prefix; the instance made last is in force.

    Args:
        name: Name of the instance, the experiment for example.
        scope_name: The scope, `'mmdet'` for example.
    """

    def __init__(self, name: str, scope_name: str) -> None:
        super().__init__(name)
        if not isinstance(scope_name, str):
            raise AssertionError(f'scope_name should be a string, but got {scope_name!r} '
                                 f'of type {type(scope_name).__name__}')
        self._scope_name = scope_name
        self._since = next(_clock)

    @property
    def scope_name(self) -> str:
        """The scope."""
        return self._scope_name

    def make_current(self) -> None:
        """Put this scope in force."""
        super().make_current()
        self._since = next(_clock)

    def _return(self) -> None:
        """Be in force again instead of what a `with` block brought, but not before what was more recent then."""
        if type(self)._instance_dict.get(self.instance_name) is self:
            super().make_current()

    @classmethod
    def _lasting(cls) -> DefaultScope | None:
        return super().get_current_instance() if cls._instance_dict else None

    @classmethod
    def get_current_instance(cls) -> DefaultScope | None:  # type: ignore[override]  # None: nothing was set, no error
        """Get the scope in force; None if none was ever set."""
        lasting = cls._lasting()
        passing = _passing.get()
        if lasting is None or (passing is not None and passing._since > lasting._since):
            return passing
        return lasting

    @classmethod
    @contextmanager
    def overwrite_default_scope(cls, scope_name: str | None) -> Iterator[None]:
        """Put another scope in force for the duration of a `with` block, in this thread only.

        Args:
            scope_name: The scope; None changes nothing.
        """
        if scope_name is None:
            yield
            return
        before = cls._lasting()
        token = _passing.set(cls('passing', scope_name=scope_name))
        try:
            yield
        finally:
            _passing.reset(token)
            if before is not None and cls._lasting() is not before:
                before._return()


#: The scope of the innermost `with overwrite_default_scope(...)` of this thread.
_passing: ContextVar[DefaultScope | None] = ContextVar('mmengine_default_scope', default=None)
