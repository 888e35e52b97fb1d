"""The results of all processes' shares of a data set, as one list."""
from __future__ import annotations

from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

from mmengine.dist.devices import get_comm_device
from mmengine.dist.gather import gather_object
from mmengine.dist.groups import results_group
from mmengine.dist.info import get_world_size
from mmengine.dist.transfer import gather_lists
from mmengine.dist.watch import watched

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

_NONE_LEFT = object()


def collect_results(results: list[Any], size: int, device: str = 'cpu', tmpdir: str | None = None) -> list[Any] | None:
    """Bring the results of all processes to process 0, in the order of the data set.

    Process `r` of `n` is taken to have the results `r, r + n, r + 2n, ...`, as samplers deal them out.

    Args:
        results: The results of this process; they have to be picklable.
        size: The number of samples in the data set; what samplers added beyond is cut off.
        device: 'cpu' sends them in a group on the CPU that waits long for a slow process; 'gpu' (or the
            name of an accelerator) in the group that trains.
        tmpdir: For old code; nothing is written to files. Only with 'cpu'.

    Returns:
        In process 0 the results, elsewhere None.
    """
    if not isinstance(results, list):
        raise TypeError(f'results should be a list, but got {type(results).__name__}')
    if device == 'cpu':
        return collect_results_cpu(results, size, tmpdir)
    if device not in ('gpu', 'cuda', 'npu', 'mlu', 'musa', 'xpu'):
        raise NotImplementedError(f"device should be 'cpu' or 'gpu', but got {device!r}")
    if tmpdir is not None:
        raise AssertionError(f'tmpdir should be None when device is {device!r}')
    return collect_results_gpu(results, size)


def collect_results_cpu(result_part: list[Any], size: int, tmpdir: str | None = None) -> list[Any] | None:
    """Bring results to process 0 in a group on the CPU; as `collect_results`."""
    return _collect(result_part, size, results_group())


def collect_results_gpu(result_part: list[Any], size: int) -> list[Any] | None:
    """Bring results to process 0 in the group that trains; as `collect_results`."""
    return _collect(result_part, size, None)


def _collect(part: list[Any], size: int, group: ProcessGroup | None) -> list[Any] | None:
    if get_world_size() == 1:
        return part[:size]
    if get_comm_device(group).type == 'cpu':
        with watched('collect_results', group):
            parts = gather_lists(part, group)
    else:
        parts = gather_object(part, 0, group)
    if parts is None:
        return None
    # The shares may differ by one, where the sampler does not fill them up.
    dealt = chain.from_iterable(zip_longest(*parts, fillvalue=_NONE_LEFT))
    return [result for result in dealt if result is not _NONE_LEFT][:size]
