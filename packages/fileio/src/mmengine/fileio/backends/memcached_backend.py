"""Values of a memcached cluster, read by their keys."""
from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from mmengine.fileio.backends.base import BaseStorageBackend
from mmengine.fileio.paths import StrPath


class MemcachedBackend(BaseStorageBackend):
    """Values of a memcached cluster, read by their keys through the client `mc`.

    Args:
        server_list_cfg: The file that lists the servers.
        client_cfg: The file that configures the client.
        sys_path: A folder where `mc` is found, added to the search path.
    """

    def __init__(self, server_list_cfg: str, client_cfg: str, sys_path: str | None = None) -> None:
        if sys_path is not None:
            sys.path.append(sys_path)
        try:
            mc: Any = importlib.import_module('mc')
        except ImportError as error:
            raise ImportError("MemcachedBackend needs the client module 'mc' of the cluster; "
                              'give its folder as `sys_path`') from error
        self.server_list_cfg = server_list_cfg
        self.client_cfg = client_cfg
        self._mc = mc
        self._client: Any = mc.MemcachedClient.GetInstance(server_list_cfg, client_cfg)
        self._mc_buffer: Any = mc.pyvector()

    def get(self, filepath: StrPath) -> bytes:
        """Read the value of a key as bytes."""
        self._client.Get(os.fspath(filepath), self._mc_buffer)
        value: bytes = self._mc.ConvertBuffer(self._mc_buffer)
        return value

    def get_text(self, filepath: StrPath, encoding: str = 'utf-8') -> str:
        """Raise NotImplementedError: values are bytes here."""
        self._refuse('get_text')
