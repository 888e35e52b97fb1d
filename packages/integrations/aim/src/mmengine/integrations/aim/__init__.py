"""Aim as a backend of the visualizer."""
from mmengine.integrations.aim.backend import AimVisBackend as AimVisBackend
