"""Data of the instances of one sample, boxes or masks for example: as many values in each field."""
from __future__ import annotations

import itertools
from collections.abc import Sequence, Sized
from typing import Any

import numpy as np
import torch

from mmengine.structures.base_data_element import _OWN_SETTERS, _PRIVATE, BaseDataElement

#: What an `InstanceData` can be indexed with.
IndexType = str | slice | int | list[Any] | torch.Tensor | np.ndarray


class InstanceData(BaseDataElement):
    """Holds one value per instance in each field.

    Fields are tensors or arrays of shape (N, ...) and any dtype, lists, tuples or strings of length N, or objects of
    your own with `__len__`, `__getitem__` and, where they are to be indexed by a list or mask or to be concatenated, a
    static method `cat`.

    Examples:
        >>> import torch
        >>> from mmengine.structures import InstanceData
        >>> instances = InstanceData(scores=torch.tensor([0.9, 0.2]), names=['dog', 'cat'])
        >>> instances[instances.scores > 0.5].names
        ['dog']
        >>> len(InstanceData.cat([instances, instances]))
        4
    """

    def __setattr__(self, name: str, value: Sized) -> None:
        if name in _PRIVATE:
            self._set_private(name, value)
            return
        if not isinstance(value, Sized):
            raise AssertionError(f'{type(self).__name__}.{name}: value must contain `__len__` attribute, '
                                 f'but got {type(value)}')
        if len(self) > 0 and len(value) != len(self):
            raise AssertionError(f'{type(self).__name__}.{name}: the length of values {len(value)} is not consistent '
                                 f'with the length of this {type(self).__name__} {len(self)}')
        super().__setattr__(name, value)

    __setitem__ = __setattr__

    def __len__(self) -> int:
        for name in self._data_fields:
            return len(getattr(self, name))
        return 0

    def __getitem__(self, item: IndexType) -> Any:
        """Take some of the instances, or a field by its name.

        Args:
            item: A position (one instance remains), a slice, a list, array or tensor of positions or a boolean mask
                of shape (N,); or the name of a field.

        Raises:
            IndexError: A position is out of range.
            AssertionError: The index is of another type or shape.
            ValueError: A field's type has no `cat`, which positions and masks need.
        """
        if isinstance(item, str):
            return getattr(self, item)
        if isinstance(item, (int, np.integer)) and not isinstance(item, bool):
            item = self._one(int(item))
        if isinstance(item, slice):
            return self._with_data({name: value[item] for name, value in self.items()})
        index = self._as_index(item)
        return self._with_data({name: _take(name, value, index) for name, value in self.items()})

    def _one(self, position: int) -> slice:
        if not -len(self) <= position < len(self):
            raise IndexError(f'Index {position} out of range! This {type(self).__name__} has {len(self)} instances')
        return slice(position, None, len(self))

    def _as_index(self, item: Any) -> torch.Tensor:
        if isinstance(item, list):
            item = np.array(item) if item else np.zeros(0, np.int64)
        if isinstance(item, np.ndarray):
            # On some platforms the positions of NumPy are 32 bits wide, which torch does not index with.
            item = torch.from_numpy(item.astype(np.int64) if item.dtype == np.int32 else item)
        if not isinstance(item, torch.Tensor) or item.dtype not in (torch.int64, torch.bool):
            found = item.dtype if isinstance(item, torch.Tensor) else type(item)
            raise AssertionError(f'{type(self).__name__} is indexed by a str, int, slice, list, or a tensor or array '
                                 f'of int64 or bool, but got {found}')
        if item.dim() != 1:
            raise AssertionError(f'Only support to get the values along the first dimension, '
                                 f'but the index is of shape {tuple(item.shape)}')
        if item.dtype == torch.bool and len(item) != len(self):
            raise AssertionError(f'The shape of the input(BoolTensor) {len(item)} does not match the number of '
                                 f'instances {len(self)}')
        return item

    @staticmethod
    def cat(instances_list: Sequence[InstanceData]) -> InstanceData:
        """Concatenate instances, with the meta information of the first.

        Args:
            instances_list: Elements with the same fields; one without any data is left out.

        Raises:
            AssertionError: The list is empty, or types or fields differ.
            ValueError: A field's type can't be concatenated: it has no `cat`.
        """
        if not instances_list:
            raise AssertionError('cat needs at least one InstanceData, but the list is empty')
        types = {type(instances) for instances in instances_list}
        if len(types) > 1 or not isinstance(instances_list[0], InstanceData):
            raise AssertionError(f'all elements must be InstanceData of one type, but got {types}')
        first = instances_list[0]
        if len(instances_list) == 1:
            return first
        full = [instances for instances in instances_list if instances._data_fields] or [first]
        names = full[0].keys()
        for instances in full[1:]:
            if not instances._data_fields.are_those_of(full[0]._data_fields):
                raise AssertionError(f'There are different keys in `instances_list`: {sorted(names)} and '
                                     f'{sorted(instances.keys())}')
        return first._with_data({name: _concatenate(name, [getattr(instances, name) for instances in full])
                                 for name in names})


_OWN_SETTERS.append(InstanceData.__setattr__)


def _take(name: str, value: Any, index: torch.Tensor) -> Any:
    if isinstance(value, torch.Tensor):
        return value[index.to(value.device)]
    if isinstance(value, np.ndarray):
        return value[index.cpu().numpy()]
    positions = (index.nonzero().flatten() if index.dtype == torch.bool else index).tolist()
    if isinstance(value, (str, list, tuple)):
        taken = [value[position] for position in positions]
        return ''.join(taken) if isinstance(value, str) else type(value)(taken)
    if not (hasattr(value, '__getitem__') and hasattr(value, 'cat')):
        raise ValueError(f'The type of `{name}` is `{type(value)}`, which has no attribute of `cat`, '
                         f'so it does not support slice with `bool`')
    if not positions:
        return value[:0]
    return value.cat([value[slice(position, None, len(value))] for position in positions])


def _concatenate(name: str, values: list[Any]) -> Any:
    first = values[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(values, dim=0)
    if isinstance(first, np.ndarray):
        return np.concatenate(values, axis=0)
    if isinstance(first, str):
        return ''.join(values)
    if isinstance(first, (list, tuple)):
        return type(first)(itertools.chain.from_iterable(values))
    if not hasattr(first, 'cat'):
        raise ValueError(f'The type of `{name}` is `{type(first)}` which has no attribute of `cat`')
    return first.cat(values)
