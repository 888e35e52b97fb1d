"""Lists of objects from all processes to one, piece by piece, with tensors as plain bytes."""
from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as torch_dist
from torch import Tensor

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

_PIECE = 5000


def _rebuild(content: bytearray, dtype: torch.dtype, shape: tuple[int, ...], requires_grad: bool) -> Tensor:
    flat = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
    return flat.reshape(shape).requires_grad_(requires_grad)


class _Pickler(pickle.Pickler):
    """Write a plain tensor as its bytes: PyTorch's own way makes an archive of each."""

    def reducer_override(self, obj: Any) -> Any:
        """Give how to write an object; everything but plain tensors on the CPU as usual."""
        if type(obj) is not Tensor or obj.device.type != 'cpu' or not _is_plain(obj):
            return NotImplemented
        flat = obj.detach().contiguous().reshape(-1)
        content = bytearray(flat.view(torch.uint8).numpy()) if flat.numel() else bytearray()
        return _rebuild, (content, obj.dtype, tuple(obj.shape), obj.requires_grad)


def _is_plain(tensor: Tensor) -> bool:
    return (tensor.layout is torch.strided and not tensor.is_quantized and not tensor.is_conj() and not tensor.is_neg()
            and not vars(tensor))


def _to_bytes(objects: list[Any]) -> bytearray:
    file = io.BytesIO()
    _Pickler(file, pickle.HIGHEST_PROTOCOL).dump(objects)
    return bytearray(file.getbuffer())


def gather_lists(part: list[Any], group: ProcessGroup | None) -> list[list[Any]] | None:
    """Give process 0 the lists of all, in a group of all processes on the CPU; None elsewhere.

    Process 0 holds one piece in bytes at a time, and does not pickle its own list.
    """
    if torch_dist.get_rank() != 0:
        pieces = [_to_bytes(part[start:start + _PIECE]) for start in range(0, len(part), _PIECE)]
        torch_dist.send(torch.tensor([len(pieces)]), 0, group)
        for piece in pieces:
            torch_dist.send(torch.tensor([len(piece)]), 0, group)
            torch_dist.send(torch.frombuffer(piece, dtype=torch.uint8), 0, group)
        return None
    return [part, *(_receive(rank, group) for rank in range(1, torch_dist.get_world_size()))]


def _receive(rank: int, group: ProcessGroup | None) -> list[Any]:
    objects: list[Any] = []
    for _ in range(_receive_number(rank, group)):
        content = torch.empty(_receive_number(rank, group), dtype=torch.uint8)
        torch_dist.recv(content, rank, group)
        objects += pickle.loads(content.numpy().data)
    return objects


def _receive_number(rank: int, group: ProcessGroup | None) -> int:
    number = torch.zeros(1, dtype=torch.int64)
    torch_dist.recv(number, rank, group)
    return int(number.item())
