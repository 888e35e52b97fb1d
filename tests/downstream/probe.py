"""Import every module of one library and build every model of its configs; what became of each, as JSON.

    python probe.py LIBRARY OUT.json

Runs in an environment with our mmengine or with upstream's, and imports neither before the library does.
"""
from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import stand_ins
import torch
from torch.overrides import TorchFunctionMode

#: numbers in a tensor from which on it is made without memory: a model of 7 billion weights is built, too
LARGE = 100_000
_MAKERS = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn}


class LargeTensorsWithoutMemory(TorchFunctionMode):
    """Make large tensors on the device 'meta': building is about names and arguments, not about values."""

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Send the makers of large tensors to 'meta'."""
        kwargs = dict(kwargs or {})
        if func in _MAKERS:
            size = kwargs.get('size', args[0] if args and not isinstance(args[0], int) else args)
            count = 1
            for side in size if isinstance(size, (tuple, list)) else ():
                count *= int(side)
            if count >= LARGE:
                kwargs['device'] = 'meta'
        return func(*args, **kwargs)


def reason(error: BaseException) -> str:
    """Say an error in one line, with the innermost line of code of the library or below it."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = '/'.join(Path(frame.filename).parts[-3:])
    return f'{type(error).__name__}: {" ".join(str(error).split())[:400]} [{where}:{frame.lineno}]'


def attempt(action: Callable[[], object]) -> str | None:
    """Give why something failed, or None."""
    try:
        action()
    except (Exception, SystemExit) as error:
        if os.environ.get('PROBE_TRACEBACKS'):
            traceback.print_exc()
        return reason(error)
    return None


def modules_of(folder: Path) -> list[str]:
    """Name every module of a package; files below a folder whose name starts with a dot are data."""
    files = [file.relative_to(folder.parent) for file in sorted(folder.rglob('*.py'))]
    files = [file for file in files if not any(part.startswith('.') for part in file.parts)]
    return ['.'.join(file.with_suffix('').parts).removesuffix('.__init__') for file in files]


def import_all(library: str, folder: Path) -> dict[str, str | None]:
    """Import every module; give the error of each."""
    return {name: attempt(lambda: importlib.import_module(name)) for name in modules_of(folder)}  # noqa: B023


def build(model: Any) -> None:
    """Build a model without memory for its large tensors, and with memory where its code looks at their values."""
    from mmengine.registry import MODELS
    try:
        with LargeTensorsWithoutMemory():
            MODELS.build(model)
    except (RuntimeError, NotImplementedError) as error:
        if 'meta' not in str(error):
            raise
        MODELS.build(model)


def build_all(library: str, folder: Path) -> tuple[dict[str, str | None], int]:
    """Build the model of every config that has one; give the error of each file, and how many models differ."""
    from mmengine.config import Config
    from mmengine.registry import DefaultScope
    outcomes: dict[str, str | None] = {}
    models: dict[str, str | None] = {}
    for file in sorted(folder.rglob('*.py')):
        name = str(file.relative_to(folder))
        if '_base_' in file.parts:
            continue
        try:
            cfg = Config.fromfile(str(file))
        except Exception as error:
            outcomes[name] = reason(error)
            continue
        if 'model' not in cfg:
            continue
        if cfg.get('data_preprocessor') is not None:  # as the libraries' own tools/train.py do
            cfg.model.setdefault('data_preprocessor', cfg.data_preprocessor)
        key = repr(cfg.model.to_dict())
        if key not in models:
            with DefaultScope.overwrite_default_scope(cfg.get('default_scope', library)):
                models[key] = attempt(lambda: build(cfg.model))  # noqa: B023
        outcomes[name] = models[key]
    return outcomes, len(models)


def main() -> None:
    """Probe one library."""
    library, out = sys.argv[1], os.path.abspath(sys.argv[2])
    stand_ins.install()
    os.environ['HF_HUB_OFFLINE'] = '1'  # says at once that there are no weights, and asks nobody
    warnings.simplefilter('ignore')
    torch.set_num_threads(1)
    folder = Path(str(importlib.util.find_spec(library).origin)).parent  # type: ignore[union-attr]
    modules = import_all(library, folder)
    files = folder / '.mim' / 'configs'
    if files.is_dir():
        os.chdir(files.parent)  # some configs name others by a path from there
    configs, models = build_all(library, files)
    distribution = packages_distributions()[library][0]
    Path(out).write_text(json.dumps({
        'distribution': distribution, 'version': version(distribution), 'modules': modules,
        'configs': configs, 'models': models}, indent=1))


if __name__ == '__main__':
    main()
