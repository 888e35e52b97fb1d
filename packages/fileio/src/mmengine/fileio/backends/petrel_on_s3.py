"""The interface of `petrel_client`, on an S3 filesystem: for machines without that client."""
from __future__ import annotations

import configparser
import os
from collections.abc import Iterator
from typing import Any

from mmengine.fileio.backends.fsspec_backend import FsspecBackend

#: Where the proprietary client looks for its configuration as well.
DEFAULT_CONF = '~/petreloss.conf'


class PetrelOnS3:
    """What `PetrelBackend` asks of `petrel_client.client.Client`, done by S3.

    Args:
        conf_path: The client's configuration: `host_base`, `access_key` and `secret_key` of each cluster, and
            `default_cluster`. What it does not say, the environment says (`AWS_ENDPOINT_URL` and so on).
        storage_options: Options of the S3 filesystem, which go before those of the configuration.
    """

    def __init__(self, conf_path: str | None = None, storage_options: dict[str, Any] | None = None) -> None:
        self._clusters, self._default = _read_conf(conf_path)
        self._options = storage_options or {}
        self._backends: dict[str, FsspecBackend] = {}

    def store(self, path: str) -> tuple[FsspecBackend, str]:
        """Give the storage of `cluster:s3://bucket/key`, and the path without the cluster."""
        before, mark, rest = path.partition('://')
        cluster, _, prefix = before.rpartition(':')
        if not mark or prefix != 's3':
            raise ValueError(f"a path of the object store should start with 's3://' or 'petrel://', but got {path!r}; "
                             'path_mapping can put that before it')
        name = cluster or self._default
        if cluster and cluster not in self._clusters:
            raise ValueError(f'the configuration has no cluster {cluster!r}, which {path!r} names, '
                             f'but {sorted(self._clusters)}')
        if name not in self._backends:
            self._backends[name] = FsspecBackend(**{**self._clusters.get(name, {}), **self._options})
        return self._backends[name], f's3://{rest}'

    def Get(self, path: str) -> bytes:
        """Read a file."""
        backend, path = self.store(path)
        return backend.get(path)

    def put(self, path: str, content: Any) -> None:
        """Write a file."""
        backend, path = self.store(path)
        backend.put(content.getvalue() if hasattr(content, 'getvalue') else content, path)

    def delete(self, path: str) -> None:
        """Remove a file."""
        backend, path = self.store(path)
        backend.remove(path)

    def contains(self, path: str) -> bool:
        """Tell whether there is a file of this name."""
        backend, path = self.store(path)
        return backend.isfile(path)

    def isdir(self, path: str) -> bool:
        """Tell whether there is a folder of this name."""
        backend, path = self.store(path)
        return backend.isdir(path)

    def list(self, folder: str) -> Iterator[str]:
        """List the names in a folder, those of folders with a slash at the end."""
        backend, path = self.store(folder)
        folders = set(backend.list_dir_or_file(path, list_file=False))
        for name in backend.list_dir_or_file(path):
            yield f'{name}/' if name in folders else name

    def generate_presigned_url(self, url: str, client_method: str, expires_in: int) -> str:
        """Make a URL that gives access to one object for some seconds."""
        backend, url = self.store(url)
        return backend.generate_presigned_url(url, client_method, expires_in)


def _read_conf(conf_path: str | None) -> tuple[dict[str, dict[str, Any]], str]:
    path = os.path.expanduser(conf_path or DEFAULT_CONF)
    parser = configparser.ConfigParser(interpolation=None)
    if not parser.read(path, encoding='utf-8') and conf_path is not None:
        raise FileNotFoundError(f'conf_path {conf_path!r} of PetrelBackend cannot be read')
    clusters: dict[str, dict[str, Any]] = {}
    for name in parser.sections():
        section = parser[name]
        options = {ours: section[theirs] for theirs, ours in (('access_key', 'key'), ('secret_key', 'secret'))
                   if section.get(theirs)}
        if section.get('host_base'):
            host = section['host_base']
            options['endpoint_url'] = host if '://' in host else f'http://{host}'
        clusters[name] = options
    return clusters, parser.defaults().get('default_cluster', '')
