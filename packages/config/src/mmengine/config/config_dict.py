"""The nested dict of a config: keys are attributes, and every value knows where it was written."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, KeysView, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from mmengine.config.errors import ConfigImportError
from mmengine.config.history import Step, step
from mmengine.config.lazy import LAZY_TYPES, to_text
from mmengine.config.origins import find_origin
from mmengine.config.recorder import RECORDED
from mmengine.interfaces import Origin

if TYPE_CHECKING:
    _Dict = dict[Any, Any]
else:
    from addict import Dict as _Dict

#: in a dict of a child config: replace the base's dict instead of merging into it
DELETE_KEY = '_delete_'
#: the dict types that become such as this
DICTS = frozenset({dict, OrderedDict})
#: types of values that a copy shares
ATOMS = frozenset({str, int, float, bool, type(None), bytes, complex})


class ConfigDict(_Dict):
    """A dict whose keys can be read and written as attributes, and whose values are such dicts in turn.

    Lazily imported objects are imported when they are read. Where a value was written is asked with `origin_of`;
    it does not show in items, comparison or output.
    """

    #: give lazily imported objects as they are, instead of importing them
    lazy = False
    # On the class, so that an instance has them only when it came from a file. Kept out of the way of the keys by
    # the double underscore.
    __origin: Origin | None = None
    __origins: dict[Any, Origin] | None = None
    __past: dict[Any, list[Step]] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        hook, put = self._hook, dict.__setitem__
        for arg in args:
            for key, value in _pairs(arg):
                put(self, key, hook(value))
            self._take_origins(arg)
        for key, value in kwargs.items():
            put(self, key, hook(value))

    @classmethod
    def _hook(cls, item: Any) -> Any:
        """Make plain dicts in `item` such as this; a user's own dict type is left as it is."""
        kind = type(item)
        if kind in DICTS:
            return cls(item)
        if kind is list:
            return [cls._hook(value) for value in item]
        if kind is tuple:
            return tuple([cls._hook(value) for value in item])
        return item

    # ---------------------------------------------------------------- reading
    def build_lazy(self, value: Any, key: Any = None) -> Any:
        """Import `value` if it is a lazily imported object.

        Args:
            value: The value.
            key: Its key, which an error names.
        """
        if type(value) not in LAZY_TYPES or self.lazy:
            return value
        try:
            return value.build()
        except ConfigImportError as error:
            if error.key is None and key is not None:
                error.msg = f'{error} (key {key!r})'
                error.args = (error.msg,)
                error.at(None, str(key))
            raise

    def __getitem__(self, key: Any) -> Any:
        value = dict.__getitem__(self, key)
        return self.build_lazy(value, key) if type(value) in LAZY_TYPES else value

    def __getattr__(self, name: str) -> Any:
        try:
            value = dict.__getitem__(self, name)
        except KeyError:
            raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}', name=name,
                                 obj=self) from None
        return self.build_lazy(value, name) if type(value) in LAZY_TYPES else value

    def __missing__(self, key: Any) -> Any:
        raise KeyError(key)

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *(key for key in dict.__iter__(self) if isinstance(key, str))]

    def __iter__(self) -> Iterator[Any]:
        # Its being there makes `dict(cfg)` and `f(**cfg)` go through __getitem__, which imports lazy objects.
        return dict.__iter__(self)

    def get(self, key: Any, default: Any = None) -> Any:
        """Read a value, or `default` where the key is not there."""
        value = dict.get(self, key, default)
        return self.build_lazy(value, key) if type(value) in LAZY_TYPES else value

    def pop(self, key: Any, default: Any = None) -> Any:
        """Remove a value and give it back, or `default` where the key is not there."""
        self._forget(key)
        return self.build_lazy(dict.pop(self, key, default), key)

    def keys(self) -> Keys:  # type: ignore[override]  # more than the view of a dict
        """List the keys: as a view, and with indices."""
        return Keys(self)

    def values(self) -> list[Any]:  # type: ignore[override]  # a list, since reading may import
        """List the values."""
        return [self.build_lazy(value, key) if type(value) in LAZY_TYPES else value
                for key, value in dict.items(self)]

    def items(self) -> list[tuple[Any, Any]]:  # type: ignore[override]  # a list, since reading may import
        """List the pairs of key and value."""
        return [(key, self.build_lazy(value, key) if type(value) in LAZY_TYPES else value)
                for key, value in dict.items(self)]

    # ---------------------------------------------------------------- writing
    def __setitem__(self, key: Any, value: Any) -> None:
        if self.__dict__:  # has origins, or is frozen
            if self.__dict__.get('__frozen') and key not in self:
                raise KeyError(key)
            if self.__origins and key in self.__origins:
                self._remember(key)
            self._forget(key)
        dict.__setitem__(self, key, self._hook(value))

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(type(self), name):
            raise AttributeError(f'{type(self).__name__!r} object attribute {name!r} is read-only; '
                                 f'write cfg[{name!r}] = ... for a key of that name')
        self[name] = value

    def __delitem__(self, key: Any) -> None:
        dict.__delitem__(self, key)
        self._forget(key)

    def __delattr__(self, name: str) -> None:
        if name not in self:
            raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}', name=name, obj=self)
        del self[name]

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Read a value, after setting it to `default` where the key is not there."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Take over the pairs of a dict; dicts over dicts are merged, all the way down."""
        if len(args) > 1:
            raise TypeError(f'update takes one positional argument, but got {len(args)}')
        for source in (*args, kwargs):
            for key, value in _pairs(source):
                mine = dict.get(self, key)
                if isinstance(mine, ConfigDict) and isinstance(value, dict):
                    mine.update(value)
                elif isinstance(mine, dict) and isinstance(value, dict):
                    mine.update(dict.items(value))
                else:
                    self[key] = value
            self._take_origins(source)

    def merge(self, other: dict[Any, Any]) -> None:
        """Merge a dict into this one as a child config into its base: `_delete_=True` replaces instead."""
        other = deepcopy(other)
        if dict.pop(other, DELETE_KEY, False):
            self.clear()
        for key, value in _pairs(other):
            mine = dict.get(self, key)
            if isinstance(mine, ConfigDict) and isinstance(value, dict):
                mine.merge(value)
            else:
                if isinstance(value, dict):
                    dict.pop(value, DELETE_KEY, None)
                self[key] = value
        self._take_origins(other)

    def __or__(self, other: Any) -> ConfigDict:
        if not isinstance(other, dict):
            return NotImplemented
        new = self.copy()
        new.update(other)
        return new

    def __ror__(self, other: Any) -> ConfigDict:
        if not isinstance(other, dict):
            return NotImplemented
        new = type(self)(other)
        new.update(self)
        return new

    def __ior__(self, other: Any) -> ConfigDict:
        self.update(other)
        return self

    def freeze(self, shouldFreeze: bool = True) -> None:
        """Refuse new keys from now on, here and in the dicts below; `False` takes them again."""
        self.__dict__['__frozen'] = shouldFreeze
        for value in dict.values(self):
            if isinstance(value, ConfigDict):
                value.freeze(shouldFreeze)

    # ---------------------------------------------------------------- copies
    def copy(self) -> ConfigDict:
        """Copy this dict and its lists; the dicts below stay shared."""
        new = type(self)()
        for key, value in dict.items(self):
            dict.__setitem__(new, key, self._hook(value))
        new._take_origins(self)
        return new

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> ConfigDict:
        new = type(self)()
        memo[id(self)] = new
        for key, value in dict.items(self):
            dict.__setitem__(new, key, value if type(value) in ATOMS else deepcopy(value, memo))
        new._take_origins(self)
        return new

    def __reduce_ex__(self, proto: Any) -> tuple[Any, ...]:
        return _new, (type(self),), (dict(dict.items(self)), self.__origin, self.__origins, self.__past)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return ()

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            dict.update(self, state)
            return
        items, origin, origins, *past = state
        dict.update(self, items)
        self._set_origins(origin, origins)
        self._add_past(past[0] if past else None)

    def _to_lazy_dict(self) -> dict[Any, Any]:
        """Make plain dicts of this, all the way down, with lazy objects as they are."""
        return {key: _plain(value) for key, value in dict.items(self)}

    def to_dict(self) -> dict[Any, Any]:
        """Make plain dicts of this, all the way down, with lazy objects as their dotted names."""
        return {key: to_text(value) for key, value in dict.items(self)}

    # ---------------------------------------------------------------- origins
    def origin_of(self, key: Any = None) -> Origin | None:
        """Tell where `key`, or the dict itself, was written; `None` if it came from no file.

        Args:
            key: A key, or the dotted path of one further down, such as `'model.backbone.depth'`.
        """
        if key is None:
            return self.__origin
        if key in self or not isinstance(key, str) or '.' not in key:
            return (self.__origins or {}).get(key)
        return find_origin(self, key)

    def _set_origins(self, origin: Origin | None, origins: Mapping[Any, Origin] | None = None) -> None:
        if origin is not None:
            self.__dict__['_ConfigDict__origin'] = origin
        if origins:
            if self.__origins is None:
                self.__dict__['_ConfigDict__origins'] = dict(origins)
            else:
                self.__origins.update(origins)  # no other dict has these

    def _start_origins(self, origin: Origin, origins: dict[Any, Origin]) -> None:
        """Set the origins of a dict that has none yet, without a copy of them."""
        self.__dict__['_ConfigDict__origin'] = origin
        self.__dict__['_ConfigDict__origins'] = origins

    def _take_origins(self, other: dict[Any, Any]) -> None:
        if isinstance(other, ConfigDict):
            self._set_origins(self.__origin or other.__origin, other.__origins)
            self._add_past(other.__past)
        elif id(other) in RECORDED:
            record = RECORDED[id(other)]
            self._set_origins(self.__origin or record.origin, record.keys)
            self._add_past(record.past)

    def _past_of(self, key: Any) -> Iterable[Step]:
        return (self.__past or {}).get(key, ())

    def _add_past(self, past: Mapping[Any, Iterable[Step]] | None) -> None:
        """Put what set some keys behind what is known to have set them."""
        if past:
            mine = self.__past or {}
            self.__dict__['_ConfigDict__past'] = {
                **mine, **{key: [*mine.get(key, ()), *steps] for key, steps in past.items()}}

    def _remember(self, key: Any) -> None:
        """Note the present value of a key, which is about to be replaced."""
        origin = (self.__origins or {}).get(key)
        self._add_past({key: [step(origin, dict.__getitem__(self, key))]})

    def _forget(self, key: Any) -> None:
        if self.__origins:
            self.__origins.pop(key, None)


class Keys(KeysView[Any]):
    """The keys of a config: a view, as those of a dict, that code which takes them for a list can index as well."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> Any:
        """Give a key by its position, or several by a slice."""
        return list(self)[index]

    def __repr__(self) -> str:
        return f'{type(self).__name__}({list(self)!r})'


def _new(cls: type[ConfigDict]) -> ConfigDict:
    return cls()


def _pairs(source: Any) -> Iterable[tuple[Any, Any]]:
    """Give the pairs of what a dict can be made from, without importing lazy objects."""
    if not source:
        return ()
    if isinstance(source, dict):
        return list(dict.items(source))
    if isinstance(source, tuple) and not isinstance(source[0], tuple):
        return [(source[0], source[1])]
    if hasattr(source, 'keys'):
        return [(key, source[key]) for key in source.keys()]  # noqa: SIM118  # may be no mapping but for these two
    return list(source)


def _plain(value: Any) -> Any:
    if isinstance(value, ConfigDict):
        return value._to_lazy_dict()
    kind = type(value)
    if kind in DICTS:
        return {key: _plain(item) for key, item in value.items()}
    if kind is list:
        return [_plain(item) for item in value]
    if kind is tuple:
        return tuple(_plain(item) for item in value)
    return value
