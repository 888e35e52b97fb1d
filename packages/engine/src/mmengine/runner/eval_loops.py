"""The loops of validation and testing."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from mmengine.evaluator import Evaluator
from mmengine.logging import print_log
from mmengine.registry import LOOPS
from mmengine.runner.amp import autocast
from mmengine.runner.base_loop import BaseLoop
from mmengine.runner.eval_losses import (
    LossAverages,
    average_over_ranks,
    batch_size_of,
    loss_step_of,
    split_losses,
)
from mmengine.runner.eval_sets import EvaluatorSets, LoaderSets, evaluators_by_set, named_loaders


class EvalLoop(BaseLoop):
    """What validation and testing share: predictions of all batches, and metrics over them.

    There may be several data sets, each with an evaluator. They are gone over one after the other; their metrics are
    named `set/metric`. `batch_idx`, which hooks get, counts the batches of all sets; `set_name` and `dataloader_idx`
    of the loop say which set it is.

        val_dataloader=dict(day=dict(dataset=...), night=dict(dataset=...)),
        val_evaluator=dict(day=dict(type='Accuracy'), night=[dict(type='Accuracy'), dict(type='Recall')])

    With `compute_loss=True` the model's losses are averaged over all samples of all ranks as well, the whole as `loss`,
    its parts by their names. That takes a second forward pass for each batch, in mode 'loss': no more than a model
    needs for training, but in evaluation mode (no dropout, running statistics in batch normalisation) and
    without gradients. The data need annotations as for training. Samples that a sampler adds to give all
    ranks as many count twice; `round_up=False` avoids that.

    Args:
        runner: The runner that the loop belongs to.
        dataloader: The data loader or its config; or several, in a dict by the names of their sets, or in a list,
            which names them '0', '1' and so on.
        evaluator: The evaluator, its config or a list of metrics. For several data sets one that each gets a copy of,
            or a dict with one for each name; where the data loaders are a list, a list of as many.
        fp16: Whether predictions are made in half precision (bfloat16 on the CPU).
        compute_loss: Whether losses are computed beside predictions, for `save_best='loss'` or early stopping for
            example.

    Raises:
        AttributeError: Losses are asked for, and the model has no `val_loss_step`, as models that are not of the class
            `BaseModel` may not.
        TypeError: One of several data loaders is something else.
        ValueError: Sets and evaluators do not match.
    """

    mode = 'val'

    def __init__(self, runner: Any, dataloader: DataLoader[Any] | dict[str, Any] | Sequence[Any], evaluator: Any,
                 fp16: bool = False, compute_loss: bool = False) -> None:
        super().__init__(runner, dataloader)  # type: ignore[arg-type]  # several come out as one
        self.fp16 = fp16
        self.compute_loss = compute_loss
        # By the name of their set, and whether the loop computed them or the model returned them beside predictions.
        self._losses: dict[tuple[str, bool], LossAverages] = {}
        if compute_loss and isinstance(runner.model, nn.Module):
            loss_step_of(runner.model)
        if isinstance(self.dataloader, LoaderSets):
            names = list(self.dataloader.loaders)
            given = evaluators_by_set(evaluator, names, not isinstance(dataloader, dict), self.mode)
            built = {name: runner.build_evaluator(own) for name, own in given.items()}
            self.evaluator: Evaluator = EvaluatorSets(built, self.dataloader)
            self.dataloader.on_set = self._begin_set
            for name in names:
                self._tell_metainfo(self.dataloader[name].dataset, built[name])
        else:
            self.evaluator = runner.build_evaluator(evaluator)
            self._tell_metainfo(self.dataloader.dataset, self.evaluator)

    def _build_dataloader(self, dataloader: Any) -> Any:
        named = named_loaders(dataloader, self.mode)
        if named is None:
            return super()._build_dataloader(dataloader)
        return LoaderSets({name: super(EvalLoop, self)._build_dataloader(loader) for name, loader in named.items()})

    def _tell_metainfo(self, dataset: Any, evaluator: Evaluator) -> None:
        if hasattr(dataset, 'metainfo'):
            evaluator.dataset_meta = dataset.metainfo
            self._runner.visualizer.dataset_meta = dataset.metainfo
        else:
            print_log(f'Dataset {type(dataset).__name__} has no metainfo. ``dataset_meta`` in evaluator, metric and '
                      f'visualizer will be None.', logger='current', level=30)

    def _begin_set(self, name: str) -> None:
        self._runner.visualizer.dataset_meta = getattr(self.dataloader[name].dataset, 'metainfo', None)

    @property
    def set_name(self) -> str | None:
        """Name of the data set of the running batch, None where there is only one."""
        return self.dataloader.name if isinstance(self.dataloader, LoaderSets) else None

    @property
    def dataloader_idx(self) -> int:
        """Place of the data set of the running batch among all sets, 0 where there is only one."""
        return self.dataloader.index if isinstance(self.dataloader, LoaderSets) else 0

    def run(self) -> dict[str, float]:
        """Go over all batches, and give the metrics by name.

        Raises:
            ValueError: A metric has the name of a loss.
        """
        runner, mode = self._runner, self.mode
        runner.call_hook(f'before_{mode}')
        runner.call_hook(f'before_{mode}_epoch')
        runner.model.eval()
        self._losses = {}
        for idx, data_batch in enumerate(self.dataloader):
            self.run_iter(idx, data_batch)
        metrics: dict[str, float] = self.evaluator.evaluate(len(self.dataloader.dataset))
        self._add_losses(metrics)
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
        outputs, returned = split_losses(outputs)
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        self._take_losses(returned, data_batch)
        runner.call_hook(f'after_{mode}_iter', batch_idx=idx, data_batch=data_batch, outputs=outputs)

    # -- losses -----------------------------------------------------------------------------------------------------

    def _take_losses(self, returned: Mapping[str, Any], data_batch: Any) -> None:
        place = self.set_name or ''
        if returned:
            self._losses.setdefault((place, False), LossAverages()).add(returned, batch_size_of(data_batch))
        if self.compute_loss:
            with autocast(enabled=self.fp16):
                computed = loss_step_of(self._runner.model)(data_batch)
            losses = {name: value for name, value in computed.items() if 'loss' in name}
            self._losses.setdefault((place, True), LossAverages()).add(losses, batch_size_of(data_batch))

    def _add_losses(self, metrics: dict[str, float]) -> None:
        """Add the averages to the metrics. Each rank comes here, also one that had no batch."""
        for (place, computed), losses in average_over_ranks(self._losses).items():
            if not computed:  # as MMEngine 0.10.5 names their sum
                losses[f'{self.mode}_loss'] = sum(value for name, value in losses.items() if 'loss' in name)
            for name, value in losses.items():
                full = f'{place}/{name}' if place else name
                if computed and full in metrics:
                    raise ValueError(f'compute_loss=True gives a value named {full!r}, but so does a metric: give the '
                                     f'metric another prefix')
                metrics[full] = value


@LOOPS.register_module()
class ValLoop(EvalLoop):
    """Validates once over the data; see `EvalLoop` for the arguments."""


@LOOPS.register_module()
class TestLoop(EvalLoop):
    """Tests once over the data; see `EvalLoop` for the arguments."""

    __test__ = False  # no test of pytest's
    mode = 'test'
