"""A checkpoint of shards: a folder that all ranks write at once, and that any number of ranks can read.

The tensors that are spread over the ranks are in `shards/`, as `torch.distributed.checkpoint` writes them; `rest.pth`
holds everything else, with the names of the tensors in their places. `whole.json` lists all files with size and
CRC-32; it is written last, and the folder gets its name after that. Nothing that is read may run code.
"""
from __future__ import annotations

import json
import os
import pickle
import secrets
import shutil
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch.distributed import ProcessGroup, new_group
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.tensor import DTensor

from mmengine.checkpoint.background import BackgroundWriter
from mmengine.checkpoint.files import BrokenCheckpointError, MapLocation, read_checkpoint, write_checkpoint
from mmengine.checkpoint.nests import mapped
from mmengine.dist import all_gather_object, broadcast_object_list, get_rank, is_main_process

RECORD, REST, SHARDS = 'whole.json', 'rest.pth', 'shards'
_PLACE = '__tensor_in_shards__'
#: Makes the tensor that a saved one is read into: of its name, its shape and its dtype.
Make = Callable[[str, torch.Size, torch.dtype], torch.Tensor]


def write_sharded(checkpoint: dict[str, Any], folder: str) -> None:
    """Write a checkpoint whose distributed tensors stay where they are; all ranks call it with their own.

    Args:
        checkpoint: What `torch.save` can save; the same on all ranks but for the shards.
        folder: Local path, or one of a file system that all ranks see.

    Raises:
        OSError: A file cannot be written, on any rank; what was there under the name stays.
    """
    _write_parts(*_take_out(checkpoint), folder, None)


def _write_parts(rest: Any, tensors: dict[str, DTensor], folder: str, group: ProcessGroup | None) -> None:
    path = Path(folder)
    name = [f'.{path.name}.{secrets.token_hex(6)}.tmp']
    broadcast_object_list(name, group=group)
    unfinished = path.with_name(name[0])
    try:
        save(tensors, storage_writer=_Writer(unfinished / SHARDS, sync_files=True), process_group=group)
        parts = _on_all(lambda: _sums_of_own(unfinished), group)
        sums = {file: total for part in parts for file, total in part.items()}
        _on_all(lambda: _finish(unfinished, path, rest, sums), group)
    except BaseException:
        if is_main_process():
            shutil.rmtree(unfinished, ignore_errors=True)
        raise


class PartsWriter:
    """Writes shards by the threads of `BackgroundWriter`, one on each rank, which talk in a group of their own.

    All ranks make one at the same time.
    """

    def __init__(self) -> None:
        self._group: ProcessGroup | None = None if _is_alone() else new_group(backend='gloo')

    def write(self, background: BackgroundWriter, checkpoint: dict[str, Any], folder: str) -> None:
        """Copy a checkpoint of shards, and have it written to a folder.

        Raises:
            Exception: What the last write raised, on any rank.
        """
        rest, tensors = _take_out(checkpoint)
        parts = {name: tensor.to_local() for name, tensor in tensors.items()}
        specs = {name: tensor._spec for name, tensor in tensors.items()}

        def write(state: dict[str, Any], folder: str, _: Any) -> None:
            # In the memory of the copy, which is that of the CPU, whatever the device of the mesh.
            spread: Any = DTensor
            copies = {name: spread(part, specs[name], requires_grad=False) for name, part in state['parts'].items()}
            _write_parts(state['rest'], copies, folder, self._group)

        background.write({'rest': rest if is_main_process() else None, 'parts': parts}, folder, write=write)


def _is_alone() -> bool:
    return not (torch.distributed.is_available() and torch.distributed.is_initialized())


def _take_out(checkpoint: dict[str, Any]) -> tuple[Any, dict[str, DTensor]]:
    """Copy a state with names in place of its distributed tensors, and give these by name."""
    tensors: dict[str, DTensor] = {}

    def named(item: Any, name: str) -> Any:
        if not isinstance(item, DTensor):
            return item
        tensors[name] = item
        return {_PLACE: name}

    return mapped(checkpoint, named), tensors


def _sums_of_own(folder: Path) -> dict[str, list[int]]:
    """Give size and CRC-32 of what this rank has written, which still is in memory."""
    return {f'{SHARDS}/{file.name}': _sum_of(file) for file in (folder / SHARDS).glob(f'__{get_rank()}_*.distcp')}


def _finish(unfinished: Path, path: Path, rest: Any, sums: dict[str, list[int]]) -> None:
    if not is_main_process():
        return
    write_checkpoint(rest, str(unfinished / REST))
    for name in (REST, f'{SHARDS}/.metadata'):
        sums[name] = _sum_of(unfinished / name)
    with open(unfinished / RECORD, 'w', encoding='utf-8') as file:
        json.dump(sums, file)
        file.flush()
        os.fsync(file.fileno())
    former = path.with_name(f'.{path.name}.{secrets.token_hex(6)}.tmp')
    if path.exists():
        path.rename(former)
    unfinished.rename(path)
    if former.is_dir():
        shutil.rmtree(former, ignore_errors=True)
    elif former.exists():
        former.unlink()


