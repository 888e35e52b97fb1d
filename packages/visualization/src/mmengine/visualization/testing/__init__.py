"""What the tests of every backend have in common; nothing here imports pytest."""
from mmengine.visualization.testing.contract import VisBackendContract as VisBackendContract
from mmengine.visualization.testing.samples import Records as Records
from mmengine.visualization.testing.samples import SampleConfig as SampleConfig
from mmengine.visualization.testing.samples import sample_image as sample_image
