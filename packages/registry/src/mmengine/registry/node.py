"""A registry as a node of a tree: what it holds, where it looks, and how names are resolved from it."""
from __future__ import annotations

import logging
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from mmengine.logging import print_log
from mmengine.registry.default_scope import DefaultScope
from mmengine.registry.libraries import import_registries, is_absent, is_dotted_path, register_all_modules
from mmengine.registry.providers import Providers
from mmengine.utils import get_object_from_string

#: Every registry there is, so that a miss can tell what the others have.
REGISTRIES: weakref.WeakSet[RegistryNode] = weakref.WeakSet()

_warned_scopes: set[str] = set()


def is_interactive_main(module: str) -> bool:
    """Tell whether `module` is a notebook or a prompt, where the same lines are run again and again."""
    return module == '__main__' and not hasattr(sys.modules['__main__'], '__file__')


class RegistryNode:
    """Modules by name, with a scope, a parent and children; see `Registry`, which adds building."""

    def __init__(self, name: str, parent: RegistryNode | None, scope: str, locations: Sequence[str],
                 entry_points: str | None, made_at: tuple[str, int]) -> None:
        if not isinstance(scope, str):
            raise AssertionError(f'scope should be a string, but got {scope!r} of type {type(scope).__name__}')
        if parent is not None and not isinstance(parent, RegistryNode):
            raise AssertionError(f'parent should be a Registry, but got {parent!r} of type {type(parent).__name__}')
        self._name = name
        self._scope = scope
        self._module_dict: dict[str, Any] = {}
        self._children: dict[str, RegistryNode] = {}
        self._locations = list(locations)
        self._providers = Providers(entry_points)
        self._provided: dict[str, Any] = {}  # what the providers put into module_dict: gives way to the user's own
        self._imported = False
        self._importing: set[int] = set()  # threads on their way through the locations
        self._absent: dict[str, str] = {}  # location that is not installed -> what the import said
        self._made_at = made_at
        self.parent = parent
        if parent is not None:
            parent._add_child(self)
        REGISTRIES.add(self)

    def __len__(self) -> int:
        return len(self._module_dict)

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    @property
    def name(self) -> str:
        """What is registered here, `'model'` for example."""
        return self._name

    @property
    def scope(self) -> str:
        """Prefix of the names in here, by default the top package of the module that made the registry."""
        return self._scope

    @property
    def module_dict(self) -> dict[str, Any]:
        """The registered modules by name: the dict itself, not a copy."""
        return self._module_dict

    @property
    def children(self) -> dict[str, RegistryNode]:
        """The registries below this one by scope: the dict itself, not a copy."""
        return self._children

    @property
    def root(self) -> RegistryNode:
        """The top of the tree."""
        return self._get_root_registry()

    @property
    def label(self) -> str:
        """Scope and name, as errors write them: `mmdet::model`."""
        return f'{self._scope}::{self._name}'

    # ---------------------------------------------------------------- the tree
    def lineage(self) -> Iterator[RegistryNode]:
        """Go from this registry up to the root: the order in which a name is looked up."""
        node: RegistryNode | None = self
        while node is not None:
            yield node
            node = node.parent

    def descendants(self) -> Iterator[RegistryNode]:
        """Go through the registries below this one."""
        for child in list(self._children.values()):
            yield child
            yield from child.descendants()

    def _get_root_registry(self) -> RegistryNode:
        *_, root = self.lineage()
        return root

    def _search_child(self, scope: str) -> RegistryNode | None:
        """Find the registry of a scope, here or below."""
        if self._scope == scope:
            return self
        if scope in self._children:
            return self._children[scope]
        return next((node for node in self.descendants() if node._scope == scope), None)

    def _add_child(self, child: RegistryNode) -> None:
        """Hang a registry below this one."""
        known = self._children.get(child.scope)
        # A module that is executed anew, after a failed import or in a notebook, makes its registries anew.
        again = known is not None and (known._made_at == child._made_at or is_interactive_main(child._made_at[0]))
        if known is not None and not again:
            raise AssertionError(f'scope {child.scope} exists in {self._name} registry, made in {known._made_at[0]}: '
                                 f'give the new registry another `scope`')
        self._children[child.scope] = child

    def _node_of(self, scope: str) -> RegistryNode | None:
        """Find the registry that a prefix means from here: this one, a child, or the same of an ancestor."""
        for node in self.lineage():
            if node._scope == scope:
                return node
            if scope in node._children:
                return node._children[scope]
        return None

    # ---------------------------------------------------------------- looking up
    @staticmethod
    def split_scope_key(key: str) -> tuple[str | None, str]:
        """Split off the first scope of a name.

        >>> RegistryNode.split_scope_key('mmdet.ResNet')
        ('mmdet', 'ResNet')
        >>> RegistryNode.split_scope_key('ResNet')
        (None, 'ResNet')
        """
        scope, dot, name = key.partition('.')
        return (scope, name) if dot else (None, key)

    def get(self, key: str) -> Any:
        """Find what is registered by a name; None if nothing is.

        A plain name is looked up here, then in the parents. `scope.Name` is looked up in the registry of that scope,
        wherever it is in the tree; the library of the scope is imported if need be. The dotted path of any object is
        the last resort.

        Args:
            key: `'ResNet'`, `'mmdet.ResNet'` or `'mmdet.models.ResNet'`.
        """
        if not isinstance(key, str):
            raise TypeError(f'The key argument of `Registry.get` must be a str, got {key!r} of type {type(key)}')
        found = self._find(key)
        scope, _ = self.split_scope_key(key)
        if found is not None or scope is None:
            return found
        if self._node_of(scope) is None and import_registries(scope) is None:
            found = self._find(key)
        return get_object_from_string(key) if found is None and is_dotted_path(key) else found

    def _find(self, key: str) -> Any:
        found = self._module_dict.get(key)
        if found is not None:
            return found
        scope, name = self.split_scope_key(key)
        if scope is None:
            return next((found for node in self.lineage() if (found := node._find_here(key)) is not None), None)
        node = self._node_of(scope)
        return None if node is None else node._find(name)

    def _find_here(self, name: str) -> Any:
        """Look a name up in this registry alone; what may have to be imported for it comes step by step."""
        found = self._module_dict.get(name)
        if found is not None:
            return found
        found = self._provide(name, self._providers.resolve(name))
        if found is None:
            self.import_from_location()
            found = self._module_dict.get(name)
        if found is None:  # a location may have said where the name is to be had
            found = self._provide(name, self._providers.resolve(name))
        if found is None:
            entry = self._providers.offered().get(name)
            found = None if entry is None else self._provide(name, entry.load())
        return found

    def _provide(self, name: str, module: Any) -> Any:
        if module is None:
            return None
        module = self._module_dict.setdefault(name, module)  # importing it may have registered it already
        self._provided[name] = module
        return module

    def import_from_location(self) -> None:
        """Import the modules whose members register themselves here; once, and only those that are installed."""
        thread = threading.get_ident()
        if self._imported or thread in self._importing:
            return
        self._importing.add(thread)
        try:
            for location in self._locations:
                self._import(location)
            if not self._locations:
                register_all_modules(self._scope)
            self._imported = not self._absent  # what is missing now may be there next time
        finally:
            self._importing.discard(thread)

    def _import(self, location: str) -> None:
        try:
            import_module(location)
        except ModuleNotFoundError as e:
            if not is_absent(e, location):
                raise
            self._absent[location] = str(e)
        else:
            self._absent.pop(location, None)

    def register_lazy(self, name: str, target: str | Callable[[], Any]) -> bool:
        """Promise a module that is imported when its name is asked for first.

        The first promise wins. A module registered in earnest wins over any promise, before or after it, so that
        two packages that both bring an optimizer `Adafactor` never clash.

        Args:
            name: The name.
            target: `'package.module:Class'`, or a function without arguments that gives the module.

        Returns:
            Whether the promise is kept, that is whether the name was free.
        """
        if name in self._module_dict or name in self._providers.targets:
            return False
        if not callable(target) and ':' not in target:
            raise ValueError(f"target of {name!r} should be 'module:object' or a function, but got {target!r}")
        self._providers.targets[name] = target
        return True

    # ---------------------------------------------------------------- the scope in force
    @contextmanager
    def switch_scope_and_registry(self, scope: str | None) -> Iterator[Any]:
        """Put a scope in force for the duration of a `with` block, and give the registry to build from.

        Args:
            scope: The scope; None stays with the one in force.
        """
        with DefaultScope.overwrite_default_scope(scope):
            current = DefaultScope.get_current_instance()
            yield self if current is None else self._in_scope(current.scope_name)

    def _in_scope(self, scope: str) -> RegistryNode:
        """Find the registry of a scope in this tree; this one if there is none."""
        root = self.root
        found = root._search_child(scope)
        if found is not None:
            return found
        reason = import_registries(scope)
        found = root._search_child(scope)
        if found is not None:
            return found
        if reason is not None and scope not in _warned_scopes and all(node.scope != scope for node in list(REGISTRIES)):
            _warned_scopes.add(scope)
            print_log(f'The scope {scope!r} has no registries: {reason}. Names are looked up in {self.label} instead.',
                      logger='current', level=logging.WARNING)
        return self
