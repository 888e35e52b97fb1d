"""Several metrics over the predictions of one data set."""
from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from mmengine.evaluator.metric import BaseMetric
from mmengine.registry import EVALUATOR, METRICS
from mmengine.structures import BaseDataElement


@EVALUATOR.register_module()
class Evaluator:
    """Gives predictions to metrics, and collects what they find.

    Args:
        metrics: A metric or its config, or a list of them.

    Raises:
        TypeError: A metric is something else.

    Examples:
        >>> from mmengine.evaluator import BaseMetric, Evaluator
        >>> class Accuracy(BaseMetric):
        ...     default_prefix = 'digits'
        ...     def process(self, data_batch, data_samples):
        ...         self.results += [sample['label'] == sample['pred'] for sample in data_samples]
        ...     def compute_metrics(self, results):
        ...         return dict(accuracy=sum(results) / len(results))
        >>> evaluator = Evaluator(Accuracy())
        >>> evaluator.offline_evaluate([dict(label=1, pred=1), dict(label=2, pred=1)])
        {'digits/accuracy': 0.5}
    """

    def __init__(self, metrics: dict[str, Any] | BaseMetric | Sequence[Any]) -> None:
        self._dataset_meta: dict[str, Any] | None = None
        given = metrics if isinstance(metrics, Sequence) else [metrics]
        self.metrics: list[BaseMetric] = [METRICS.build(metric) if isinstance(metric, dict) else metric
                                          for metric in given]
        for index, metric in enumerate(self.metrics):
            if not (hasattr(metric, 'process') and hasattr(metric, 'evaluate')):
                raise TypeError(f'metrics[{index}] should be a BaseMetric or its config, but got {type(metric)}: '
                                f'{metric!r}')

    @property
    def dataset_meta(self) -> dict[str, Any] | None:
        """Meta information of the data set; setting it reaches every metric."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict[str, Any]) -> None:
        self._dataset_meta = dataset_meta
        for metric in self.metrics:
            metric.dataset_meta = dataset_meta

    def process(self, data_samples: Sequence[Any], data_batch: Any | None = None) -> None:
        """Give the predictions of a batch to every metric.

        Args:
            data_samples: Predictions; data elements are given on as dicts.
            data_batch: The batch from the data loader.
        """
        samples = [sample.to_dict() if isinstance(sample, BaseDataElement) else sample for sample in data_samples]
        for metric in self.metrics:
            metric.process(data_batch, samples)

    def evaluate(self, size: int) -> dict[str, Any]:
        """Compute all metrics.

        Args:
            size: Number of samples of the data set; what samplers padded is cut off.

        Returns:
            Values by name; the same in all processes.

        Raises:
            ValueError: Two metrics give a value of the same name.
        """
        found: dict[str, Any] = {}
        for metric in self.metrics:
            for name, value in metric.evaluate(size).items():
                if name in found:
                    raise ValueError(f'There are multiple evaluation results with the same metric name {name}. '
                                     f'Please make sure all metrics have different prefixes.')
                found[name] = value
        return found

    def offline_evaluate(self, data_samples: Sequence[Any], data: Sequence[Any] | None = None,
                         chunk_size: int = 1) -> dict[str, Any]:
        """Compute all metrics from predictions that are there already, in one process.

        Args:
            data_samples: Predictions, one per sample: data elements, or dicts as metrics get them.
            data: Data of the samples, as many.
            chunk_size: How many samples are processed at a time.

        Returns:
            Values by name.

        Raises:
            AssertionError: The numbers of predictions and data differ.
            ValueError: `chunk_size` is not positive.
        """
        if chunk_size < 1:
            raise ValueError(f'chunk_size should be at least 1, but got {chunk_size}')
        if data is not None and len(data_samples) != len(data):
            raise AssertionError(f'data_samples and data should have the same length, '
                                 f'but got {len(data_samples)} and {len(data)}')
        predictions, inputs = iter(data_samples), iter(data) if data is not None else None
        while chunk := list(islice(predictions, chunk_size)):
            self.process(chunk, None if inputs is None else list(islice(inputs, chunk_size)))
        return self.evaluate(len(data_samples))
