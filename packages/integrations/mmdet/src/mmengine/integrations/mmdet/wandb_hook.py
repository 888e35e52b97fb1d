"""The hook that MMDetection had for Weights & Biases, with its name and its arguments."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.integrations.mmdet.hook import DetTrackingHook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class MMDetWandbHook(DetTrackingHook):
    """Record to a run of Weights & Biases, which needs `mmparts-wandb`.

    If the visualizer of the run has a `WandbVisBackend`, that one is used and `init_kwargs` are not.

    Args:
        init_kwargs: Arguments of `wandb.init`.
        interval: Record scalars every so many iterations.
        log_checkpoint: Whether each checkpoint becomes a version of an artifact.
        log_checkpoint_metadata: Whether it carries the epoch (or iteration) and the metrics of its evaluation.
        num_eval_images: How many samples of the validation are shown; 0 for none.
        bbox_score_thr: Predictions with this score or a lower one are not shown.
        backend_args: Arguments of the storage that images are read from.
    """

    def __init__(self, init_kwargs: Mapping[str, Any] | None = None, interval: int = 50, log_checkpoint: bool = False,
                 log_checkpoint_metadata: bool = True, num_eval_images: int = 100, bbox_score_thr: float = 0.3,
                 backend_args: dict[str, Any] | None = None) -> None:
        super().__init__([dict(type='WandbVisBackend', init_kwargs=init_kwargs)], interval, log_checkpoint,
                         log_checkpoint_metadata, num_eval_images, bbox_score_thr, backend_args)
