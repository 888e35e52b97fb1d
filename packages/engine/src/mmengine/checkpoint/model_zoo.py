"""Released weights by their names: `torchvision://resnet50`, `open-mmlab://resnet50_v1c`, `mmcls://mobilenet_v2`.

The addresses are in `model_zoo.json`. Further names for `open-mmlab://` may be in a file of the user's,
`open_mmlab.json` in `$MMENGINE_HOME` (by default `~/.cache/mmengine`): a URL, or a path below that folder, by name.
"""
from __future__ import annotations

import json
import os
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.checkpoint.files import MapLocation
from mmengine.checkpoint.loader import CheckpointLoader, load_from_http, load_from_local
from mmengine.utils.suggest import did_you_mean


class UnknownWeightsError(KeyError):
    """There are no released weights of that name."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError shows it quoted, with its line breaks escaped


@cache
def _zoo() -> dict[str, dict[str, str]]:
    text = Path(__file__).with_suffix('.json').read_text(encoding='utf-8')
    zoo: dict[str, dict[str, str]] = json.loads(text)
    return zoo


def _home() -> Path:
    folder = os.environ.get('MMENGINE_HOME')
    if folder is None:
        folder = os.path.join(os.environ.get('XDG_CACHE_HOME', '~/.cache'), 'mmengine')
    return Path(folder).expanduser()


def get_external_models() -> dict[str, str]:
    """Give the addresses for `open-mmlab://`, those of the user's own file included.

    Raises:
        ValueError: The user's file holds something else.
    """
    own = _home() / 'open_mmlab.json'
    if not own.exists():
        return dict(_zoo()['open-mmlab'])
    try:
        added = json.loads(own.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{own} should hold addresses by name as JSON: {error}') from error
    if not isinstance(added, dict):
        raise ValueError(f'{own} should hold addresses by name as JSON, but holds a {type(added).__name__}')
    return {**_zoo()['open-mmlab'], **added}


def get_mmcls_models() -> dict[str, str]:
    """Give the addresses for `mmcls://`."""
    return dict(_zoo()['mmcls'])


def get_torchvision_models() -> dict[str, str]:
    """Give the addresses for `torchvision://`, without those that the installed torchvision adds."""
    return dict(_zoo()['torchvision'])


def get_deprecated_model_names() -> dict[str, str]:
    """Give today's names of those for `open-mmlab://` that have been renamed."""
    return dict(_zoo()['renamed'])


def load_from_torchvision(filename: str, map_location: MapLocation = None, *, trusted: bool = False) -> Any:
    """Load weights that torchvision released; `resnet50.IMAGENET1K_V2` asks the installed torchvision.

    Args:
        filename: `torchvision://` and a name; `modelzoo://` is an older way to write it.
        map_location: Where tensors go, as in `torch.load`.
        trusted: Whether the file may hold any object; reading it may then run any code.

    Raises:
        UnknownWeightsError: There are no weights of that name.
    """
    if filename.startswith('modelzoo://'):
        warnings.warn('modelzoo:// is deprecated: write torchvision://', DeprecationWarning, stacklevel=2)
    name = _name_in(filename)
    address = _of_installed_torchvision(name) if '.' in name else None
    return load_from_http(address or _look_up(filename, get_torchvision_models()), map_location, trusted=trusted)


def _of_installed_torchvision(name: str) -> str | None:
    try:
        from torchvision.models import get_model_weights
    except ImportError:
        return None
    model, _, wanted = name.partition('.')
    try:
        released = {weights.name.lower(): str(weights.url) for weights in get_model_weights(model)}
    except ValueError:  # no model of torchvision's
        return None
    return released.get(wanted.lower())


def load_from_openmmlab(filename: str, map_location: MapLocation = None, *, trusted: bool = False) -> Any:
    """Load weights that OpenMMLab released, or that the user's own file names.

    Args:
        filename: `open-mmlab://` or `openmmlab://`, and a name.
        map_location: Where tensors go, as in `torch.load`.
        trusted: Whether the file may hold any object; reading it may then run any code.

    Raises:
        UnknownWeightsError: There are no weights of that name.
        FileNotFoundError: The user's own file gives a path where nothing is.
    """
    name, prefix = _name_in(filename), filename.split('://')[0]
    renamed = get_deprecated_model_names().get(name)
    if renamed is not None:
        warnings.warn(f'{filename} is deprecated: write {prefix}://{renamed}', DeprecationWarning, stacklevel=2)
        filename = f'{prefix}://{renamed}'
    address = _look_up(filename, get_external_models())
    if address.startswith(('http://', 'https://')):
        return load_from_http(address, map_location, trusted=trusted)
    path = _home() / address
    if not path.is_file():
        raise FileNotFoundError(f'{path} is not there: {_home() / "open_mmlab.json"} gives it for {filename}')
    return load_from_local(str(path), map_location, trusted=trusted)


def load_from_mmcls(filename: str, map_location: MapLocation = None, *, trusted: bool = False) -> Any:
    """Load weights that MMClassification released.

    Args:
        filename: `mmcls://` and a name.
        map_location: Where tensors go, as in `torch.load`.
        trusted: Whether the file may hold any object; reading it may then run any code.

    Raises:
        UnknownWeightsError: There are no weights of that name.
    """
    return load_from_http(_look_up(filename, get_mmcls_models()), map_location, trusted=trusted)


def load_from_pavi(filename: str, map_location: MapLocation = None, *, trusted: bool = False) -> Any:
    """Load a checkpoint from SenseTime's model cloud by its own package, which is not public.

    Args:
        filename: `pavi://` and a path there.
        map_location: Where tensors go, as in `torch.load`.
        trusted: Whether the file may hold any object; reading it may then run any code.

    Raises:
        AssertionError: The path has another prefix.
        ImportError: The package `pavi` is not installed.
    """
    if not filename.startswith('pavi://'):
        raise AssertionError(f'expected filename to start with pavi://, but got {filename}')
    try:
        from pavi import modelcloud
    except ImportError as error:
        raise ImportError(f"{filename} is in SenseTime's model cloud, for which the package `pavi` is needed; it is "
                          f"not public: download the file, and give its path") from error
    model = modelcloud.get(filename.removeprefix('pavi://'))
    return load_from_local(str(model.download()), map_location, trusted=trusted)


def _name_in(filename: str) -> str:
    return filename.split('://', 1)[1]


def _look_up(filename: str, addresses: dict[str, str]) -> str:
    prefix, name = filename.split('://', 1)
    if name not in addresses:
        raise UnknownWeightsError(f'{filename}: there are no released weights {name!r} for {prefix}://.'
                                  f'{did_you_mean(name, addresses)} {len(addresses)} names are known')
    return addresses[name]


CheckpointLoader.register_scheme(('modelzoo://', 'torchvision://'), load_from_torchvision)
CheckpointLoader.register_scheme(('open-mmlab://', 'openmmlab://'), load_from_openmmlab)
CheckpointLoader.register_scheme('mmcls://', load_from_mmcls)
CheckpointLoader.register_scheme('pavi://', load_from_pavi)
