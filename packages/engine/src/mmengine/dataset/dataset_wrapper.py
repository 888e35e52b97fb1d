"""Data sets made of others: one behind the other, repeated, or balanced by class."""
from __future__ import annotations

import bisect
import copy
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from torch.utils.data.dataset import ConcatDataset as _ConcatDataset

from mmengine.dataset.base_dataset import BaseDataset
from mmengine.dataset.lazy_init import force_full_init
from mmengine.registry import DATASETS


def _built(dataset: Any, wrapper: str) -> Any:
    if isinstance(dataset, dict):
        return DATASETS.build(dataset)
    if isinstance(dataset, BaseDataset):
        return dataset
    raise TypeError(f'elements in datasets sequence should be config or `BaseDataset` instance, '
                    f'but {wrapper} got {type(dataset)}')


class _NoSubset:
    """A wrapper has no annotations of its own to take a part of."""

    def get_subset_(self, indices: list[int] | int) -> NoReturn:
        """Is not there: take the part of the wrapped data set."""
        raise NotImplementedError(f'`{type(self).__name__}` does not support `get_subset` and `get_subset_` '
                                  f'interfaces because this will lead to ambiguous implementation of some methods. '
                                  f'Please set `indices` of the wrapped data set in the config instead.')

    def get_subset(self, indices: list[int] | int) -> NoReturn:
        """Is not there: take the part of the wrapped data set."""
        self.get_subset_(indices)


@DATASETS.register_module()
class ConcatDataset(_NoSubset, _ConcatDataset[Any]):
    """Data sets one behind the other.

    Args:
        datasets: The data sets, or their configs.
        lazy_init: Whether annotations are loaded only when they are needed.
        ignore_keys: Meta information in which the data sets may differ; that of the first counts.

    Raises:
        TypeError: An element or `ignore_keys` is something else.
        ValueError: There are none, or their meta information differs.
    """

    def __init__(self, datasets: Sequence[BaseDataset | dict[str, Any]], lazy_init: bool = False,
                 ignore_keys: str | list[str] | None = None) -> None:
        self.datasets: list[Any] = [_built(dataset, type(self).__name__) for dataset in datasets]
        if ignore_keys is None:
            self.ignore_keys: list[str] = []
        elif isinstance(ignore_keys, str):
            self.ignore_keys = [ignore_keys]
        elif isinstance(ignore_keys, list):
            self.ignore_keys = ignore_keys
        else:
            raise TypeError(f'ignore_keys should be a list or str, but got {type(ignore_keys)}')
        if not self.datasets:
            raise ValueError(f'{type(self).__name__} needs one data set at least, but datasets is empty')
        self._metainfo = self.datasets[0].metainfo
        for position, dataset in enumerate(self.datasets):
            self._check_metainfo(position, dataset.metainfo)
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    def _check_metainfo(self, position: int, metainfo: dict[str, Any]) -> None:
        missing = object()
        for key in dict.fromkeys([*self._metainfo, *metainfo]):
            if key not in self.ignore_keys and not _equal(self._metainfo.get(key, missing),
                                                          metainfo.get(key, missing)):
                mine, first = (facts.get(key, 'nothing') for facts in (metainfo, self._metainfo))
                raise ValueError(f'The meta information {key!r} of the {position}-th dataset is not the same as that '
                                 f'of the first, {mine!r:.200} and {first!r:.200}: if that is meant, add it to '
                                 f'`ignore_keys`')

    @property
    def metainfo(self) -> dict[str, Any]:
        """Meta information of the first data set, as a copy."""
        return copy.deepcopy(self._metainfo)

    def full_init(self) -> None:
        """Load the annotations of all."""
        if self._fully_initialized:
            return
        for dataset in self.datasets:
            dataset.full_init()
        super().__init__(self.datasets)
        self._fully_initialized = True

    @force_full_init
    def _get_ori_dataset_idx(self, idx: int) -> tuple[int, int]:
        """Find the data set and the position in it of a sample."""
        length = self.cumulative_sizes[-1]
        if not -length <= idx < length:
            raise ValueError(f'absolute value of index {idx} should not exceed dataset length {length}.')
        position = idx if idx >= 0 else length + idx
        number = bisect.bisect_right(self.cumulative_sizes, position)
        return number, position - (self.cumulative_sizes[number - 1] if number else 0)

    @force_full_init
    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Get a copy of the annotation of a sample, whose `sample_idx` is that in its own data set.

        Args:
            idx: The position in all; a negative one counts from the end.

        Raises:
            ValueError: There is no such sample.
        """
        number, position = self._get_ori_dataset_idx(idx)
        info: dict[str, Any] = self.datasets[number].get_data_info(position)
        return info

    @force_full_init
    def __len__(self) -> int:
        return super().__len__()

    @force_full_init
    def __getitem__(self, idx: int) -> Any:
        number, position = self._get_ori_dataset_idx(idx)
        return self.datasets[number][position]


def _equal(one: Any, other: Any) -> bool:
    """Compare values in which arrays and tensors may be, that have no single answer of their own."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return (type(one) is type(other) and len(one) == len(other)
                and all(_equal(mine, its) for mine, its in zip(one, other, strict=True)))
    if hasattr(one, 'shape') and hasattr(other, 'shape'):
        return bool(one.shape == other.shape and (one == other).all())
    return bool(np.all(one == other))


