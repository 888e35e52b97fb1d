"""TensorBoard as a backend of the visualizer."""
from mmengine.integrations.tensorboard.backend import TensorboardVisBackend as TensorboardVisBackend
