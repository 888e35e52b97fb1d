"""All functions on files of any backend, under the module path of old code."""
from mmengine.fileio.copying import copy_if_symlink_fails as copy_if_symlink_fails
from mmengine.fileio.copying import copyfile as copyfile
from mmengine.fileio.copying import copyfile_from_local as copyfile_from_local
from mmengine.fileio.copying import copyfile_to_local as copyfile_to_local
from mmengine.fileio.copying import copytree as copytree
from mmengine.fileio.copying import copytree_from_local as copytree_from_local
from mmengine.fileio.copying import copytree_to_local as copytree_to_local
from mmengine.fileio.dispatch import backend_instances as backend_instances
from mmengine.fileio.dispatch import get_file_backend as get_file_backend
from mmengine.fileio.listing import exists as exists
from mmengine.fileio.listing import isdir as isdir
from mmengine.fileio.listing import isfile as isfile
from mmengine.fileio.listing import join_path as join_path
from mmengine.fileio.listing import list_dir_or_file as list_dir_or_file
from mmengine.fileio.paths import parse_uri_prefix as _parse_uri_prefix  # noqa: F401  # named by old code
from mmengine.fileio.reading import generate_presigned_url as generate_presigned_url
from mmengine.fileio.reading import get as get
from mmengine.fileio.reading import get_local_path as get_local_path
from mmengine.fileio.reading import get_range as get_range
from mmengine.fileio.reading import get_text as get_text
from mmengine.fileio.reading import stream as stream
from mmengine.fileio.serialize import dump as dump
from mmengine.fileio.serialize import load as load
from mmengine.fileio.writing import put as put
from mmengine.fileio.writing import put_text as put_text
from mmengine.fileio.writing import remove as remove
from mmengine.fileio.writing import rmtree as rmtree
