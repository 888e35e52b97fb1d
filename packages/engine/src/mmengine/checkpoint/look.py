"""What a checkpoint holds, told without loading it: no object of it is made, no code of it runs, no tensor is read."""
from __future__ import annotations

import json
import math
import os
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from mmengine.checkpoint.files import BrokenCheckpointError
from mmengine.checkpoint.tensor_file import ABOUT

_LIMIT = 100 << 20  # bytes of a header; those of real files have a few MB


class TensorFact(NamedTuple):
    """What is known of a tensor that has not been read."""

    dtype: str
    shape: tuple[int, ...]
    size: int

    @property
    def elements(self) -> int:
        """Number of its elements."""
        return math.prod(self.shape)


class Unmade:
    """Stands for an object that has not been made: it knows the name of the type, and takes whatever is done to it."""

    kind = ''

    def __new__(cls, *args: Any, **kwargs: Any) -> Unmade:
        """Take any arguments."""
        return object.__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        """Take an item of a list."""

    def extend(self, items: Any) -> None:
        """Take items of a list."""

    def add(self, item: Any) -> None:
        """Take an item of a set."""

    def __repr__(self) -> str:
        return f'<{self.kind}>'


class _Nest(dict[Any, Any]):
    """Stands for an OrderedDict, which takes attributes, such as the metadata of a state dict."""


class _Type:
    """Stands for a dtype or the type of a storage."""

    def __init__(self, name: str) -> None:
        self.name = name


def look_into(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Tell what is in a checkpoint: its nests as they are, with `TensorFact` for tensors and `Unmade` for objects.

    Args:
        path: A local file that `torch.save` or safetensors wrote, or a folder of shards.

    Raises:
        FileNotFoundError: There is no such file.
        BrokenCheckpointError: It cannot be read.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        return _look_into_shards(place)
    if not place.is_file():
        raise FileNotFoundError(f'{str(path)!r} can not be found: there is no such checkpoint file')
    try:
        with open(place, 'rb') as file:
            if place.suffix == '.safetensors':
                return _look_into_safetensors(file, place.stat().st_size)
            found: Any = _look_into_archive(file)
    except BrokenCheckpointError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise BrokenCheckpointError(f'{str(path)!r} cannot be read: {type(error).__name__}: {error}') from error
    return found if isinstance(found, dict) else {'': found}


def _look_into_archive(file: IO[bytes]) -> Any:
    if not zipfile.is_zipfile(file):
        raise BrokenCheckpointError(f'{file.name!r} is no archive: it was cut off, is no checkpoint, or was written by '
                                    f'a torch before 1.6. Saved again by torch.save, such a one can be looked into')
    with zipfile.ZipFile(file) as archive:
        record = next(name for name in archive.namelist() if name.rpartition('/')[2] == 'data.pkl')
        with archive.open(record) as stream:
            return _Looking(stream).load()


class _Looking(pickle.Unpickler):
    """Makes nothing but plain containers and numbers; what a file names is never imported or called."""

    def find_class(self, module: str, name: str) -> Any:
        if module == 'torch' and name.endswith('Storage'):
            return _Type(name.removesuffix('Storage').lower())
        if module == 'torch._utils' and name.startswith('_rebuild_tensor'):
            return _tensor
        if module == 'torch._utils' and name == '_rebuild_parameter':
            return _parameter
        if (module, name) == ('collections', 'OrderedDict'):
            return _Nest
        return type('Unmade', (Unmade,), {'kind': f'{module}.{name}'})

    def persistent_load(self, pid: Any) -> Any:
        return pid[1]  # the type of the storage


#: What the storages of torch are called, and the dtypes that they hold.
_DTYPES = {'float': ('float32', 4), 'double': ('float64', 8), 'half': ('float16', 2), 'bfloat16': ('bfloat16', 2),
           'long': ('int64', 8), 'int': ('int32', 4), 'short': ('int16', 2), 'char': ('int8', 1), 'byte': ('uint8', 1),
           'bool': ('bool', 1), 'complexfloat': ('complex64', 8), 'complexdouble': ('complex128', 16)}


def _tensor(storage: Any, offset: Any = 0, size: Any = (), *rest: Any) -> Any:
    name, width = _DTYPES.get(getattr(storage, 'name', ''), ('', 0))
    if not name and len(rest) > 3:  # the dtypes that have no storage of their own come by name
        name = str(getattr(rest[3], 'kind', '')).removeprefix('torch.')
        width = int(''.join(filter(str.isdigit, name.partition('_')[0])) or 0) // 8
    shape = tuple(one for one in size if isinstance(one, int))
    return TensorFact(name or 'of another type', shape, math.prod(shape) * width)


def _parameter(tensor: Any = None, *rest: Any) -> Any:
    return tensor


def _look_into_safetensors(file: IO[bytes], size: int) -> dict[str, Any]:
    length = int.from_bytes(file.read(8), 'little')
    if length > min(size - 8, _LIMIT):
        raise BrokenCheckpointError(f'{file.name!r} is not whole: its header would have {length} bytes, of {size}')
    header = json.loads(file.read(length))
    notes = dict(header.pop('__metadata__', {}))
    notes.update(json.loads(notes.pop(ABOUT, '{}')))
    end = max((one['data_offsets'][1] for one in header.values()), default=0)
    if 8 + length + end != size:
        raise BrokenCheckpointError(f'{file.name!r} is not whole: its header tells of {8 + length + end} bytes, and it '
                                    f'has {size}')
    return {**({'meta': notes} if notes else {}), 'state_dict': {
        name: TensorFact(one['dtype'], tuple(one['shape']), one['data_offsets'][1] - one['data_offsets'][0])
        for name, one in header.items()}}


def _look_into_shards(folder: Path) -> dict[str, Any]:
    from mmengine.checkpoint.nests import mapped  # what shards need takes long to import
    from mmengine.checkpoint.sharded import _PLACE, RECORD, REST, SHARDS, _is_place, _Reader
    if not (folder / RECORD).is_file():
        raise BrokenCheckpointError(f'{str(folder)!r} is no whole checkpoint of shards: it has no {RECORD}')
    known: Any = _Reader(folder / SHARDS).read_metadata().state_dict_metadata

    def placed(item: Any, _: str) -> Any:
        if not _is_place(item):
            return item
        saved = known[item[_PLACE]]
        shape, dtype = tuple(saved.size), saved.properties.dtype
        return TensorFact(str(dtype).removeprefix('torch.'), shape, math.prod(shape) * dtype.itemsize)

    found: dict[str, Any] = mapped(look_into(folder / REST), placed)
    return found


def tensors_in(value: Any, name: str = '') -> Iterator[tuple[str, TensorFact]]:
    """Give the tensors of a nest with the keys that lead to them, joined by dots."""
    if isinstance(value, TensorFact):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from tensors_in(item, f'{name}.{key}' if name else str(key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from tensors_in(item, f'{name}.{index}' if name else str(index))
