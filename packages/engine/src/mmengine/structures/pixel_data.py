"""Data of the pixels of one sample, segmentation maps for example: the same height and width in each field."""
from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mmengine.structures.base_data_element import _OWN_SETTERS, _PRIVATE, BaseDataElement


class PixelData(BaseDataElement):
    """Holds tensors or arrays of shape (C, H, W); those of shape (H, W) become (1, H, W).

    Examples:
        >>> import torch
        >>> from mmengine.structures import PixelData
        >>> pixels = PixelData(seg=torch.zeros(4, 6, dtype=torch.int64))
        >>> pixels.seg.shape, pixels[1:3, 2].shape
        (torch.Size([1, 4, 6]), (2, 1))
    """

    def __setattr__(self, name: str, value: torch.Tensor | np.ndarray) -> None:
        if name in _PRIVATE:
            self._set_private(name, value)
            return
        if not isinstance(value, (torch.Tensor, np.ndarray)):
            raise AssertionError(f'{type(self).__name__}.{name}: can not set {type(value)}, '
                                 f'only support (torch.Tensor, numpy.ndarray)')
        if value.ndim not in (2, 3):
            raise AssertionError(f'{type(self).__name__}.{name}: expected the shape (H, W) or (C, H, W), '
                                 f'but got {tuple(value.shape)}')
        if self.shape is not None and tuple(value.shape[-2:]) != self.shape:
            raise AssertionError(f'{type(self).__name__}.{name}: the height and width {tuple(value.shape[-2:])} are '
                                 f'not those of the other fields {self.shape}')
        super().__setattr__(name, value[None] if value.ndim == 2 else value)

    __setitem__ = __setattr__

    def __getitem__(self, item: tuple[int | slice, int | slice]) -> PixelData:
        """Take a part of each field.

        Args:
            item: Rows and columns, each a slice, or a position, which keeps the dimension.

        Raises:
            TypeError: `item` is something else.
        """
        if not isinstance(item, tuple) or len(item) != 2:
            raise TypeError(f'Unsupported type {type(item)} for slicing PixelData: expected (rows, columns)')
        rows, columns = (_as_slice(index) for index in item)
        return self._with_data({name: value[:, rows, columns] for name, value in self.items()})

    @property
    def shape(self) -> tuple[int, int] | None:
        """Height and width, None without data."""
        for name in self._data_fields:
            height, width = getattr(self, name).shape[-2:]
            return int(height), int(width)
        return None


_OWN_SETTERS.append(PixelData.__setattr__)


def _as_slice(index: Any) -> slice:
    if isinstance(index, slice):
        return index
    if isinstance(index, int):
        return slice(index, index + 1 if index != -1 else None)
    raise TypeError(f'The type of element in input must be int or slice, but got {type(index)}')
