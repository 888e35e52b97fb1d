"""Where a checkpoint comes from: a path, the web, an object store, or a scheme of one's own."""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from logging import Logger
from typing import Any

import torch
from torch import nn

from mmengine.checkpoint.files import BrokenCheckpointError, MapLocation, read_checkpoint
from mmengine.checkpoint.forms import is_sharded, read_any
from mmengine.checkpoint.state_dict import load_state_dict, rename_keys
from mmengine.checkpoint.tensor_file import is_tensor_file
from mmengine.dist import barrier, get_dist_info
from mmengine.logging import print_log

Loader = Callable[..., Any]
REMOVE_MODULE_PREFIX = ((r'^module\.', ''),)


class CheckpointLoader:
    """Finds the loader that a path asks for by its prefix.

    Loaders are functions of `(filename, map_location)` that return what the checkpoint holds.
    """

    _schemes: dict[str, Loader] = {}

    @classmethod
    def register_scheme(cls, prefixes: str | Sequence[str], loader: Any = None, force: bool = False) -> Any:
        """Add a loader, as a call or as a decorator.

        Args:
            prefixes: One or several prefixes of the paths that the loader is for.
            loader: The loader; without it, a decorator is returned.
            force: Whether a prefix may be taken over from another loader.

        Raises:
            KeyError: A prefix has a loader already, and `force` is not set.
        """
        if loader is None:
            return lambda function: cls._register(prefixes, function, force)
        return cls._register(prefixes, loader, force)

    @classmethod
    def _register(cls, prefixes: str | Sequence[str], loader: Loader, force: bool) -> Loader:
        for prefix in [prefixes] if isinstance(prefixes, str) else prefixes:
            if prefix in cls._schemes and not force:
                raise KeyError(f'{prefix!r} is already registered as a loader backend '
                               f'({cls._schemes[prefix].__name__}): add force=True to take it over')
            cls._schemes[prefix] = loader
        # The longest prefix first: `open-mmlab:s3://` is no `open-mmlab:`.
        cls._schemes = dict(sorted(cls._schemes.items(), key=lambda item: item[0], reverse=True))
        return loader

    @classmethod
    def _get_checkpoint_loader(cls, path: str) -> Loader:
        return next(loader for prefix, loader in cls._schemes.items() if path.startswith(prefix))

    @classmethod
    def load_checkpoint(cls, filename: str, map_location: MapLocation = None,
                        logger: Logger | str | None = 'current', *, trusted: bool = False) -> Any:
        """Load what a checkpoint holds.

        Args:
            filename: Path, URL or URI.
            map_location: Where tensors go, as in `torch.load`.
            logger: Where the message goes, as in `print_log`.
            trusted: Whether the file may hold any object; reading it may then run any code.
        """
        loader = cls._get_checkpoint_loader(filename)
        print_log(f'Loads checkpoint by {loader.__name__[10:]} backend from path: {filename}', logger=logger)
        return loader(filename, map_location, trusted=trusted) if trusted else loader(filename, map_location)


def load_from_local(filename: str, map_location: MapLocation = None, *, trusted: bool = False) -> Any:
    """Load a checkpoint from a path, a file or a folder of shards; `~` is the home folder."""
    if is_sharded(filename) or is_tensor_file(filename):
        return read_any(filename, map_location, trusted=trusted)
    return read_checkpoint(filename, map_location, trusted=trusted, backend_args=dict(backend='local'))


def load_from_http(filename: str, map_location: MapLocation = None, model_dir: str | None = None, *,
                   trusted: bool = False) -> Any:
    """Load a checkpoint from the web through torch's cache, once on each node.

    Args:
        filename: URL of the checkpoint.
        map_location: Where tensors go, as in `torch.load`.
        model_dir: Folder of the cache, torch hub's by default.
        trusted: Whether the file may hold any object; reading it may then run any code.
    """
    rank, world_size = get_dist_info()
    folder = model_dir or f'{torch.hub.get_dir()}/checkpoints'
    path = f'{folder}/{filename.split("?")[0].rsplit("/", 1)[-1]}'
    if rank == 0:
        _download(filename, path)
    if world_size > 1:
        barrier()
        _download(filename, path)  # where a node has a disk of its own
    try:
        return read_checkpoint(path, map_location, trusted=trusted)
    except BrokenCheckpointError as error:
        raise BrokenCheckpointError(f'{error}. It is a copy of {filename}: remove {path!r} '
                                    f'to fetch it again') from error


