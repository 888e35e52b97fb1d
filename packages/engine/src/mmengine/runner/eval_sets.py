"""Several data sets in one validation or test: their data loaders in a row, and an evaluator for each."""
from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from torch.utils.data import ConcatDataset, DataLoader

from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.utils.suggest import did_you_mean


def named_loaders(dataloader: Any, mode: str) -> dict[str, Any] | None:
    """Take several data loaders apart.

    Args:
        dataloader: Data loaders or their configs by the name of their set, or a list of them, whose names are then
            '0', '1' and so on; or a single one: a loader, or a dict with the key `dataset`.
        mode: 'val' or 'test', for what an error says.

    Returns:
        Loaders or configs by name, None for a single one.

    Raises:
        TypeError: One of several is no data loader.
        ValueError: The list is empty.
    """
    if isinstance(dataloader, (list, tuple)):
        if not dataloader:
            raise ValueError(f'{mode}_dataloader is an empty list: expected a data loader for each set')
        named = {str(index): loader for index, loader in enumerate(dataloader)}
    elif isinstance(dataloader, dict) and 'dataset' not in dataloader and any(map(_is_loader, dataloader.values())):
        named = dict(dataloader)
    else:
        return None
    for name, loader in named.items():
        if not _is_loader(loader):
            found = f'a dict with the keys {list(loader)}' if isinstance(loader, dict) else f'{type(loader)}'
            raise TypeError(f"{mode}_dataloader[{name!r}] should be a data loader, or a dict with the key 'dataset', "
                            f'but got {found}')
    return named


def _is_loader(value: Any) -> bool:
    return 'dataset' in value if isinstance(value, dict) else isinstance(value, DataLoader)


class LoaderSets:
    """Data loaders of several sets, which are gone over one after the other.

    Args:
        loaders: Data loaders by the name of their set.

    Attributes:
        loaders: Data loaders by name.
        name: Name of the set that the last batch was of, or of the first one.
        index: Its place among the sets.
        on_set: What is called with the name of each set before its first batch is read.
    """

    def __init__(self, loaders: dict[str, DataLoader[Any]]) -> None:
        self.loaders = loaders
        self.name = next(iter(loaders))
        self.index = 0
        self.on_set: Callable[[str], None] | None = None

    def __iter__(self) -> Iterator[Any]:
        for index, (name, loader) in enumerate(self.loaders.items()):
            self.index, self.name = index, name
            if self.on_set is not None:
                self.on_set(name)
            yield from loader

    def __len__(self) -> int:
        """Number of batches of all sets."""
        return sum(map(len, self.loaders.values()))

    def __getitem__(self, name: str) -> DataLoader[Any]:
        return self.loaders[name]

    @property
    def dataset(self) -> ConcatDataset[Any]:
        """The data sets, one after the other."""
        return ConcatDataset([loader.dataset for loader in self.loaders.values()])


class EvaluatorSets(Evaluator):
    """An evaluator for each of several sets; what they find is named `set/metric`.

    Args:
        evaluators: Evaluators by the name of their set.
        loaders: The data loaders, which know the set of the running batch and the size of each.

    Raises:
        ValueError: Metrics of two sets write to one file.
    """

    def __init__(self, evaluators: dict[str, Evaluator], loaders: LoaderSets) -> None:
        self._dataset_meta = None
        self.evaluators = evaluators
        self._loaders = loaders
        self._check_files()

    def _check_files(self) -> None:
        owners: dict[str, str] = {}
        for name, evaluator in self.evaluators.items():
            for metric in evaluator.metrics:
                path = getattr(metric, 'out_file_path', None)
                if path is not None and owners.setdefault(str(path), name) != name:
                    raise ValueError(f'{type(metric).__name__} of the set {name!r} would overwrite {path}, which that '
                                     f'of {owners[str(path)]!r} writes: give each set an evaluator of its own')

    @property
    def metrics(self) -> tuple[BaseMetric, ...]:  # type: ignore[override]  # what is added here would go to no set
        """The metrics of all sets; those of one are `evaluator['set'].metrics`, a list that may be added to."""
        return tuple(metric for evaluator in self.evaluators.values() for metric in evaluator.metrics)

    def __getitem__(self, name: str) -> Evaluator:
        return self.evaluators[name]

    def process(self, data_samples: Sequence[Any], data_batch: Any | None = None) -> None:
        """Give the predictions of a batch to the metrics of its set."""
        self.evaluators[self._loaders.name].process(data_samples, data_batch)

    def evaluate(self, size: int) -> dict[str, Any]:
        """Compute the metrics of all sets.

        Args:
            size: Number of samples of all sets; each is cut to its own.

        Returns:
            Values by `set/metric`; the same in all processes.
        """
        found = {}
        for name, evaluator in self.evaluators.items():
            dataset: Any = self._loaders[name].dataset
            for metric, value in evaluator.evaluate(len(dataset)).items():
                found[f'{name}/{metric}'] = value
        return found

    def offline_evaluate(self, data_samples: Sequence[Any], data: Sequence[Any] | None = None,
                         chunk_size: int = 1) -> NoReturn:
        """Is to be called on the evaluator of one set."""
        name = next(iter(self.evaluators))
        raise NotImplementedError(f'predictions are of one set: call evaluator[{name!r}].offline_evaluate(...)')


def evaluators_by_set(evaluator: Any, names: Sequence[str], in_a_list: bool, mode: str) -> dict[str, Any]:
    """Find the evaluator of each set.

    Args:
        evaluator: Evaluators or their configs by the name of their set; a list of as many where the data loaders
            are a list; or one evaluator, config, metric or list of metrics that all sets share, of which each gets a
            copy.
        names: Names of the sets.
        in_a_list: Whether the data loaders were given as a list.
        mode: 'val' or 'test', for what an error says.

    Returns:
        Evaluators or configs by name.

    Raises:
        ValueError: A set has no evaluator, or an evaluator no set.
    """
    if in_a_list and isinstance(evaluator, (list, tuple)) and evaluator:
        if len(evaluator) != len(names):
            raise ValueError(f'there are {len(names)} data loaders in {mode}_dataloader, but {len(evaluator)} items in '
                             f'{mode}_evaluator, which belong to them one by one; for a list of metrics that all '
                             f'share, write {mode}_evaluator=dict(metrics=[...])')
        return dict(zip(names, evaluator, strict=True))
    is_one = not isinstance(evaluator, dict) or 'type' in evaluator or 'metrics' in evaluator
    if is_one and not (isinstance(evaluator, dict) and set(evaluator) == set(names)):
        return {name: copy.deepcopy(evaluator) for name in names}
    missing = [name for name in names if name not in evaluator]
    unknown = [name for name in evaluator if name not in names]
    if missing or unknown:
        lacks = f'lacks the sets {missing}' if missing else ''
        has = f'has the sets {unknown}, which {mode}_dataloader has not' if unknown else ''
        hint = did_you_mean(str(unknown[0]), names) if unknown else ''
        raise ValueError(f'{mode}_evaluator {" and ".join(filter(None, (lacks, has)))}.{hint} '
                         f'{mode}_dataloader has {list(names)}')
    return {name: evaluator[name] for name in names}
