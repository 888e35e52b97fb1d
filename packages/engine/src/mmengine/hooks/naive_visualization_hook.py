"""Show the predictions of a test, for data sets that have nothing better."""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from mmengine.hooks.hook import DATA_BATCH as DATA_BATCH
from mmengine.hooks.hook import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class NaiveVisualizationHook(Hook):
    """Hands the inputs of a test to the visualizer, as pictures of their original size, with samples and predictions.

    A sample may tell by its meta information how to undo what was done to its picture: `img_norm_cfg` (`mean` and
    `std`), `pad_shape` with `scale_factor`, `ori_width` and `ori_height` (or `ori_shape`); and `img_path` names it.
    None of them is needed.

    Args:
        interval: Show every so many batches.
        draw_gt: Whether the ground truth is drawn.
        draw_pred: Whether the prediction is drawn.
    """

    priority = 'NORMAL'

    def __init__(self, interval: int = 1, draw_gt: bool = False, draw_pred: bool = True) -> None:
        self._interval = interval
        self.draw_gt = draw_gt
        self.draw_pred = draw_pred

    def before_train(self, runner: Any) -> None:
        """Record the structure of the model."""
        runner.visualizer.add_graph(runner.model, None)

    def after_test_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                        outputs: Sequence[Any] | None = None) -> None:
        """Show the samples of a batch."""
        if not self.every_n_inner_iters(batch_idx, self._interval):
            return
        for index, (data, output) in enumerate(zip(_samples(data_batch), outputs or [], strict=False)):
            sample = data.get('data_sample', data.get('data_samples'))
            facts = _facts(sample)
            picture = _resize(_unpad(_picture(data['inputs'], facts.get('img_norm_cfg')), facts), facts)
            name = os.path.basename(facts.get('img_path') or f'test_{batch_idx}_{index}')
            runner.visualizer.add_datasample(name, picture, sample, output, self.draw_gt, self.draw_pred)


def _samples(data_batch: Any) -> list[dict[str, Any]]:
    """List the samples of a batch, which may be a list of them or a dict of lists."""
    if isinstance(data_batch, dict):
        count = len(data_batch['inputs'])
        return [{name: values[index] for name, values in data_batch.items()
                 if hasattr(values, '__getitem__') and len(values) == count} for index in range(count)]
    return list(data_batch or [])


def _facts(sample: Any) -> dict[str, Any]:
    if sample is None:
        return {}
    return dict(sample.metainfo) if hasattr(sample, 'metainfo') else dict(sample) if isinstance(sample, dict) else {}


def _picture(tensor: torch.Tensor, norm: dict[str, Any] | None) -> np.ndarray[Any, Any]:
    """Make height x width x 3 of uint8 of the input of a model."""
    array = tensor.detach().cpu().float().numpy()
    array = np.repeat(array, 3, axis=0) if array.shape[0] == 1 else array
    array = array.transpose(1, 2, 0)
    if norm:
        array = array * np.asarray(norm.get('std', 1), dtype=np.float32) + np.asarray(norm.get('mean', 0), np.float32)
    return np.ascontiguousarray(array.clip(0, 255).astype(np.uint8))


def _unpad(picture: np.ndarray[Any, Any], facts: dict[str, Any]) -> np.ndarray[Any, Any]:
    size = _original_size(facts)
    if 'pad_shape' not in facts or size is None:
        return picture
    factor = facts.get('scale_factor', 1.0)
    across, down = factor[:2] if isinstance(factor, (tuple, list, np.ndarray)) else (factor, factor)
    return picture[:round(size[1] * down), :round(size[0] * across)]


def _resize(picture: np.ndarray[Any, Any], facts: dict[str, Any]) -> np.ndarray[Any, Any]:
    size = _original_size(facts)
    if size is None or size == (picture.shape[1], picture.shape[0]):
        return picture
    tensor = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    resized = torch.nn.functional.interpolate(tensor, size=size[::-1], mode='bilinear', antialias=True)
    return np.ascontiguousarray(resized[0].permute(1, 2, 0).round().byte().numpy())


def _original_size(facts: dict[str, Any]) -> tuple[int, int] | None:
    """Give width and height before any transform, if they are known."""
    if 'ori_width' in facts and 'ori_height' in facts:
        return int(facts['ori_width']), int(facts['ori_height'])
    if 'ori_shape' in facts:
        height, width = facts['ori_shape'][:2]
        return int(width), int(height)
    return None
