"""SwanLab as a backend of the visualizer."""
from mmengine.integrations.swanlab.backend import SwanlabVisBackend as SwanlabVisBackend
