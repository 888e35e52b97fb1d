"""What a checkpoint holds of a data loader: what decides the order of its samples."""
from __future__ import annotations

from typing import Any

from torch.utils.data import BatchSampler

from mmengine.dataset import InfiniteSampler
from mmengine.dataset.loader_samplers import samplers_of
from mmengine.dataset.sampler import can_seek
from mmengine.runner.plain import plain


def is_stateful(thing: Any) -> bool:
    """Tell whether an object gives its state and takes it back, as torchdata's loaders and samplers do."""
    return hasattr(thing, 'state_dict') and hasattr(thing, 'load_state_dict')


def seeded_sampler(dataloader: Any) -> Any:
    """Give the sampler of a loader, or of its batch sampler, that draws an order from a seed; None if neither does."""
    return next((sampler for sampler in samplers_of(dataloader) if hasattr(sampler, 'seed')), None)


def order_state(dataloader: Any, batches: int) -> dict[str, Any]:
    """Take what decides the order, and is the same on all ranks.

    Args:
        dataloader: The loader.
        batches: How many batches of the run have been used.
    """
    sampler = seeded_sampler(dataloader)
    state: dict[str, Any] = {'sampler_seed': getattr(sampler, 'seed', None)}
    batch_sampler = getattr(dataloader, 'batch_sampler', None)
    if isinstance(sampler, InfiniteSampler) and type(batch_sampler) is BatchSampler:
        state['sampler'] = sampler.state_at(batches * batch_sampler.batch_size)
    return state


def load_order_state(dataloader: Any, state: dict[str, Any]) -> None:
    """Put back what `order_state` took, if anything was."""
    sampler, seed = seeded_sampler(dataloader), state.get('sampler_seed')
    if seed is not None and sampler is not None:  # it may have been drawn: draw the same order again
        sampler.seed = seed
    if isinstance(sampler, InfiniteSampler) and 'sampler' in state:
        sampler.load_marks(state['sampler'])


def loader_state(dataloader: Any) -> dict[str, Any]:
    """Take what a loader, or samplers that are not ours, keep from one pass to the next on this rank."""
    if is_stateful(dataloader):
        return {}
    generator = getattr(dataloader, 'generator', None)
    samplers = [plain(sampler.state_dict()) if is_stateful(sampler) and not can_seek(sampler) else None
                for sampler in _all_samplers(dataloader)]
    return {**({'generator': generator.get_state()} if generator is not None else {}),
            **({'samplers': samplers} if any(samplers) else {})}


def load_loader_state(dataloader: Any, state: dict[str, Any]) -> None:
    """Put back what `loader_state` took, if anything was."""
    if 'generator' in state and getattr(dataloader, 'generator', None) is not None:
        dataloader.generator.set_state(state['generator'].cpu())
    for sampler, own in zip(_all_samplers(dataloader), state.get('samplers', ()), strict=False):
        if own is not None and is_stateful(sampler):
            sampler.load_state_dict(own)


def _all_samplers(dataloader: Any) -> list[Any]:
    batch_sampler = getattr(dataloader, 'batch_sampler', None)
    return [*samplers_of(dataloader), *([batch_sampler] if batch_sampler is not None else [])]
