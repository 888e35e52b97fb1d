"""What the parts ask of each other: the seams that let each be installed alone."""
from mmengine.interfaces.config import ConfigLike as ConfigLike
from mmengine.interfaces.config import HasOrigin as HasOrigin
from mmengine.interfaces.config import Origin as Origin
from mmengine.interfaces.config import origin_of as origin_of
from mmengine.interfaces.hook import DATA_BATCH as DATA_BATCH
from mmengine.interfaces.hook import Hook as Hook
from mmengine.interfaces.hook import triggered_stages as triggered_stages
from mmengine.interfaces.runner import RunnerLike as RunnerLike
from mmengine.interfaces.stages import MODES as MODES
from mmengine.interfaces.stages import STAGES as STAGES
