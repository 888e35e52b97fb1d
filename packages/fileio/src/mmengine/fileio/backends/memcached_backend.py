"""Values of memcached, by their keys: through pymemcache, or through the client `mc` of a cluster."""
from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from mmengine.fileio.backends.base import BaseStorageBackend
from mmengine.fileio.paths import StrPath

_Result = TypeVar('_Result')


class MemcachedBackend(BaseStorageBackend):
    """Values of memcached, by their keys.

    The client `mc` of some clusters is used where it is installed and no `servers` are given; else pymemcache, which
    also writes, removes and asks for existence.

    Args:
        server_list_cfg: The file that lists the servers, `host:port` or `host port` in each line.
        client_cfg: The file that configures the client `mc`; pymemcache does not need it.
        sys_path: A folder where `mc` is found, added to the search path.
        servers: The servers, `['host:port', ...]`, instead of the files.
        timeout: Seconds that a server may stay silent; of pymemcache.
        retries: How often a lost connection or a silent server is tried again; of pymemcache.
        backoff: Seconds before the first further try; each next pause is twice as long.
    """

    def __init__(self, server_list_cfg: str | None = None, client_cfg: str | None = None, sys_path: str | None = None,
                 servers: list[str] | None = None, timeout: float = 10.0, retries: int = 2,
                 backoff: float = 0.2) -> None:
        if sys_path is not None:
            sys.path.append(sys_path)
        self.server_list_cfg = server_list_cfg
        self.client_cfg = client_cfg
        self.timeout, self.retries, self.backoff = timeout, retries, backoff
        self._mc: Any = None if servers is not None else _import_mc()
        if self._mc is not None:
            self._client: Any = self._mc.MemcachedClient.GetInstance(server_list_cfg, client_cfg)
            self._mc_buffer: Any = self._mc.pyvector()
            return
        _import('pymemcache')
        self.servers = [_address(server) for server in (servers or _read_servers(server_list_cfg))]
        self._connect()

    def _connect(self) -> None:
        ring = _import('pymemcache.client.rendezvous').RendezvousHash
        self._ring = ring([f'{host}:{port}' for host, port in self.servers])
        self._local = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        """Give what another process needs: not the connections."""
        if self._mc is not None:
            raise TypeError('a MemcachedBackend of the client mc cannot be pickled; make one in each process')
        return {name: value for name, value in vars(self).items() if name not in ('_ring', '_local')}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over the settings; connections are made when they are needed."""
        vars(self).update(state)
        self._connect()

    def get(self, filepath: StrPath) -> bytes:
        """Read the value of a key as bytes."""
        key = os.fspath(filepath)
        if self._mc is not None:
            self._client.Get(key, self._mc_buffer)
            value: bytes = self._mc.ConvertBuffer(self._mc_buffer)
            return value
        found: bytes | None = self._ask(key, lambda client: client.get(key))
        if found is None:
            raise FileNotFoundError(f'memcached has no key {key!r}; servers: {self._names()}')
        return found

    def get_text(self, filepath: StrPath, encoding: str = 'utf-8') -> str:
        """Raise NotImplementedError: values are bytes here."""
        self._refuse('get_text')

    def put(self, obj: bytes, filepath: StrPath) -> None:
        """Write the value of a key; a server takes up to 1 MiB unless it is told otherwise."""
        if self._mc is not None:
            self._refuse('put')
        key, value = os.fspath(filepath), bytes(obj)
        self._ask(key, lambda client: client.set(key, value, noreply=False))

    def exists(self, filepath: StrPath) -> bool:
        """Tell whether there is a value for the key."""
        if self._mc is not None:
            self._refuse('exists')
        key = os.fspath(filepath)
        return self._ask(key, lambda client: client.get(key)) is not None

    def isfile(self, filepath: StrPath) -> bool:
        """Tell whether there is a value for the key."""
        return self.exists(filepath)

    def isdir(self, filepath: StrPath) -> bool:
        """Say no: there are no folders here."""
        if self._mc is not None:
            self._refuse('isdir')
        return False

    def remove(self, filepath: StrPath) -> None:
        """Remove the value of a key."""
        if self._mc is not None:
            self._refuse('remove')
        key = os.fspath(filepath)
        if not self._ask(key, lambda client: client.delete(key, noreply=False)):
            raise FileNotFoundError(f'memcached has no key {key!r}; servers: {self._names()}')

    def _ask(self, key: str, question: Callable[[Any], _Result]) -> _Result:
        """Ask the server of a key, again after a lost connection, and never without an end."""
        exceptions = _import('pymemcache.exceptions')
        server = self._ring.get_node(key)
        pause = self.backoff
        for remaining in range(self.retries, -1, -1):
            client = self._client_of(server)
            try:
                return question(client)
            except exceptions.MemcacheIllegalInputError as error:
                raise ValueError(f'{key!r} cannot be a key of memcached: {error}') from error
            except (OSError, exceptions.MemcacheUnexpectedCloseError) as error:
                client.close()
                if not remaining:
                    kind = TimeoutError if isinstance(error, TimeoutError) else ConnectionError
                    raise kind(f'memcached at {server} did not answer for {key!r} in {self.retries + 1} tries: '
                               f'{type(error).__name__}: {error}') from error
            except exceptions.MemcacheError as error:
                raise OSError(f'memcached at {server} refused {key!r}: {type(error).__name__}: {error}') from error
            time.sleep(pause)
            pause *= 2
        raise ValueError(f'retries should be 0 or more, but got {self.retries!r}')

    def _client_of(self, server: str) -> Any:
        """Give this thread's connection to a server; one of before a fork is the parent's."""
        clients: dict[tuple[int, str], Any] = vars(self._local).setdefault('clients', {})
        place = os.getpid(), server
        if place not in clients:
            host, _, port = server.rpartition(':')
            clients[place] = _import('pymemcache.client.base').Client(
                (host, int(port)), connect_timeout=self.timeout, timeout=self.timeout, allow_unicode_keys=True)
        return clients[place]

    def _names(self) -> str:
        return ', '.join(f'{host}:{port}' for host, port in self.servers)


def _import_mc() -> Any | None:
    try:
        return importlib.import_module('mc')
    except ImportError:
        return None


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError("MemcachedBackend needs pymemcache: pip install 'mmparts-fileio[memcached]'; or the client "
                          "module 'mc' of the cluster, whose folder can be given as `sys_path`") from error


def _read_servers(path: str | None) -> list[str]:
    if path is None:
        raise ValueError('MemcachedBackend needs `servers` or the file `server_list_cfg` that lists them')
    with open(path, encoding='utf-8') as file:
        lines = [line.partition('#')[0].split() for line in file]
    servers = [':'.join(words[:2]) for words in lines if words]
    if not servers:
        raise ValueError(f'{path!r} lists no servers; each line should be host:port')
    return servers


def _address(server: str) -> tuple[str, int]:
    host, _, port = server.rpartition(':')
    if not host or not port.isdigit():
        raise ValueError(f"a server of memcached should be 'host:port', but got {server!r}")
    return host, int(port)
