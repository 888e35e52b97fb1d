"""What the tests of every backend have in common; nothing here imports pytest."""
from mmengine.visualization.testing.contract import VisBackendContract as VisBackendContract
from mmengine.visualization.testing.contract_faults import UnreachableContract as UnreachableContract
from mmengine.visualization.testing.faults import FaultyVisBackend as FaultyVisBackend
from mmengine.visualization.testing.faults import black_hole as black_hole
from mmengine.visualization.testing.faults import dead_address as dead_address
from mmengine.visualization.testing.samples import Records as Records
from mmengine.visualization.testing.samples import SampleConfig as SampleConfig
from mmengine.visualization.testing.samples import sample_image as sample_image
