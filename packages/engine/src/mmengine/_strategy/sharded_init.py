"""Building and initialising a model that is spread from the start: no rank ever holds more of it than one whole tensor.

Each parameter is spread when a module registers it. What the code of the model then does with one is done on the whole
of it, which is put together on the CPU for the time, and what was changed is spread again. So a model starts from the
same numbers as one that is built whole.
"""
from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Shard
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from mmengine._strategy.randomness import random_state, set_random_state
from mmengine._strategy.sharded_copy import fill_in
from mmengine._strategy.sharding import gathered_everywhere, spread_like, spread_over
from mmengine.dist import broadcast_object_list, is_main_process

#: Methods by which modules of torch draw the numbers that they are constructed with.
_RESETS = ('reset_parameters', '_reset_parameters')
#: Operations of which the result is spread as what they are given.
_SPREAD_ALIKE = frozenset((torch.ops.aten.detach, torch.ops.aten.clone))
#: Operations that leave nothing of what was in their first argument, which then need not be put together.
_OVERWRITING = frozenset(getattr(torch.ops.aten, name) for name in (
    'uniform_', 'normal_', 'fill_', 'zero_', 'copy_', 'bernoulli_', 'exponential_', 'log_normal_', 'random_'))


class WholeInTurn(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own __init_subclass__
    """Lets operations on spread tensors work on the whole of each; all ranks do the same ones in the same order."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # of torch
        self._written: dict[int, DTensor] = {}
        self._last: tuple[DTensor, torch.Tensor] | None = None  # put together once for all that follows
        self._lent: dict[int, tuple[DTensor, StorageWeakRef]] = {}  # wholes that somebody has a view of, by owner
        self._owners: dict[int, DTensor] = {}  # of these, by the memory of the whole

    def was_written(self, tensor: torch.Tensor) -> bool:
        """Tell whether anything was written to a spread tensor."""
        return isinstance(tensor, DTensor) and _key(tensor) in self._written

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.overloadpacket in _SPREAD_ALIKE:
            return func(*args, **kwargs)
        blank = args[0] if func.overloadpacket in _OVERWRITING else None
        taken: dict[int, torch.Tensor] = {}

        def whole(tensor: DTensor) -> torch.Tensor:
            taken[_key(tensor)] = self._whole(tensor, blank=tensor is blank)
            self._owners[taken[_key(tensor)].untyped_storage()._cdata] = tensor
            return taken[_key(tensor)]

        result = func(*tree_map_only(DTensor, whole, args), **tree_map_only(DTensor, whole, kwargs))
        changed = _written_by(func, args, kwargs)
        for tensor in changed:
            self._write_back(tensor, taken)
        if changed and isinstance(changed[0], DTensor) and isinstance(result, torch.Tensor):
            return changed[0]
        self._lend(result)
        return result

    def _whole(self, tensor: DTensor, blank: bool) -> torch.Tensor:
        if self._last is None or _key(self._last[0]) != _key(tensor):
            self._last = (tensor, self._lent_whole(tensor, blank))
        return self._last[1]

    def _lent_whole(self, tensor: DTensor, blank: bool) -> torch.Tensor:
        """Give the whole that somebody still has a view of, else put one together."""
        _, lent = self._lent.get(_key(tensor), (None, None))
        storage = None if lent is None else torch.UntypedStorage._new_with_weak_ptr(lent.cdata)
        if storage is not None:
            return _whole_in(storage, tensor)
        if blank:
            return torch.empty(tensor.shape, dtype=tensor.dtype)
        return gathered_everywhere(tensor).cpu().contiguous()

    def _write_back(self, tensor: torch.Tensor, taken: dict[int, torch.Tensor]) -> None:
        if isinstance(tensor, DTensor):
            owner, whole = tensor, taken[_key(tensor)]
        else:
            storage = tensor.untyped_storage()
            candidate = self._owners.get(storage._cdata)
            if candidate is None or not self._is_whole_of(storage, candidate):
                return
            owner, whole = candidate, _whole_in(storage, candidate)
        self._written[_key(owner)] = owner
        owner.to_local().copy_(spread_like(whole, owner).to_local())

    def _is_whole_of(self, storage: torch.UntypedStorage, owner: DTensor) -> bool:
        if _key(owner) in self._lent and self._lent[_key(owner)][1].cdata == _weak(storage).cdata:
            return True
        return self._last is not None and self._last[1].untyped_storage()._cdata == storage._cdata

    def _lend(self, result: Any) -> None:
        """Remember results that lie in the memory of a whole, so that what is written to them is not lost."""
        if self._last is None:
            return
        owner, whole = self._last
        for item in result if isinstance(result, (list, tuple)) else [result]:
            if isinstance(item, torch.Tensor) and not isinstance(item, DTensor) \
                    and item.untyped_storage()._cdata == whole.untyped_storage()._cdata:
                self._lent[_key(owner)] = (owner, _weak(item.untyped_storage()))


def _key(tensor: DTensor) -> int:
    """Identify a spread tensor by its memory, which those detached from it have in common with it."""
    return int(tensor.to_local().untyped_storage()._cdata)


def _weak(storage: torch.UntypedStorage) -> StorageWeakRef:
    return StorageWeakRef(storage)  # type: ignore[no-untyped-call]  # of torch


def _whole_in(storage: torch.UntypedStorage, owner: DTensor) -> torch.Tensor:
    made = torch.empty(0, dtype=owner.dtype)
    return made.set_(storage, 0, owner.shape, owner.stride())


def _written_by(func: Any, args: Any, kwargs: dict[str, Any]) -> list[torch.Tensor]:
    """Give the tensors that an operation changes."""
    found = []
    for index, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[index] if index < len(args) else kwargs.get(argument.name)
            found += [item for item in (value if isinstance(value, (list, tuple)) else [value])
                      if isinstance(item, torch.Tensor)]
    return found


@contextlib.contextmanager
def one_source_of_numbers() -> Iterator[None]:
    """Let all ranks draw the random numbers of rank 0; a rank that has others gets these back at the end."""
    own = random_state()
    box: list[Any] = [own if is_main_process() else None]
    broadcast_object_list(box)
    differs = not torch.equal(box[0]['torch'], own['torch'])
    set_random_state(box[0])
    try:
        yield
    finally:
        if differs:
            set_random_state(own)


def build_spread(build: Callable[[], nn.Module], mesh: DeviceMesh) -> nn.Module:
    """Build a model whose parameters are spread as soon as they are there.

    Args:
        build: Builds it, the same on all ranks.
        mesh: The ranks.
    """
    hook: Any = lambda module, name, value: _spread_parameter(value, mesh)  # noqa: E731  # typed as giving nothing
    handle = register_module_parameter_registration_hook(hook)
    try:
        with one_source_of_numbers(), WholeInTurn():
            model = build()
    finally:
        handle.remove()
    _replace_parameters(model, lambda value: _spread_parameter(value, mesh) or value)  # those of copies of modules
    return model


def init_spread(model: nn.Module) -> None:
    """Initialise the weights of a model that is spread by its `init_weights`, if it has that."""
    with one_source_of_numbers(), WholeInTurn():
        _call_init_weights(model)


def _call_init_weights(model: Any) -> None:
    if hasattr(model, 'init_weights'):
        model.init_weights()


def materialise(model: nn.Module, mesh: DeviceMesh, init: bool) -> None:
    """Give the parameters of a model on the device 'meta' memory, spread, and numbers.

    Args:
        model: The model.
        mesh: The ranks.
        init: Whether they get numbers: of `reset_parameters` of the modules that have it, which their construction
            calls, children first, and then of `init_weights`.

    Raises:
        ValueError: A parameter has no numbers after that, or a buffer is on the device 'meta'.
    """
    lost = [name for name, buffer in model.named_buffers() if buffer.is_meta]
    if lost:
        raise ValueError(f"the buffers {lost} are on the device 'meta', where their values are lost: build the model "
                         f'from a config with meta_init=True of FSDPStrategy, which keeps buffers')
    waiting: set[nn.Parameter] = set()

    def made(value: nn.Parameter) -> nn.Parameter:
        if not value.is_meta:
            return _spread_parameter(value, mesh) or value
        empty = torch.empty(value.shape, dtype=value.dtype, device=mesh.device_type)
        waiting.add(parameter := nn.Parameter(_spread(empty, mesh), value.requires_grad))
        return parameter

    _replace_parameters(model, made)
    if not init:
        return
    with one_source_of_numbers(), WholeInTurn() as mode:
        for module in _children_first(model, set()):
            reset = next((getattr(module, name) for name in _RESETS if hasattr(module, name)), None)
            if reset is not None and not waiting.isdisjoint(module.parameters(recurse=False)):
                reset()
        _call_init_weights(model)
    without = [name for name, value in model.named_parameters() if value in waiting and not mode.was_written(value)]
    if without:
        raise ValueError(f"the model was built on the device 'meta', and neither reset_parameters of their module nor "
                         f'init_weights gives {without} a value: build the model from a config with meta_init=True of '
                         f'FSDPStrategy, or let init_weights do it')


def _children_first(module: nn.Module, seen: set[nn.Module]) -> Iterator[nn.Module]:
    """Give all modules in the order in which their construction ends."""
    if module not in seen:
        seen.add(module)
        for child in module.children():
            yield from _children_first(child, seen)
        yield module


def hand_over(model: nn.Module, spread: Callable[[nn.Module], None], device: torch.device) -> None:
    """Let another spread a model that is spread already, in the same way, and move the parts over.

    Args:
        model: The model.
        spread: Spreads a model on the device 'meta'.
        device: Where the parts are to be.
    """
    parts = dict(model.named_parameters(remove_duplicate=False))
    _replace_parameters(model, lambda value: nn.Parameter(
        torch.empty(value.shape, dtype=value.dtype, device='meta'), value.requires_grad) if value.ndim else value)
    spread(model)
    fill_in(model, device)
    with torch.no_grad():
        for name, value in model.named_parameters(remove_duplicate=False):
            part = parts[name]
            if isinstance(value, DTensor) and isinstance(part, DTensor):
                value.to_local().copy_(part.to_local())


def _replace_parameters(model: nn.Module, change: Callable[[nn.Parameter], nn.Parameter]) -> None:
    """Replace each parameter, one that several modules have by the same."""
    made: dict[nn.Parameter, nn.Parameter] = {}
    for module in model.modules():
        for name, value in module._parameters.items():
            if value is not None:
                if value not in made:
                    made[value] = change(value)
                module._parameters[name] = made[value]


def _spread_parameter(value: nn.Parameter | None, mesh: DeviceMesh) -> nn.Parameter | None:
    """Spread a parameter; None for what stays as it is."""
    if value is None or type(value) is not nn.Parameter or value.ndim == 0 or value.is_meta:
        return None
    made = nn.Parameter(_spread(value.detach().to(mesh.device_type), mesh), value.requires_grad)
    made.__dict__.update(value.__dict__)
    return made


def _spread(whole: torch.Tensor, mesh: DeviceMesh) -> DTensor:
    return spread_over(whole, mesh, [Shard(0)])  # as `fully_shard` does
