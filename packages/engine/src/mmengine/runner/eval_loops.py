"""The loops of validation and testing."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader

from mmengine.logging import print_log
from mmengine.registry import LOOPS
from mmengine.runner.amp import autocast
from mmengine.runner.base_loop import BaseLoop


class EvalLoop(BaseLoop):
    """What validation and testing share: predictions of all batches, and metrics over them.

    Args:
        runner: The runner that the loop belongs to.
        dataloader: The data loader or its config.
        evaluator: The evaluator, its config or a list of metrics.
        fp16: Whether predictions are made in half precision (bfloat16 on the CPU).
    """

    mode = 'val'

    def __init__(self, runner: Any, dataloader: DataLoader[Any] | dict[str, Any], evaluator: Any,
                 fp16: bool = False) -> None:
        super().__init__(runner, dataloader)
        self.evaluator = runner.build_evaluator(evaluator)
        self.fp16 = fp16
        dataset = self.dataloader.dataset
        if hasattr(dataset, 'metainfo'):
            self.evaluator.dataset_meta = dataset.metainfo
            runner.visualizer.dataset_meta = dataset.metainfo
        else:
            print_log(f'Dataset {type(dataset).__name__} has no metainfo. ``dataset_meta`` in evaluator, metric and '
                      f'visualizer will be None.', logger='current', level=30)

    def run(self) -> dict[str, float]:
        """Go over all batches, and give the metrics by name."""
        runner, mode = self._runner, self.mode
        runner.call_hook(f'before_{mode}')
        runner.call_hook(f'before_{mode}_epoch')
        runner.model.eval()
        for idx, data_batch in enumerate(self.dataloader):
            self.run_iter(idx, data_batch)
        metrics: dict[str, float] = self.evaluator.evaluate(len(self.dataloader.dataset))
        runner.call_hook(f'after_{mode}_epoch', metrics=metrics)
        runner.call_hook(f'after_{mode}')
        return metrics

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: Sequence[dict[str, Any]]) -> None:
        """Predict one batch, the `idx`-th."""
        runner, mode = self._runner, self.mode
        runner.call_hook(f'before_{mode}_iter', batch_idx=idx, data_batch=data_batch)
        with autocast(enabled=self.fp16):
            outputs = getattr(runner.model, f'{mode}_step')(data_batch)
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        runner.call_hook(f'after_{mode}_iter', batch_idx=idx, data_batch=data_batch, outputs=outputs)


@LOOPS.register_module()
class ValLoop(EvalLoop):
    """Validates once over the data; see `EvalLoop` for the arguments."""


@LOOPS.register_module()
class TestLoop(EvalLoop):
    """Tests once over the data; see `EvalLoop` for the arguments."""

    __test__ = False  # no test of pytest's
    mode = 'test'
