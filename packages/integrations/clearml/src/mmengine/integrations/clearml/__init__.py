"""ClearML as a backend of the visualizer."""
from mmengine.integrations.clearml.backend import ClearMLVisBackend as ClearMLVisBackend
