"""Neptune as a backend of the visualizer."""
from mmengine.integrations.neptune.backend import NeptuneVisBackend as NeptuneVisBackend
