"""File formats: how an object becomes a file and back."""
from mmengine.fileio.handlers.base import BaseFileHandler as BaseFileHandler
from mmengine.fileio.handlers.json_handler import JsonHandler as JsonHandler
from mmengine.fileio.handlers.pickle_handler import PickleHandler as PickleHandler
from mmengine.fileio.handlers.registry_utils import file_handlers as file_handlers
from mmengine.fileio.handlers.registry_utils import register_handler as register_handler
from mmengine.fileio.handlers.yaml_handler import YamlHandler as YamlHandler
