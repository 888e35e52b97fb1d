"""Buffers that each rank has of its own, batch statistics for example: a checkpoint holds those of rank 0 otherwise."""
from __future__ import annotations

import zlib

import torch
from torch import Tensor, nn

from mmengine.dist import broadcast_object_list, get_world_size, is_main_process


def own_buffers(modules: dict[str, nn.Module]) -> dict[str, Tensor]:
    """Give the buffers in which this rank differs from rank 0; all ranks have to ask.

    Args:
        modules: Name -> module with buffers.
    """
    if get_world_size() == 1:
        return {}
    buffers = dict(_buffers_of(modules))
    sums = {name: zlib.crc32(value.reshape(-1).view(torch.uint8).numpy().data) for name, value in buffers.items()}
    of_rank_0 = [sums if is_main_process() else None]
    broadcast_object_list(of_rank_0)
    known = of_rank_0[0] or {}
    return {name: value for name, value in buffers.items() if known.get(name) != sums[name]}


def load_own_buffers(modules: dict[str, nn.Module], saved: dict[str, Tensor]) -> None:
    """Put back what `own_buffers` gave on this rank."""
    for name, module in modules.items():
        for key, value in module.named_buffers():
            if f'{name}.{key}' in saved:
                value.copy_(saved[f'{name}.{key}'])


def _buffers_of(modules: dict[str, nn.Module]) -> list[tuple[str, Tensor]]:
    return [(f'{name}.{key}', value.detach().cpu().clone()) for name, module in modules.items()
            for key, value in module.named_buffers() if value.layout is torch.strided and value.numel()]
