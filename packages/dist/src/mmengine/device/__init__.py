"""Which accelerator there is and what it can do."""
from mmengine.device.utils import device_module as device_module
from mmengine.device.utils import get_device as get_device
from mmengine.device.utils import get_max_cuda_memory as get_max_cuda_memory
from mmengine.device.utils import get_max_memory as get_max_memory
from mmengine.device.utils import get_max_musa_memory as get_max_musa_memory
from mmengine.device.utils import is_available as is_available
from mmengine.device.utils import is_cuda_available as is_cuda_available
from mmengine.device.utils import is_dipu_available as is_dipu_available
from mmengine.device.utils import is_mlu_available as is_mlu_available
from mmengine.device.utils import is_mps_available as is_mps_available
from mmengine.device.utils import is_musa_available as is_musa_available
from mmengine.device.utils import is_npu_available as is_npu_available
from mmengine.device.utils import is_npu_support_full_precision as is_npu_support_full_precision
