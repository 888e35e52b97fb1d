"""Configs and models of installed libraries by name."""
from mmengine.hub.hub import get_config as get_config
from mmengine.hub.hub import get_model as get_model
