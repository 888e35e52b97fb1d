"""Places where files are: this machine, the web, databases, object stores."""
from mmengine.fileio.backends.base import BaseStorageBackend as BaseStorageBackend
from mmengine.fileio.backends.fsspec_backend import FsspecBackend as FsspecBackend
from mmengine.fileio.backends.http_backend import HTTPBackend as HTTPBackend
from mmengine.fileio.backends.lmdb_backend import LmdbBackend as LmdbBackend
from mmengine.fileio.backends.local_backend import LocalBackend as LocalBackend
from mmengine.fileio.backends.memcached_backend import MemcachedBackend as MemcachedBackend
from mmengine.fileio.backends.petrel_backend import PetrelBackend as PetrelBackend
from mmengine.fileio.backends.registry_utils import backends as backends
from mmengine.fileio.backends.registry_utils import prefix_to_backends as prefix_to_backends
from mmengine.fileio.backends.registry_utils import register_backend as register_backend
