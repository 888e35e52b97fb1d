"""The container that all data elements derive from: data fields, and facts about them."""
from __future__ import annotations

import copy
from collections.abc import Callable, ItemsView
from typing import Any, TypeVar

import numpy as np
import torch

from mmengine.structures.fields import FieldNames

Element = TypeVar('Element', bound='BaseDataElement')

_PRIVATE = ('_metainfo_fields', '_data_fields')


class BaseDataElement:
    """Holds the data of one sample as attributes, and facts about them (meta information) apart.

    Data fields may be changed freely, meta information only by `set_metainfo`. Methods such as `to`, `cpu` or `numpy`
    return a new element whose data are converted, nested elements included; meta information is copied.

    A subclass that wants to check a field declares a property whose setter calls
    `self.set_field(value, '_name', dtype=...)`: the field then shows as `name` everywhere.

    Args:
        metainfo: Meta information by name, which is copied.
        **kwargs: Data by name.

    Examples:
        >>> import torch
        >>> from mmengine.structures import BaseDataElement
        >>> element = BaseDataElement(bboxes=torch.zeros(2, 4), metainfo=dict(img_shape=(800, 1196)))
        >>> element.img_shape
        (800, 1196)
        >>> element.to(torch.float16).bboxes.dtype
        torch.float16
    """

    _metainfo_fields: FieldNames
    _data_fields: FieldNames

    def __init__(self, *, metainfo: dict[str, Any] | None = None, **kwargs: Any) -> None:
        self._metainfo_fields = FieldNames()
        self._data_fields = FieldNames()
        if metainfo is not None:
            self.set_metainfo(metainfo=metainfo)
        if kwargs:
            self.set_data(kwargs)

    # What is in it ----------------------------------------------------------------------------------------------------

    @property
    def metainfo(self) -> dict[str, Any]:
        """The meta information, as a new dict."""
        return dict(self.metainfo_items())

    def keys(self) -> list[str]:
        """List the names of the data fields, the storage behind properties left out."""
        return [name for name in self._data_fields if not self._is_storage(name)]

    def metainfo_keys(self) -> list[str]:
        """List the names of the meta information."""
        return list(self._metainfo_fields)

    def all_keys(self) -> list[str]:
        """List the names of meta information and data."""
        return self.metainfo_keys() + self.keys()

    def values(self) -> list[Any]:
        """List the data."""
        return [getattr(self, name) for name in self.keys()]

    def metainfo_values(self) -> list[Any]:
        """List the values of the meta information."""
        return [getattr(self, name) for name in self.metainfo_keys()]

    def all_values(self) -> list[Any]:
        """List the values of meta information and data."""
        return self.metainfo_values() + self.values()

    def items(self) -> ItemsView[str, Any]:
        """View the data by name."""
        return {name: getattr(self, name) for name in self.keys()}.items()

    def metainfo_items(self) -> ItemsView[str, Any]:
        """View the meta information by name."""
        return {name: getattr(self, name) for name in self.metainfo_keys()}.items()

    def all_items(self) -> ItemsView[str, Any]:
        """View meta information and data by name."""
        return {**self.metainfo, **dict(self.items())}.items()

    def get(self, key: str, default: Any = None) -> Any:
        """Get a field, or `default` where there is none of that name.

        Args:
            key: Name of the field, of data or of meta information.
            default: What to give in place of a field that is not there.
        """
        return getattr(self, key, default)

    def __contains__(self, item: str) -> bool:
        return item in self._data_fields or item in self._metainfo_fields

    def _is_storage(self, name: str) -> bool:
        return name.startswith('_') and isinstance(getattr(type(self), name[1:], None), property)

    # Changing it ------------------------------------------------------------------------------------------------------

    def set_metainfo(self, metainfo: dict[str, Any]) -> None:
        """Add meta information, or replace what is there of the same names.

        Args:
            metainfo: Values by name, which are copied deeply.

        Raises:
            AssertionError: `metainfo` is no dict.
            AttributeError: A name is that of a data field.
        """
        if not isinstance(metainfo, dict):
            raise AssertionError(f'metainfo should be a ``dict`` but got {type(metainfo)}')
        memo: dict[int, Any] = {}
        for key, value in metainfo.items():
            self.set_field(_copied(value, memo), key, field_type='metainfo')

    def set_data(self, data: dict[str, Any]) -> None:
        """Add data, or replace what is there of the same names.

        Args:
            data: Values by name, which are not copied.

        Raises:
            AssertionError: `data` is no dict.
            AttributeError: A name is that of meta information.
        """
        if not isinstance(data, dict):
            raise AssertionError(f'data should be a `dict` but got {type(data)}')
        for key, value in data.items():
            # Through `setattr`, so that the setters of properties are asked.
            setattr(self, key, value)

    def set_field(self, value: Any, name: str, dtype: type | tuple[type, ...] | None = None,
                  field_type: str = 'data') -> None:
        """Set one field, as the setters of properties do.

        Args:
            value: The value.
            name: Name of the field.
            dtype: Type that the value must have.
            field_type: 'data' or 'metainfo'.

        Raises:
            AssertionError: The value is not of type `dtype`, or `field_type` is unknown.
            AttributeError: The name is that of a field of the other kind.
        """
        if field_type not in ('metainfo', 'data'):
            raise AssertionError(f"field_type must be 'metainfo' or 'data', but got {field_type!r}")
        if dtype is not None and not isinstance(value, dtype):
            raise AssertionError(f'{type(self).__name__}.{name.lstrip("_")}: {value!r} should be a {dtype} '
                                 f'but got {type(value)}')
        fields, others = self._metainfo_fields, self._data_fields
        if field_type == 'data':
            fields, others = others, fields
        if name in others:
            other = 'data' if field_type == 'metainfo' else 'metainfo'
            hint = '' if other == 'data' else ': use set_metainfo to change it'
            raise AttributeError(f'Cannot set {name!r} of {type(self).__name__} to be a field of {field_type} '
                                 f'because {name!r} is already a {other} field{hint}')
        fields.add(name)
        super().__setattr__(name, value)

    def update(self, instance: BaseDataElement) -> None:
        """Take over the meta information and the data of another element.

        Args:
            instance: The other element.

        Raises:
            AssertionError: `instance` is no data element.
            AttributeError: A name of its data is one of meta information here, or the other way round.
        """
        if not isinstance(instance, BaseDataElement):
            raise AssertionError(f'instance should be a `BaseDataElement` but got {type(instance)}')
        self.set_metainfo(dict(instance.metainfo_items()))
        self.set_data(dict(instance.items()))

    def pop(self, *args: Any) -> Any:
        """Remove a field and return its value.

        Args:
            *args: The name, and maybe what to return where there is no such field.

        Raises:
            KeyError: There is no such field, and no default.
        """
        if not 1 <= len(args) <= 2:
            raise AssertionError(f'``pop`` takes a name and maybe a default, but got {len(args)} arguments')
        name = args[0]
        if name not in self:
            if len(args) == 2:
                return args[1]
            raise KeyError(f'{type(self).__name__} has no field {name!r}; it has {self.all_keys()}')
        value = getattr(self, name)
        delattr(self, name)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _PRIVATE:
            self._set_private(name, value)
        else:
            self.set_field(name=name, value=value, field_type='data', dtype=None)

    def _set_private(self, name: str, value: Any) -> None:
        if hasattr(self, name):
            raise AttributeError(f'{name} has been used as a private attribute, which is immutable.')
        super().__setattr__(name, value)

    def __delattr__(self, item: str) -> None:
        if item in _PRIVATE:
            raise AttributeError(f'{item} has been used as a private attribute, which is immutable.')
        super().__delattr__(item)
        self._data_fields.discard(item)
        self._metainfo_fields.discard(item)

    __setitem__ = __setattr__
    __delitem__ = __delattr__

    # New elements -----------------------------------------------------------------------------------------------------

    def new(self: Element, *, metainfo: dict[str, Any] | None = None, **kwargs: Any) -> Element:
        """Make an element of the same type.

        Args:
            metainfo: Meta information of the new one; by default that of this one.
            **kwargs: Data of the new one; by default those of this one.
        """
        if metainfo is None and not kwargs:
            return self._with_data(dict(self.items()))
        made = type(self)()
        made.set_metainfo(self.metainfo if metainfo is None else metainfo)
        made.set_data(kwargs if kwargs else dict(self.items()))
        return made

    def clone(self: Element) -> Element:
        """Make an element of the same type with the same data; the data are not copied."""
        return self.new()

    def _with_data(self: Element, data: dict[str, Any]) -> Element:
        """Make an element of the same type and meta information, with data that fit each other."""
        made = type(self)()
        if type(self).__setattr__ in _OWN_SETTERS and not any(map(self._is_storage, self._data_fields)):
            # Nothing is left to check: neither name nor value is new to this type.
            memo: dict[int, Any] = {}
            facts = {name: _copied(getattr(self, name), memo) for name in self._metainfo_fields}
            vars(made).update(facts, _metainfo_fields=FieldNames(facts), _data_fields=FieldNames(data), **data)
        else:
            made.set_metainfo(self.metainfo)
            made.set_data(data)
        return made

    def _convert(self: Element, function: Callable[[Any], Any]) -> Element:
        return self._with_data({name: function(value) for name, value in self.items()})

    def _call(self: Element, method: str, *args: Any, **kwargs: Any) -> Element:
        return self._convert(lambda value: getattr(value, method)(*args, **kwargs) if hasattr(value, method) else value)

    def to(self: Element, *args: Any, **kwargs: Any) -> Element:
        """Convert all data that have a method `to`; the arguments are those of `torch.Tensor.to`."""
        return self._call('to', *args, **kwargs)

    def cpu(self: Element) -> Element:
        """Move all tensors to the CPU."""
        return self._call('cpu')

    def cuda(self: Element) -> Element:
        """Move all tensors to the current CUDA device."""
        return self._call('cuda')

    def npu(self: Element) -> Element:
        """Move all tensors to the current NPU."""
        return self._call('npu')

    def mlu(self: Element) -> Element:
        """Move all tensors to the current MLU."""
        return self._call('mlu')

    def musa(self: Element) -> Element:
        """Move all tensors to the current MUSA device."""
        return self._call('musa')

    def detach(self: Element) -> Element:
        """Detach all tensors from the graph."""
        return self._call('detach')

    def numpy(self: Element) -> Element:
        """Convert all tensors to arrays."""
        def convert(value: Any) -> Any:
            return value.detach().cpu().numpy() if isinstance(value, (torch.Tensor, BaseDataElement)) else value
        return self._convert(convert)

    def to_tensor(self: Element) -> Element:
        """Convert all arrays to tensors, which share their memory."""
        def convert(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                return torch.from_numpy(value)
            return value.to_tensor() if isinstance(value, BaseDataElement) else value
        return self._convert(convert)

    def to_dict(self) -> dict[str, Any]:
        """Convert to a dict of meta information and data, nested elements included."""
        return {name: value.to_dict() if isinstance(value, BaseDataElement) else value
                for name, value in self.all_items()}

    def __repr__(self) -> str:
        return _describe(self)


#: The methods of this package that set an attribute, whose checks are known.
_OWN_SETTERS: list[Any] = [BaseDataElement.__setattr__]
_ATOMS = (str, int, float, bool, bytes, type(None))


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    """Copy a value deeply, quickly where there is nothing to copy."""
    kind = type(value)
    if kind in _ATOMS or (kind is tuple and all(type(part) in _ATOMS for part in value)):
        return value
    return copy.deepcopy(value, memo)


def _indented(text: str) -> str:
    return text.replace('\n', '\n    ')


def _describe_fields(fields: dict[str, Any]) -> str:
    return ''.join(f'\n{name}: {_indented(_describe(value))}' for name, value in fields.items())


def _describe(value: Any) -> str:
    if isinstance(value, dict):
        return _describe_fields(value)
    if not isinstance(value, BaseDataElement):
        return repr(value)
    meta, data = _indented(_describe_fields(value.metainfo)), _indented(_describe_fields(dict(value.items())))
    return (f'<{type(value).__name__}(\n\n    META INFORMATION{meta}\n\n    DATA FIELDS{data}\n) '
            f'at {hex(id(value))}>')
