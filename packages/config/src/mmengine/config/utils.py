"""Names under which existing code finds helpers of the config."""
from mmengine.config.errors import ConfigParsingError as ConfigParsingError
from mmengine.config.external import MODULE2PACKAGE as MODULE2PACKAGE
from mmengine.config.external import external_base_path as _get_external_cfg_base_path
from mmengine.config.external import external_metadata as _get_cfg_metainfo
from mmengine.config.external import external_path as _get_external_cfg_path
from mmengine.config.external import split_external as _get_package_and_cfg_path
from mmengine.config.lazy_imports import ImportTransformer as ImportTransformer
from mmengine.config.lazy_imports import gather_absolute_imports as _gather_abs_import_lazyobj
from mmengine.config.lazy_imports import is_builtin_module as _is_builtin_module

__all__ = ['MODULE2PACKAGE', 'ConfigParsingError', 'ImportTransformer', '_gather_abs_import_lazyobj',
           '_get_cfg_metainfo', '_get_external_cfg_base_path', '_get_external_cfg_path', '_get_package_and_cfg_path',
           '_is_builtin_module']
