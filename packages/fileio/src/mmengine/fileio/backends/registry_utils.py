"""Which backend has which name and which prefixes of URIs."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar, overload

from mmengine.fileio.backends.base import BaseStorageBackend
from mmengine.fileio.backends.fsspec_backend import FsspecBackend
from mmengine.fileio.backends.http_backend import HTTPBackend
from mmengine.fileio.backends.lmdb_backend import LmdbBackend
from mmengine.fileio.backends.local_backend import LocalBackend
from mmengine.fileio.backends.memcached_backend import MemcachedBackend
from mmengine.fileio.backends.petrel_backend import PetrelBackend

BackendType = type[BaseStorageBackend]
_Backend = TypeVar('_Backend', bound=BackendType)

#: name -> backend class
backends: dict[str, BackendType] = {}
#: prefix of a URI -> backend class
prefix_to_backends: dict[str, BackendType] = {}


def check_backend_type(name: object, backend: object) -> None:
    """Refuse what is no name or no class of a storage backend."""
    if not isinstance(name, str):
        raise TypeError(f'the backend name should be a string, but got {name!r} of type {type(name).__name__}')
    if not isinstance(backend, type):
        raise TypeError(f'backend should be a class, but got {backend!r} of type {type(backend).__name__}')
    if not issubclass(backend, BaseStorageBackend):
        raise TypeError(f'backend {backend!r} is not a subclass of BaseStorageBackend')


def prefix_list(prefixes: str | Sequence[str] | None) -> list[str]:
    """Make one prefix, several or none into a list."""
    if prefixes is None:
        return []
    if isinstance(prefixes, str):
        return [prefixes]
    if not isinstance(prefixes, (list, tuple)):
        raise AssertionError(f'prefixes should be a string or a list or tuple of strings, but got {prefixes!r}')
    return list(prefixes)


def _register(name: str, backend: BackendType, force: bool, prefixes: str | Sequence[str] | None) -> None:
    check_backend_type(name, backend)
    new_prefixes = prefix_list(prefixes)
    if not force:
        if name in backends:
            raise ValueError(f'{name} is already registered as a storage backend, add "force=True" to replace it')
        for prefix in new_prefixes:
            if prefix in prefix_to_backends:
                owner = prefix_to_backends[prefix].__name__
                raise ValueError(f'{prefix} is already registered as a prefix of {owner}, '
                                 'add "force=True" to replace it')
    backends[name] = backend
    prefix_to_backends.update(dict.fromkeys(new_prefixes, backend))


@overload
def register_backend(name: str, backend: BackendType, force: bool = False,
                     prefixes: str | Sequence[str] | None = None) -> None:
    ...


@overload
def register_backend(name: str, backend: None = None, force: bool = False,
                     prefixes: str | Sequence[str] | None = None) -> Callable[[_Backend], _Backend]:
    ...


def register_backend(name: str, backend: BackendType | None = None, force: bool = False,
                     prefixes: str | Sequence[str] | None = None) -> Callable[[_Backend], _Backend] | None:
    """Register a storage backend, by a call or as a decorator.

    Args:
        name: The name that `backend_args=dict(backend=name)` chooses it by.
        backend: The class; without it the function is a decorator.
        force: Whether a backend of the same name or prefix is replaced.
        prefixes: The prefixes of URIs (`s3` of `s3://bucket/key`) that choose it.
    """
    if backend is not None:
        _register(name, backend, force, prefixes)
        return None

    def register(cls: _Backend) -> _Backend:
        _register(name, cls, force, prefixes)
        return cls

    return register


register_backend('local', LocalBackend, prefixes='')
register_backend('memcached', MemcachedBackend)
register_backend('lmdb', LmdbBackend)
register_backend('petrel', PetrelBackend, prefixes=['petrel', 's3'])
register_backend('http', HTTPBackend, prefixes=['http', 'https'])
register_backend('fsspec', FsspecBackend)
