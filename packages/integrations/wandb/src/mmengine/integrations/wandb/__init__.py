"""Weights & Biases as a backend of the visualizer."""
from mmengine.integrations.wandb.backend import WandbVisBackend as WandbVisBackend