def _download(url: str, path: str) -> None:
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        torch.hub.download_url_to_file(url, path, progress=False)


def load_from_ceph(filename: str, map_location: MapLocation = None, backend: str = 'petrel', *,
                   trusted: bool = False) -> Any:
    """Load a checkpoint from an object store through its storage backend."""
    for prefix in ('open-mmlab:', 'openmmlab:'):
        filename = filename.removeprefix(prefix)
    return read_checkpoint(filename, map_location, trusted=trusted, backend_args=dict(backend=backend))


CheckpointLoader.register_scheme('', load_from_local)
CheckpointLoader.register_scheme(('http://', 'https://'), load_from_http)
CheckpointLoader.register_scheme(('s3://', 'petrel://', 'open-mmlab:s3://', 'openmmlab:s3://', 'open-mmlab:petrel://',
                                  'openmmlab:petrel://'), load_from_ceph)


def load_checkpoint(model: nn.Module, filename: str, map_location: MapLocation = None, strict: bool = False,
                    logger: Logger | str | None = None,
                    revise_keys: Sequence[tuple[str, str]] = REMOVE_MODULE_PREFIX, *, trusted: bool = False) -> Any:
    """Load weights from a checkpoint into a model.

    Args:
        model: Model to load into, maybe wrapped.
        filename: Path, URL or URI of the checkpoint.
        map_location: Where tensors go, as in `torch.load`.
        strict: Whether weights that do not fit are an error.
        logger: Where the report of misfits goes, as in `print_log`.
        revise_keys: Pairs of pattern and replacement that rename the weights. By default a leading `module.` goes.
        trusted: Whether the file may hold any object; reading it may then run any code.

    Returns:
        What the checkpoint holds.
    """
    checkpoint = _load_checkpoint(filename, map_location, logger, trusted=trusted)
    return _load_checkpoint_to_model(model, checkpoint, strict, logger, revise_keys)


def _load_checkpoint(filename: str, map_location: MapLocation = None,
                     logger: Logger | str | None = None, *, trusted: bool = False) -> Any:
    return CheckpointLoader.load_checkpoint(filename, map_location, logger, trusted=trusted)


def _weights_of(checkpoint: Any, filename: str = 'the checkpoint') -> Any:
    if not isinstance(checkpoint, dict):
        raise RuntimeError(f'No state_dict found in checkpoint file {filename}: expected a dict, '
                           f'but it holds {type(checkpoint).__name__}')
    return checkpoint.get('state_dict', checkpoint)


def _load_checkpoint_to_model(model: nn.Module, checkpoint: Any, strict: bool = False,
                              logger: Logger | str | None = None,
                              revise_keys: Sequence[tuple[str, str]] = REMOVE_MODULE_PREFIX) -> Any:
    load_state_dict(model, rename_keys(_weights_of(checkpoint), revise_keys), strict, logger)
    return checkpoint


def _load_checkpoint_with_prefix(prefix: str, filename: str, map_location: MapLocation = None,
                                 logger: Logger | str | None = 'current') -> dict[str, Any]:
    """Take the weights below a prefix out of a checkpoint, those of a backbone for example."""
    weights = _weights_of(_load_checkpoint(filename, map_location, logger), filename)
    start = prefix if prefix.endswith('.') else f'{prefix}.'
    found = {key[len(start):]: value for key, value in weights.items() if key.startswith(start)}
    if not found:
        raise AssertionError(f'{prefix} is not in the pretrained model: {filename} has '
                             f'{sorted({key.split(".")[0] for key in weights})}')
    return found
