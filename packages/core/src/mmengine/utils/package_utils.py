"""Whether and where packages are installed."""
from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import PurePosixPath


def is_installed(package: str) -> bool:
    """Tell whether a package is installed, by the name that is imported or the name of the distribution.

    A bare folder that only looks like a package, such as the `wandb/` that a tracker leaves in the working directory,
    does not count.
    """
    if _distribution(package) is not None:
        return True
    spec = _spec_of(package)
    return spec is not None and (spec.origin is not None or package in metadata.packages_distributions())


def get_installed_path(package: str) -> str:
    """Get the folder of an installed package, or the file of a module.

    Args:
        package: The name that is imported, or the name of the distribution.

    Raises:
        PackageNotFoundError: It is not installed.
    """
    for name in [package, *_import_names(package)]:
        spec = _spec_of(name)
        if spec is not None and spec.origin is not None and spec.has_location:
            return os.path.dirname(spec.origin) if spec.submodule_search_locations is not None else spec.origin
        if spec is not None and spec.submodule_search_locations and is_installed(name):
            return next(iter(spec.submodule_search_locations))
    raise metadata.PackageNotFoundError(package)


def package2module(package: str) -> str:
    """Get the name under which a distribution is imported, `PIL` for `pillow`; of several, the first.

    Raises:
        ValueError: It is not installed, or nothing of it can be imported.
    """
    names = _import_names(package)
    if not names:
        raise ValueError(f'cannot tell the name under which {package!r} is imported: is it installed?')
    return names[0]


def _spec_of(module: str) -> ModuleSpec | None:
    try:
        return find_spec(module)
    except (ImportError, ValueError):  # a parent is missing; or the module was put into sys.modules by hand
        return None


def _distribution(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name) if name else None  # Python 3.10 finds one for an empty name
    except metadata.PackageNotFoundError:
        return None


def _import_names(distribution: str) -> list[str]:
    found = _distribution(distribution)
    paths = [PurePosixPath(str(file)).parts for file in (found.files if found is not None else None) or []]
    packages = {parts[0] for parts in paths if len(parts) == 2 and parts[1] == '__init__.py'}
    modules = {parts[0].removesuffix('.py') for parts in paths if len(parts) == 1 and parts[0].endswith('.py')}
    return sorted(packages) + sorted(modules)


def call_command(cmd: list[str]) -> None:
    """Run a command; a failure raises `subprocess.CalledProcessError`."""
    subprocess.run(cmd, check=True)


def install_package(package: str) -> None:
    """Install a package with pip, unless it is installed; the command is printed before it runs."""
    if not is_installed(package):
        cmd = [sys.executable, '-m', 'pip', 'install', package]
        print('Running', ' '.join(cmd), flush=True)
        call_command(cmd)
