"""Configs as Python, YAML or JSON files that inherit, override, print and compare."""
from mmengine.config.config import Config as Config
from mmengine.config.config import ConfigDict as ConfigDict
from mmengine.config.config import DictAction as DictAction
from mmengine.config.config import read_base as read_base
from mmengine.config.errors import ConfigCodeError as ConfigCodeError
from mmengine.config.errors import ConfigFileError as ConfigFileError
from mmengine.config.errors import ConfigFileNotFoundError as ConfigFileNotFoundError
from mmengine.config.errors import ConfigImportError as ConfigImportError
from mmengine.config.errors import ConfigKeyError as ConfigKeyError
from mmengine.config.errors import ConfigModuleNotFoundError as ConfigModuleNotFoundError
from mmengine.config.errors import ConfigOptionError as ConfigOptionError
from mmengine.config.errors import ConfigParsingError as ConfigParsingError
from mmengine.config.errors import ConfigSyntaxError as ConfigSyntaxError
from mmengine.config.errors import ConfigTypeError as ConfigTypeError
from mmengine.config.errors import ConfigValueError as ConfigValueError
from mmengine.config.history import Step as Step
