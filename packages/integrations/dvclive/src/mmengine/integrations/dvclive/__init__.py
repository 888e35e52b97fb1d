"""DVCLive as a backend of the visualizer."""
from mmengine.integrations.dvclive.backend import DVCLiveVisBackend as DVCLiveVisBackend