def _on_all(action: Callable[[], Any], group: ProcessGroup | None) -> list[Any]:
    """Do something on all ranks, and give what it gave on each; what it raises on one is raised on all."""
    done: Any = None
    failed: OSError | None = None
    try:
        done = action()
    except OSError as error:
        failed = error
    answers = all_gather_object((done, failed), group)
    for _, failure in answers:
        if failure is not None:
            raise failure
    return [answer for answer, _ in answers]


def _sum_of(file: Path) -> list[int]:
    size = total = 0
    with open(file, 'rb') as stream:
        while block := stream.read(1 << 20):
            size, total = size + len(block), zlib.crc32(block, total)
    return [size, total]


def check_sharded(folder: str | Path) -> None:
    """Read all of a checkpoint of shards, and compare it with its record.

    Raises:
        BrokenCheckpointError: It is not whole.
    """
    path = Path(folder).expanduser()
    try:
        record = json.loads((path / RECORD).read_text(encoding='utf-8'))
        for name, sums in record.items():
            if _sum_of(path / name) != sums:
                raise BrokenCheckpointError(f'{str(path / name)!r} is not what was written: it was damaged or cut off')
    except (OSError, ValueError, AttributeError) as error:
        raise BrokenCheckpointError(f'{str(path)!r} is not a whole checkpoint of shards: {error}') from error


def read_sharded(folder: str | Path, map_location: MapLocation = 'cpu', make: Make | None = None, *,
                 trusted: bool = False) -> Any:
    """Read a checkpoint of shards.

    Args:
        folder: The folder.
        map_location: Where tensors of the rest go, as in `torch.load`.
        make: Makes the tensor, distributed or not, that a saved one is read into; by default whole ones on the CPU.
            With distributed ones all ranks have to call it.
        trusted: Whether `rest.pth` may hold any object; reading it may then run any code.

    Raises:
        BrokenCheckpointError: It is not whole.
        UnsafeCheckpointError: It holds other types than tensors and plain containers, and is not trusted.
    """
    path = Path(folder).expanduser()
    if not (path / RECORD).is_file():
        raise BrokenCheckpointError(f'{str(path)!r} is not a whole checkpoint of shards: {RECORD} is written last, and '
                                    f'is not there')
    reader = _Reader(path / SHARDS)
    known = reader.read_metadata().state_dict_metadata
    rest = read_checkpoint(path / REST, map_location, trusted=trusted)
    wanted: dict[str, Any] = {}

    def placed(item: Any, _: str) -> Any:
        if not _is_place(item):
            return item
        name, saved = item[_PLACE], cast(Any, known[item[_PLACE]])
        wanted[name] = (make or _make_whole)(name, saved.size, saved.properties.dtype)
        return wanted[name]

    state = mapped(rest, placed)
    with warnings.catch_warnings():  # of a single process, which is what is wanted
        warnings.filterwarnings('ignore', message='torch.distributed is disabled')
        load(wanted, storage_reader=reader, no_dist=make is None or _is_alone())
    return state  # whose tensors are filled now


def _make_whole(name: str, size: torch.Size, dtype: torch.dtype) -> torch.Tensor:
    return torch.empty(size, dtype=dtype)


def _is_place(item: Any) -> bool:
    return isinstance(item, dict) and item.keys() == {_PLACE}


#: What torch.distributed.checkpoint pickles to describe the shards.
_DESCRIPTION = {('torch.distributed.checkpoint.metadata', name) for name in (
    'Metadata', 'MetadataIndex', 'ChunkStorageMetadata', 'TensorProperties', 'TensorStorageMetadata',
    'BytesStorageMetadata', '_MEM_FORMAT_ENCODING')} | {
    ('torch.distributed.checkpoint.filesystem', '_StorageInfo'), ('torch', 'Size'), ('torch.serialization',
                                                                                     '_get_layout')}


class _DescriptionUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _DESCRIPTION or (
                module == 'torch' and '.' not in name and isinstance(getattr(torch, name, None), torch.dtype)):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f'the description of the shards holds {module}.{name}, which does not belong '
                                     f'there: reading it could run code')


class _Writer(FileSystemWriter):
    """Leaves the path out of what it writes, for the folder gets another name."""

    def storage_meta(self) -> None:
        """Give nothing."""


class _Reader(FileSystemReader):
    """Reads the description of the shards with nothing in it run as code."""

    def read_metadata(self, *args: Any, **kwargs: Any) -> Any:
        """Read which tensors there are, and where."""
        file = Path(self.path) / '.metadata'
        try:
            with open(file, 'rb') as stream:
                metadata: Any = _DescriptionUnpickler(stream).load()
        except (pickle.UnpicklingError, EOFError, OSError, AttributeError) as error:
            raise BrokenCheckpointError(f'{str(file)!r} cannot be read: {error}') from error
        return metadata
