"""The base class of data sets that are described by a list of annotations."""
from __future__ import annotations

import copy
import gc
import os.path as osp
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from mmengine.config import Config
from mmengine.dataset.compose import Compose as Compose
from mmengine.dataset.lazy_init import force_full_init as force_full_init
from mmengine.dataset.metainfo import load_metainfo
from mmengine.dataset.serialization import item_at, positions_of, serialize, subset
from mmengine.fileio import load
from mmengine.registry import DATASETS
from mmengine.utils import is_abs


@DATASETS.register_module()
class BaseDataset(Dataset[Any]):
    """A data set whose samples are described by annotations and read by a pipeline of transforms.

    The annotation file holds a dict of `metainfo` and `data_list`. A subclass for other files overrides
    `load_data_list`; one for other entries `parse_data_info`; one that leaves samples out `filter_data`.

        full_init:   load_data_list (parse_data_info for each) -> filter_data -> indices -> serialisation
        dataset[i]:  get_data_info(i) -> pipeline; a sample whose pipeline gives None is replaced by another at random

    Args:
        ann_file: The annotation file, relative to `data_root`.
        metainfo: Facts about the data set, which win over those of the class and of the file.
        data_root: Folder of the data.
        data_prefix: Folders of the kinds of data, relative to `data_root`, by the key that they are put before.
        filter_cfg: What `filter_data` goes by.
        indices: Which samples are used: the first so many, or those at these positions.
        serialize_data: Whether annotations are kept as one block of bytes, which all ranks and workers of a node share.
        pipeline: Transforms of a sample.
        test_mode: Whether it is for testing, where a sample that can't be read is an error.
        lazy_init: Whether annotations are loaded only when they are needed.
        max_refetch: How often another sample is tried.

    Attributes:
        METAINFO: Facts about all data sets of the class.
        data_list: A dict per sample; empty once they are serialised.
        data_bytes: The serialised annotations, one-dimensional uint8; there with `serialize_data` only, as the next.
        data_address: Where the annotation of each sample ends in them, int64, one per sample.

    Raises:
        FileNotFoundError: The annotation file is not there.
        TypeError: `metainfo` is no mapping, or a prefix no string; see `load_data_list` for what a file lacks.
    """

    METAINFO: dict[str, Any] = {}
    _fully_initialized: bool = False

    def __init__(self, ann_file: str | None = '', metainfo: Mapping[str, Any] | Config | None = None,
                 data_root: str | None = '', data_prefix: dict[str, str] = dict(img_path=''),  # noqa: B006
                 filter_cfg: dict[str, Any] | None = None, indices: int | Sequence[int] | None = None,
                 serialize_data: bool = True, pipeline: Sequence[dict[str, Any] | Callable[..., Any]] = (),
                 test_mode: bool = False, lazy_init: bool = False, max_refetch: int = 1000) -> None:
        self.ann_file = ann_file
        self._metainfo = self._load_metainfo(copy.deepcopy(metainfo))
        self.data_root = data_root
        self.data_prefix = copy.copy(data_prefix)
        self.filter_cfg = copy.deepcopy(filter_cfg)
        self._indices = indices
        self.serialize_data = serialize_data
        self.test_mode = test_mode
        self.max_refetch = max_refetch
        self.data_list: list[Any] = []
        self.data_bytes: Any
        self._join_prefix()
        self.pipeline = Compose(pipeline)
        if not lazy_init:
            self.full_init()

    # Annotations ------------------------------------------------------------------------------------------------------

    def full_init(self) -> None:
        """Load the annotations, filter them, take the part that `indices` says, and serialise them; once.

        Raises:
            IndexError: `indices` names a sample that is not there.
        """
        if self._fully_initialized:
            return
        self.data_list = self.load_data_list()
        self.data_list = self.filter_data()
        if self._indices is not None:
            self.data_list = self._get_unserialized_subset(self._indices)
        if self.serialize_data:
            self.data_bytes, self.data_address = self._serialize_data()
        self._fully_initialized = True

    def load_data_list(self) -> list[Any]:
        """Read the annotation file.

        Returns:
            A dict per sample.

        Raises:
            TypeError: There is no annotation file, it holds no dict, or `parse_data_info` returned something else
                than a dict or a list of dicts.
            ValueError: The keys are missing.
        """
        if not self.ann_file:
            raise TypeError(f'{type(self).__name__} has no annotation file: give `ann_file`, or override '
                            f'`load_data_list`')
        annotations = load(self.ann_file)
        if not isinstance(annotations, dict):
            raise TypeError(f'The annotations loaded from annotation file {self.ann_file!r} should be a dict, '
                            f'but got {type(annotations)}!')
        if 'data_list' not in annotations or 'metainfo' not in annotations:
            raise ValueError(f'Annotation {self.ann_file!r} must have data_list and metainfo keys, '
                             f'but has {list(annotations)}')
        for key, value in annotations['metainfo'].items():
            self._metainfo.setdefault(key, value)
        data_list: list[Any] = []
        for raw_data_info in annotations['data_list']:
            parsed = self.parse_data_info(raw_data_info)
            entries = parsed if isinstance(parsed, list) else [parsed]
            for entry in entries:
                if not isinstance(entry, dict):
                    raise TypeError(f'{type(self).__name__}.parse_data_info should return a dict or a list of dict, '
                                    f'but got {type(parsed)} with {type(entry)}')
            data_list.extend(entries)
        return data_list

    def parse_data_info(self, raw_data_info: dict[str, Any]) -> dict[str, Any] | list[dict[str, Any]]:
        """Convert an entry of the annotation file; here, the prefixes are put before the paths.

        Args:
            raw_data_info: The entry.

        Returns:
            A sample, or a list of them.

        Raises:
            AssertionError: The entry lacks a key that there is a prefix for.
        """
        for key, prefix in self.data_prefix.items():
            if key not in raw_data_info:
                raise AssertionError(f'raw_data_info: {raw_data_info} dose not contain prefix key {key!r}, '
                                     f'please check your data_prefix.')
            raw_data_info[key] = osp.join(prefix, raw_data_info[key])
        return raw_data_info

    def filter_data(self) -> list[Any]:
        """Leave out samples as `filter_cfg` says; here, none.

        Returns:
            What remains of `self.data_list`.
        """
        return self.data_list

    @force_full_init
    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Get a copy of the annotation of a sample, with its position as `sample_idx`.

        Args:
            idx: The position, from 0; a negative one counts from the end.

        Raises:
            IndexError: There is no such sample.
        """
        info: dict[str, Any] = (item_at(self.data_bytes, self.data_address, idx) if self.serialize_data
                                else copy.deepcopy(self.data_list[idx]))
        info['sample_idx'] = idx if idx >= 0 else len(self) + idx
        return info

    def get_cat_ids(self, idx: int) -> list[int]:
        """List the classes that occur in a sample, which `ClassBalancedDataset` asks for.

        Args:
            idx: The position of the sample.

        Returns:
            Indices of the classes, each once or more often.

        Raises:
            NotImplementedError: The class has not said how.
        """
        raise NotImplementedError(f'{type(self).__name__} must implement `get_cat_ids` method')

    def _serialize_data(self) -> tuple[Any, Any]:
        """Convert the annotations to bytes, and where each ends; the list is emptied.

        Returns:
            Arrays of uint8 and of int64, which can only be read where the processes of this node share them.
        """
        serialized = serialize(self.data_list)
        self.data_list.clear()
        gc.collect()
        return serialized

    # Facts and paths --------------------------------------------------------------------------------------------------

    @property
    def metainfo(self) -> dict[str, Any]:
        """Facts about the data set, as a copy."""
        return copy.deepcopy(self._metainfo)

    @classmethod
    def _load_metainfo(cls, metainfo: Mapping[str, Any] | Config | None = None) -> dict[str, Any]:
        return load_metainfo(cls.METAINFO, metainfo)

    def _join_prefix(self) -> None:
        """Put `data_root` before the annotation file and the prefixes, unless they are absolute.

        Raises:
            TypeError: A prefix is no string.
        """
        if self.ann_file and not is_abs(self.ann_file) and self.data_root:
            self.ann_file = osp.join(self.data_root, self.ann_file)
        for key, prefix in self.data_prefix.items():
            if not isinstance(prefix, str):
                raise TypeError(f'prefix should be a string, but {type(self).__name__} got data_prefix[{key!r}] of '
                                f'{type(prefix)}')
            if not is_abs(prefix) and self.data_root:
                self.data_prefix[key] = osp.join(self.data_root, prefix)

    # Samples ----------------------------------------------------------------------------------------------------------

    @force_full_init
    def __len__(self) -> int:
        return len(self.data_address) if self.serialize_data else len(self.data_list)

    @force_full_init
    def __getitem__(self, idx: int) -> Any:
        """Read a sample.

        Args:
            idx: Its position, from 0; a negative one counts from the end.

        Returns:
            What the pipeline makes of it. In training, the next one that is drawn if that is None.

        Raises:
            Exception: The pipeline gave None in test mode, or more than `max_refetch` times.
            IndexError: There is no such sample.
        """
        if self.test_mode:
            data = self.prepare_data(idx)
            if data is None:
                raise Exception(f'Test time pipeline should not get `None` data_sample, but sample {idx} of '
                                f'{type(self).__name__} gave it')
            return data
        for _ in range(self.max_refetch + 1):
            data = self.prepare_data(idx)
            if data is not None:
                return data
            idx = self._rand_another()
        raise Exception(f'Cannot find valid image after {self.max_refetch}! '
                        f'Please check your image path and pipeline ({type(self).__name__}, last sample {idx})')

    def prepare_data(self, idx: int) -> Any:
        """Put the annotation of a sample through the pipeline.

        Args:
            idx: Its position.

        Returns:
            The sample, usually a dict of `inputs` and `data_samples`, or None if it can't be used.
        """
        return self.pipeline(self.get_data_info(idx))

    def _rand_another(self) -> int:
        """Choose a sample at random."""
        return int(np.random.randint(0, len(self)))

    # Subsets ----------------------------------------------------------------------------------------------------------

    @force_full_init
    def get_subset_(self, indices: Sequence[int] | int) -> None:
        """Reduce the data set to some of its samples.

        Args:
            indices: The first so many, the last so many if it is negative, or those at these positions.

        Raises:
            TypeError: It is something else.
            IndexError: There is no sample at a position.
        """
        if self.serialize_data:
            self.data_bytes, self.data_address = self._get_serialized_subset(indices)
        else:
            self.data_list = self._get_unserialized_subset(indices)

    @force_full_init
    def get_subset(self, indices: Sequence[int] | int) -> BaseDataset:
        """Make a data set of some of the samples; this one stays as it is.

        Args:
            indices: The first so many, the last so many if it is negative, or those at these positions.

        Raises:
            TypeError: It is something else.
            IndexError: There is no sample at a position.
        """
        made: BaseDataset = self._copy_without_annotation()
        if self.serialize_data:
            made.data_bytes, made.data_address = self._get_serialized_subset(indices)
        else:
            made.data_list = self._get_unserialized_subset(indices)
        return made

    def _get_serialized_subset(self, indices: Sequence[int] | int) -> tuple[Any, Any]:
        return subset(self.data_bytes, self.data_address, positions_of(indices, len(self.data_address)))

    def _get_unserialized_subset(self, indices: Sequence[int] | int) -> list[Any]:
        return [self.data_list[position] for position in positions_of(indices, len(self.data_list))]

    def _copy_without_annotation(self, memo: dict[int, Any] | None = None) -> Any:
        """Copy everything but the annotations."""
        memo = {} if memo is None else memo
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        for key, value in vars(self).items():
            if key not in ('data_list', 'data_address', 'data_bytes'):
                setattr(made, key, copy.deepcopy(value, memo))
        made.data_list = []
        return made
