"""What a page of prose promises by its links: that each thing is there, under the names that users write."""
from __future__ import annotations

from pathlib import Path

from snippets import Snippet
from workplace import Workplace, require

#: page of the tutorial -> the names that stand for it
NAMES = {
    'large_model_training.md#colossalai': 'mmengine._strategy:ColossalAIStrategy',
    'large_model_training.md#deepspeed': 'mmengine._strategy:DeepSpeedStrategy',
    'large_model_training.md#fullyshardeddataparallel-fsdp': 'mmengine._strategy:FSDPStrategy',
    'speed_up_training.md#混合精度训练': 'mmengine.optim:AmpOptimWrapper mmengine.runner:autocast',
    'save_gpu_memory.md#梯度累加': 'mmengine.optim:OptimWrapper',
    'save_gpu_memory.md#梯度检查点': 'mmengine.runner.activation_checkpointing:turn_on_activation_checkpointing',
    'config.md#纯-python-风格的配置文件beta': 'mmengine.config:read_base mmengine.config.lazy:LazyObject',
    'config.md': 'mmengine.config:Config mmengine.config:ConfigDict',
    'visualize_training_log.md#tensorboard': 'mmengine.visualization:TensorboardVisBackend',
    'visualize_training_log.md#wandb': 'mmengine.visualization:WandbVisBackend',
    'visualize_training_log.md#mlflow-wip': 'mmengine.visualization:MLflowVisBackend',
    'visualize_training_log.md#clearml': 'mmengine.visualization:ClearMLVisBackend',
    'visualize_training_log.md#neptune': 'mmengine.visualization:NeptuneVisBackend',
    'visualize_training_log.md#dvclive': 'mmengine.visualization:DVCLiveVisBackend',
    'visualize_training_log.md#aim': 'mmengine.visualization:AimVisBackend',
    'runner.md': 'mmengine.runner:Runner',
    'hook.md': 'mmengine.hooks:Hook',
    'dataset.md': 'mmengine.dataset:BaseDataset',
    'model.md': 'mmengine.model:BaseModel mmengine.model:MMDistributedDataParallel',
    'optim_wrapper.md': 'mmengine.optim:OptimWrapper',
    'param_scheduler.md': 'mmengine.optim:CosineAnnealingLR mmengine.optim:CosineAnnealingMomentum',
    'evaluation.md': 'mmengine.evaluator:Evaluator mmengine.evaluator:BaseMetric',
    'data_element.md': 'mmengine.structures:BaseDataElement mmengine.structures:InstanceData',
    'logging.md': 'mmengine.logging:MMLogger mmengine.logging:MessageHub mmengine.runner:LogProcessor',
    'visualization.md': 'mmengine.visualization:Visualizer',
    'registry.md': 'mmengine.registry:Registry',
    'fileio.md': 'mmengine.fileio:load mmengine.fileio:get_file_backend mmengine.fileio:register_handler',
    'distributed.md': 'mmengine.dist:all_reduce mmengine.dist:init_dist mmengine.dist:collect_results',
    'manager_mixin.md': 'mmengine.utils:ManagerMixin',
}
#: chips, by the words of the page
DEVICES = {'CUDA': 'cuda', 'MPS': 'mps', 'Ascend': 'npu', 'MLU': 'mlu', 'MUSA': 'musa'}

PROGRAM = """
import importlib, sys, mmengine.device
for name in sys.argv[1:]:
    module, _, what = name.partition(':')
    if not hasattr(importlib.import_module(module), what):
        print(name)
"""


def check_names(snippet: Snippet, place: Workplace, text: str) -> tuple[str, str]:
    """Look for all that a page of prose links to; gives what was run and what was checked."""
    import sys
    targets = [link.removeprefix('../').partition('/')[2] for link in snippet.code.splitlines()]
    unknown = [target for target in targets if target not in NAMES]
    require(bool(targets), 'nothing in this document can be run, and it links to no page of the tutorial')
    require(not unknown, f'say in {Path(__file__).name} what these pages are about: {", ".join(unknown)}')
    chips = [f'mmengine.device:is_{name}_available' for word, name in DEVICES.items() if word in text]
    names = dict.fromkeys([*' '.join(NAMES[target] for target in targets).split(), *chips])
    missing = place.run(sys.executable, '-c', PROGRAM, *names).split()
    require(not missing, f'not there: {", ".join(missing)}')
    return f'imports of {len(names)} names', 'all are there'
