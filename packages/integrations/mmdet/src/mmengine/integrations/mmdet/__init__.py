"""Hooks that show a tracker what a detector sees, and keep its checkpoints there."""
from mmengine.integrations.mmdet.hook import DetTrackingHook as DetTrackingHook
from mmengine.integrations.mmdet.wandb_hook import MMDetWandbHook as MMDetWandbHook
