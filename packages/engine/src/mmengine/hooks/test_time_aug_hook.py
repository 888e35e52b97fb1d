"""Test with several augmented views of each sample, whose predictions are merged."""
from __future__ import annotations

import copy
from typing import Any

from mmengine.checkpoint.wrappers import is_model_wrapper
from mmengine.hooks.hook import Hook
from mmengine.registry import HOOKS, MODELS, RUNNERS


@HOOKS.register_module()
class PrepareTTAHook(Hook):
    """Wraps the model before a test.

    Args:
        tta_cfg: Config of the wrapper, a subclass of BaseTTAModel.
    """

    def __init__(self, tta_cfg: dict[str, Any]) -> None:
        self.tta_cfg = tta_cfg

    def before_test(self, runner: Any) -> None:
        """Wrap the model, inside of what wraps it for distributed training, and not twice."""
        if is_model_wrapper(runner.model):
            runner.model.module = self._wrapped(runner.model.module)
        else:
            runner.model = self._wrapped(runner.model)

    def _wrapped(self, model: Any) -> Any:
        kind = self.tta_cfg['type']
        wrapper = MODELS.get(kind) if isinstance(kind, str) else kind
        if isinstance(wrapper, type) and isinstance(model, wrapper):
            return model
        return MODELS.build(self.tta_cfg, default_args=dict(module=model))


def build_runner_with_tta(cfg: Any) -> Any:
    """Build a runner whose test uses `tta_model` and `tta_pipeline` of a config.

    Args:
        cfg: The config of a run; it is left as it is.

    Raises:
        AssertionError: A key is missing.
    """
    for name in ('tta_model', 'tta_pipeline'):
        if name not in cfg:
            raise AssertionError(f'test-time augmentation needs the key `{name}` in the config')
    cfg = copy.deepcopy(cfg)
    dataset = cfg['test_dataloader']['dataset']
    while 'dataset' in dataset:  # a wrapper, ConcatDataset or RepeatDataset for example
        dataset = dataset['dataset']
    dataset['pipeline'] = cfg['tta_pipeline']
    runner = RUNNERS.build(cfg)
    runner.register_hook(PrepareTTAHook(tta_cfg=cfg['tta_model']))
    return runner
