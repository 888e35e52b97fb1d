"""The base class of metrics, and one that writes the predictions to a file."""
from __future__ import annotations

import logging
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from mmengine.dist import broadcast_object_list, collect_results, is_main_process
from mmengine.dist.groups import results_group
from mmengine.fileio import dump
from mmengine.logging import print_log
from mmengine.registry import METRICS
from mmengine.structures import BaseDataElement


class BaseMetric(metaclass=ABCMeta):
    """A metric over a whole data set.

        process(data_batch, data_samples)     for each batch, in each process: append what matters to self.results
        compute_metrics(results)              once, in the main process, with the results of all processes

    Args:
        collect_device: Where results are when they are gathered from the processes: 'cpu' or 'gpu'.
        prefix: Prefix of the names of the metric, by default the class's `default_prefix`.
        collect_dir: Folder through which results are gathered on the CPU; by default a temporary one.

    Raises:
        ValueError: `collect_dir` is given, but results are gathered on the GPU.

    Attributes:
        results: What `process` has appended in this process.
        dataset_meta: Meta information of the data set, class names for example.
    """

    default_prefix: str | None = None

    def __init__(self, collect_device: str = 'cpu', prefix: str | None = None, collect_dir: str | None = None) -> None:
        if collect_dir is not None and collect_device != 'cpu':
            raise ValueError(f'`collect_dir` could only be configured when `collect_device` is "cpu", '
                             f'but got collect_device={collect_device!r}')
        self._dataset_meta: dict[str, Any] | None = None
        self.collect_device = collect_device
        self.results: list[Any] = []
        self.prefix = prefix or self.default_prefix
        self.collect_dir = collect_dir
        if self.prefix is None:
            print_log(f'The prefix is not set in metric class {type(self).__name__}.',
                      logger='current', level=logging.WARNING)

    @property
    def dataset_meta(self) -> dict[str, Any] | None:
        """Meta information of the data set."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict[str, Any]) -> None:
        self._dataset_meta = dataset_meta

    @abstractmethod
    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Append what matters of a batch to `self.results`.

        Args:
            data_batch: The batch from the data loader.
            data_samples: The predictions of its samples, data elements as dicts.
        """

    @abstractmethod
    def compute_metrics(self, results: list[Any]) -> dict[str, Any]:
        """Compute the metrics of the whole data set.

        Args:
            results: What `process` appended in all processes, in the order of the data set, on the CPU.

        Returns:
            Values by name.
        """

    def evaluate(self, size: int) -> dict[str, Any]:
        """Compute the metrics from what has been processed, and forget that.

        Args:
            size: Number of samples of the data set; what samplers padded is cut off.

        Returns:
            Values by name, with the prefix; the same in all processes.

        Raises:
            RuntimeError: The computation failed in the main process. There the exception itself comes.
            TypeError: `compute_metrics` returned no dict; in the main process, as above.
        """
        if len(self.results) == 0:
            print_log(f'{type(self).__name__} got empty `self.results`. Please ensure that the processed results are '
                      f'properly added into `self.results` in `process` method.',
                      logger='current', level=logging.WARNING)
        tmpdir = self.collect_dir if self.collect_device == 'cpu' else None
        results = collect_results(self.results, size, self.collect_device, tmpdir=tmpdir)
        self.results.clear()
        return self._compute_everywhere(results)

    def _compute_everywhere(self, results: list[Any] | None) -> dict[str, Any]:
        """Compute in the main process, and tell the others: also a failure, which they would wait for for ever."""
        outcome: list[Any] = [None, None]
        failure = None
        if is_main_process():
            try:
                outcome[0] = self._named(self.compute_metrics(_to_cpu(results)))
            except Exception as error:
                failure = error
                outcome[1] = f'{type(error).__name__}: {error}'
        broadcast_object_list(outcome, group=results_group())  # which waits long for a slow computation
        if failure is not None:
            raise failure
        if outcome[1] is not None:
            raise RuntimeError(f'{type(self).__name__} failed in the main process: {outcome[1]}')
        return outcome[0]  # type: ignore[no-any-return]  # what `_named` gave

    def _named(self, metrics: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(metrics, dict):
            raise TypeError(f'{type(self).__name__}.compute_metrics should return a dict of values by name, but got '
                            f'{type(metrics)}')
        return {'/'.join((self.prefix, name)): value for name, value in metrics.items()} if self.prefix else metrics


@METRICS.register_module()
class DumpResults(BaseMetric):
    """Writes the predictions of a whole data set to a file, for offline evaluation.

    Args:
        out_file_path: The file, .pkl or .pickle.
        collect_device: Where results are when they are gathered from the processes: 'cpu' or 'gpu'.
        collect_dir: Folder through which results are gathered on the CPU; by default a temporary one.

    Raises:
        ValueError: The file has another ending.
    """

    def __init__(self, out_file_path: str, collect_device: str = 'cpu', collect_dir: str | None = None) -> None:
        super().__init__(collect_device=collect_device, collect_dir=collect_dir)
        if not str(out_file_path).endswith(('.pkl', '.pickle')):
            raise ValueError(f'The output file must be a pkl file. But got {out_file_path!r}')
        self.out_file_path = out_file_path

    def process(self, data_batch: Any, predictions: Sequence[dict[str, Any]]) -> None:
        """Keep the predictions of a batch, on the CPU.

        Args:
            data_batch: The batch, which is not kept.
            predictions: The predictions, of which tensors are copied to the CPU.
        """
        self.results.extend(_to_cpu(predictions))

    def compute_metrics(self, results: list[Any]) -> dict[str, Any]:
        """Write the file; there are no metrics.

        Args:
            results: The predictions of all processes, in the order of the data set.
        """
        dump(results, self.out_file_path)
        print_log(f'Results has been saved to {self.out_file_path}.', logger='current')
        return {}


def _to_cpu(data: Any) -> Any:
    """Move the tensors and data elements in nested containers to the CPU; tensors are detached."""
    if isinstance(data, BaseDataElement):
        return data.to('cpu')
    if isinstance(data, torch.Tensor):
        return data.detach().cpu()
    if isinstance(data, (str, bytes)):
        return data
    if isinstance(data, Mapping):
        return {key: _to_cpu(value) for key, value in data.items()}
    if isinstance(data, tuple) and hasattr(data, '_fields'):
        return type(data)(*map(_to_cpu, data))
    if isinstance(data, (list, tuple)):
        return type(data)(map(_to_cpu, data))
    return data
