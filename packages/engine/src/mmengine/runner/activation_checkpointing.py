"""Upstream's path of `turn_on_activation_checkpointing`, which is in `mmengine.model`."""
from mmengine.model.activation_checkpointing import turn_on_activation_checkpointing as turn_on_activation_checkpointing
