"""A data loader from its config: data set, sampler, workers and collation."""
from __future__ import annotations

import copy
import inspect
from functools import partial
from typing import Any

from torch.utils.data import DataLoader, Subset

from mmengine.dataset.utils import worker_init_fn as default_worker_init_fn
from mmengine.dist import get_rank, get_world_size
from mmengine.interfaces import origin_of
from mmengine.registry import DATA_SAMPLERS, DATASETS, FUNCTIONS
from mmengine.registry.miss import explain_miss
from mmengine.runner.exact_loader import ExactDataLoader, exact
from mmengine.utils.suggest import did_you_mean

_ARGUMENTS = tuple(inspect.signature(DataLoader.__init__).parameters)[1:]
#: Keys of a config that are not arguments of torch's DataLoader.
_OWN_KEYS = ('num_batch_per_epoch', 'disable_subprocess_warning')


def build_dataloader(dataloader: DataLoader[Any] | dict[str, Any], seed: int | None = None,
                     diff_rank_seed: bool = False) -> DataLoader[Any]:
    """Build a data loader from a config, or take it as it is.

    Args:
        dataloader: A loader, or the arguments of torch's DataLoader with `dataset`, `sampler`, `batch_sampler`,
            `collate_fn` (by default `pseudo_collate`) and `worker_init_fn` as configs or objects; also
            `num_batch_per_epoch`, which shortens the data set for a trial.
        seed: Seed of the sampler and of the workers.
        diff_rank_seed: Whether the ranks differ in their random numbers; the sampler then draws a seed of its own.

    Raises:
        TypeError: An argument is unknown or of a wrong type.
    """
    if isinstance(dataloader, DataLoader):
        return exact(dataloader)  # type: ignore[no-any-return]  # the same
    _check_names(dataloader)
    cfg = copy.deepcopy(dataloader)
    dataset = _build_dataset(cfg)
    sampler, batch_sampler = _build_samplers(cfg, dataset, None if diff_rank_seed else seed)
    init = _build_worker_init(cfg, seed)
    if not cfg.get('num_workers'):  # what torch takes for a mistake without workers says nothing about the data
        cfg.pop('persistent_workers', None)
        cfg.pop('prefetch_factor', None)
    return ExactDataLoader(dataset=dataset, sampler=None if batch_sampler is not None else sampler,
                           batch_sampler=batch_sampler, collate_fn=build_collate(cfg), worker_init_fn=init, **cfg)


def _check_names(cfg: dict[str, Any]) -> None:
    if 'dataset' not in cfg:
        raise KeyError(f'a dataloader config needs the key "dataset", but has {sorted(cfg)}')
    for name in cfg:
        if name not in _ARGUMENTS and name not in _OWN_KEYS:
            place = origin_of(cfg, name)
            raise TypeError(f'DataLoader has no argument {name!r}{f" ({place})" if place else ""}.'
                            f'{did_you_mean(name, [*_ARGUMENTS, *_OWN_KEYS])}')


def _build_dataset(cfg: dict[str, Any]) -> Any:
    dataset = cfg.pop('dataset')
    if isinstance(dataset, dict):
        dataset = DATASETS.build(dataset)
        if hasattr(dataset, 'full_init'):
            dataset.full_init()
    batches = cfg.pop('num_batch_per_epoch', None)
    if batches is None:
        return dataset
    size = min(batches * cfg.get('batch_size', 1) * get_world_size(), len(dataset))
    return _Shortened(dataset, range(size))


class _Shortened(Subset[Any]):
    """The first samples of a data set, with all that it has beside samples."""

    def __getattr__(self, name: str) -> Any:
        if name == 'dataset':  # not there yet while a worker unpickles
            raise AttributeError(name)
        return getattr(self.dataset, name)


def _build_samplers(cfg: dict[str, Any], dataset: Any, seed: int | None) -> tuple[Any, Any]:
    sampler = cfg.pop('sampler', None)
    if isinstance(sampler, dict):
        sampler = DATA_SAMPLERS.build(sampler, default_args=dict(dataset=dataset, seed=seed))
    batch_sampler = cfg.pop('batch_sampler', None)
    if isinstance(batch_sampler, dict):
        batch_sampler = DATA_SAMPLERS.build(batch_sampler, default_args=dict(sampler=sampler,
                                                                             batch_size=cfg.pop('batch_size')))
    elif batch_sampler is not None:
        cfg.pop('batch_size', None)
    return sampler, batch_sampler


def _build_worker_init(cfg: dict[str, Any], seed: int | None) -> Any:
    quiet = cfg.pop('disable_subprocess_warning', False)
    if not isinstance(quiet, bool):
        raise TypeError(f'disable_subprocess_warning should be a bool, but got {type(quiet)}')
    given = cfg.pop('worker_init_fn', None)
    facts = dict(num_workers=cfg.get('num_workers', 0), rank=get_rank(), seed=seed)
    if given is None:
        return None if seed is None else partial(default_worker_init_fn, disable_subprocess_warning=quiet, **facts)
    if isinstance(given, dict):
        arguments = dict(given)
        return partial(_function(arguments.pop('type'), 'worker_init_fn'), **facts, **arguments)
    if not callable(given):
        raise TypeError(f'type of worker_init_fn should be string or callable object, but got {type(given)}')
    return given


def build_collate(cfg: dict[str, Any]) -> Any:
    """Take `collate_fn` out of the config of a loader, and build it.

    Args:
        cfg: Config of the loader; without `collate_fn` it is `pseudo_collate`.
    """
    given = cfg.pop('collate_fn', None) or dict(type='pseudo_collate')
    if isinstance(given, dict):
        arguments = dict(given)
        function = _function(arguments.pop('type'), 'collate_fn')
        return partial(function, **arguments) if arguments else function
    if not callable(given):
        raise TypeError(f'collate_fn should be a dict or callable object, but got {given!r}')
    return given


def _function(name: Any, what: str) -> Any:
    if isinstance(name, str):
        found = FUNCTIONS.get(name)
        if found is None:
            raise KeyError(f'{what}: {explain_miss(FUNCTIONS, name)}')
        name = found
    if not callable(name):
        raise TypeError(f'{what} should be a dict or callable object, but got {name!r}')
    return name
