"""Inference on files by the pipeline of a config, without a class of one's own."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmengine.dataset import Compose
from mmengine.infer.infer import BaseInferencer
from mmengine.infer.results import _plain
from mmengine.registry import INFERENCERS


@INFERENCERS.register_module()
class PipelineInferencer(BaseInferencer):
    """Gives a path to a pipeline, and what this makes of it to the model.

    Args:
        *args: As of `BaseInferencer`.
        pipeline: The steps from a record to a sample; by default those of the test data of the config.
        key: The entry of the record in which the pipeline looks for the path.
        **kwargs: As of `BaseInferencer`.
    """

    def __init__(self, *args: Any, pipeline: list[Any] | None = None, key: str = 'img_path', **kwargs: Any) -> None:
        self._steps, self._key = pipeline, key
        super().__init__(*args, **kwargs)

    def _init_pipeline(self, cfg: Any) -> Callable[..., Any]:
        steps = self._steps
        if steps is None:
            dataset = (cfg.get('test_dataloader') or {}).get('dataset')
            while isinstance(dataset, dict) and 'pipeline' not in dataset and 'dataset' in dataset:
                dataset = dataset['dataset']  # within a wrapper
            steps = dataset.get('pipeline') if isinstance(dataset, dict) else None
        if steps is None:
            raise ValueError('the config says neither test_dataloader.dataset.pipeline nor inferencer.pipeline: how a '
                             'file becomes an input of the model is not known')
        compose = Compose(steps)

        def sample_of(source: Any) -> Any:
            try:
                return compose({self._key: source})
            except KeyError as error:
                raise KeyError(f'the pipeline looks for {error.args[0]!r} in the record of {source!r}, which has '
                               f'{self._key!r} alone. Give it a pipeline that begins with a file: inferencer = '
                               f"dict(type='PipelineInferencer', pipeline=[...], key=...)") from error

        return sample_of

    def _init_visualizer(self, cfg: Any) -> None:
        """Have none, for nothing is drawn."""

    def visualize(self, inputs: list[Any], preds: Any, show: bool = False, **kwargs: Any) -> None:
        """Draw nothing: what a picture of these predictions is, is not known."""

    def postprocess(self, preds: Any, visualization: Any, return_datasample: bool = False,
                    **kwargs: Any) -> dict[str, Any]:
        """Give the predictions, as plain values unless they are wanted as they are."""
        return {'predictions': list(preds) if return_datasample else _plain(list(preds), False)}