class _Wrapper(_NoSubset):
    """What wraps one data set, and shows its samples in another order."""

    def __init__(self, dataset: BaseDataset | dict[str, Any], lazy_init: bool) -> None:
        self.dataset: Any = _built(dataset, type(self).__name__)
        self._metainfo = self.dataset.metainfo
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    @property
    def metainfo(self) -> dict[str, Any]:
        """Meta information of the wrapped data set, as a copy."""
        return copy.deepcopy(self._metainfo)

    def full_init(self) -> None:
        """Load the annotations."""
        if self._fully_initialized:
            return
        self.dataset.full_init()
        self._prepare()
        self._fully_initialized = True

    def _prepare(self) -> None:
        """Get ready once the annotations are there."""

    def _get_ori_dataset_idx(self, idx: int) -> int:
        """Find the position of a sample in the wrapped data set."""
        raise NotImplementedError

    @force_full_init
    def get_cat_ids(self, idx: int) -> list[int]:
        """List the classes that occur in a sample."""
        ids: list[int] = self.dataset.get_cat_ids(self._get_ori_dataset_idx(idx))
        return ids

    @force_full_init
    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Get a copy of the annotation of a sample, whose `sample_idx` is that in the wrapped data set."""
        info: dict[str, Any] = self.dataset.get_data_info(self._get_ori_dataset_idx(idx))
        return info

    @force_full_init
    def __getitem__(self, idx: int) -> Any:
        return self.dataset[self._get_ori_dataset_idx(idx)]


@DATASETS.register_module()
class RepeatDataset(_Wrapper):
    """A data set that is gone through several times in one epoch, which saves starting workers for short ones.

    Args:
        dataset: The data set, or its config.
        times: How many times.
        lazy_init: Whether annotations are loaded only when they are needed.

    Raises:
        TypeError: `dataset` is something else.
    """

    def __init__(self, dataset: BaseDataset | dict[str, Any], times: int, lazy_init: bool = False) -> None:
        self.times = times
        super().__init__(dataset, lazy_init)

    def _prepare(self) -> None:
        self._ori_len = len(self.dataset)

    @force_full_init
    def _get_ori_dataset_idx(self, idx: int) -> int:
        return idx % self._ori_len

    @force_full_init
    def __len__(self) -> int:
        return self.times * self._ori_len


@DATASETS.register_module()
class ClassBalancedDataset(_Wrapper):
    """A data set in which samples of rare classes are repeated.

    Gupta et al. (2019), LVIS: a class that occurs in a share `f` of the samples is repeated
    `max(1, sqrt(oversample_thr / f))` times, a sample as often as the rarest of its classes, rounded up.

    Args:
        dataset: The data set, or its config; it must implement `get_cat_ids`.
        oversample_thr: Share below which a class is repeated.
        lazy_init: Whether annotations are loaded only when they are needed.

    Raises:
        TypeError: `dataset` is something else.
    """

    def __init__(self, dataset: BaseDataset | dict[str, Any], oversample_thr: float, lazy_init: bool = False) -> None:
        self.oversample_thr = oversample_thr
        super().__init__(dataset, lazy_init)

    def _prepare(self) -> None:
        self.repeat_indices = [
            index for index, factor in enumerate(self._get_repeat_factors(self.dataset, self.oversample_thr))
            for _ in range(math.ceil(factor))]

    def _get_repeat_factors(self, dataset: Any, repeat_thr: float) -> list[float]:
        """Compute how often each sample is repeated."""
        classes = [set(dataset.get_cat_ids(index)) for index in range(len(dataset))]
        counts = Counter(category for of_sample in classes for category in of_sample)
        factors = {category: max(1.0, math.sqrt(repeat_thr / (count / len(classes))))
                   for category, count in counts.items()}
        return [max((factors[category] for category in of_sample), default=1.0) for of_sample in classes]

    @force_full_init
    def _get_ori_dataset_idx(self, idx: int) -> int:
        return self.repeat_indices[idx]

    @force_full_init
    def __len__(self) -> int:
        return len(self.repeat_indices)
