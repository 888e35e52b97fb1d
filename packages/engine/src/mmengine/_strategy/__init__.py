"""Strategies: what carries a run, one device or many."""
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmengine._strategy.base import BaseStrategy as BaseStrategy
from mmengine._strategy.distributed import DDPStrategy as DDPStrategy
from mmengine._strategy.single_device import SingleDeviceStrategy as SingleDeviceStrategy
from mmengine.registry import MODEL_WRAPPERS, OPTIM_WRAPPERS, STRATEGIES

if TYPE_CHECKING:
    from mmengine._strategy.colossalai import ColossalAIStrategy as ColossalAIStrategy
    from mmengine._strategy.deepspeed import DeepSpeedStrategy as DeepSpeedStrategy
    from mmengine._strategy.fully_sharded import FSDPStrategy as FSDPStrategy

#: On first use: FSDP brings all of torch.distributed.fsdp along, which takes long.
_LATER = {'FSDPStrategy': 'fully_sharded', 'DeepSpeedStrategy': 'deepspeed', 'ColossalAIStrategy': 'colossalai'}

for _name, _module in _LATER.items():
    STRATEGIES.register_lazy(_name, f'mmengine._strategy.{_module}:{_name}')
MODEL_WRAPPERS.register_lazy('MMDeepSpeedEngineWrapper', 'mmengine._strategy.deepspeed:MMDeepSpeedEngineWrapper')
for _name in ('ColossalAIModelWrapper', 'CollosalAIModelWrapper'):  # the second as upstream spells it as well
    MODEL_WRAPPERS.register_lazy(_name, 'mmengine._strategy.colossalai:ColossalAIModelWrapper')
OPTIM_WRAPPERS.register_lazy('DeepSpeedOptimWrapper', 'mmengine._strategy.deepspeed:DeepSpeedOptimWrapper')
OPTIM_WRAPPERS.register_lazy('ColossalAIOptimWrapper', 'mmengine._strategy.colossalai:ColossalAIOptimWrapper')


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f'mmengine._strategy.{_LATER[name]}'), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
