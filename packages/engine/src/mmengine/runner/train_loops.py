"""Training loops: by epochs, or by iterations over an endless stream of batches."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

from torch.utils.data import DataLoader

from mmengine.dataset import InfiniteSampler
from mmengine.dataset.loader_samplers import samplers_of
from mmengine.logging import print_log
from mmengine.registry import LOOPS
from mmengine.runner.base_loop import BaseLoop
from mmengine.runner.data_iterators import _InfiniteDataloaderIterator, batches_from
from mmengine.runner.intervals import ValInterval
from mmengine.runner.loader_state import load_order_state, order_state
from mmengine.runner.rank_batches import check_batches
from mmengine.runner.train_state import ResumePoint, TrainState


class TrainLoop(BaseLoop):
    """What both training loops share: when to validate, and where a resumed run starts.

    Args:
        runner: The runner that the loop belongs to.
        dataloader: The data loader or its config.
        maximum: Epochs or iterations in all.
        val_begin: Validate from this epoch (or iteration) on.
        val_interval: Validate every so many epochs (or iterations); the last one is always validated.
        dynamic_intervals: Pairs of an epoch (or iteration) and the interval that holds from there on.
    """

    #: Whether positions count from the start of an epoch.
    by_epoch = True

    def __init__(self, runner: Any, dataloader: DataLoader[Any] | dict[str, Any], maximum: int, val_begin: int,
                 val_interval: float, dynamic_intervals: Sequence[tuple[int, float]] | None) -> None:
        super().__init__(runner, dataloader)
        self._epoch = 0
        self._iter = 0
        self.val_begin = val_begin
        self.val_interval = val_interval
        #: A hook that sets it ends the training after the running epoch or iteration.
        self.stop_training = False
        self.state = TrainState(self.dataloader)
        self._intervals = ValInterval(val_interval, maximum, dynamic_intervals)
        metainfo = getattr(self.dataloader.dataset, 'metainfo', None)
        if metainfo is not None:
            runner.visualizer.dataset_meta = metainfo
        else:
            print_log(f'Dataset {type(self.dataloader.dataset).__name__} has no metainfo. ``dataset_meta`` in '
                      f'visualizer will be None.', logger='current', level=30)

    # Hooks ask for these several times per iteration: without a frame of Python's they cost a third.
    epoch = property(attrgetter('_epoch'), doc='Index of the running epoch, from 0.')
    iter = property(attrgetter('_iter'), doc='Index of the running iteration over the whole run, from 0.')
    max_epochs = property(attrgetter('_max_epochs'), doc='Epochs in all; 1 where the loop counts iterations.')
    max_iters = property(attrgetter('_max_iters'), doc='Iterations in all.')

    def epoch_length(self) -> int | None:
        """Tell the batches per epoch, None for a stream without a length."""
        try:
            return len(self.dataloader)
        except TypeError:
            return None

    def state_dict(self, iterations: int) -> dict[str, Any]:
        """Take the position after `iterations` finished iterations."""
        return {**self.state.state_dict(iterations, self.epoch_length()),
                **order_state(self.dataloader, iterations)}

    def load_position(self, epochs: int, iterations: int, state: dict[str, Any] | None,
                      rank_state: dict[str, Any] | None) -> None:
        """Go to where a checkpoint was written.

        Args:
            epochs: Finished epochs.
            iterations: Finished iterations.
            state: What `state_dict` gave, None in a checkpoint without it.
            rank_state: State of this rank's random generators.
        """
        self._epoch, self._iter = epochs, iterations
        load_order_state(self.dataloader, state or {})
        self.state.load(epochs, iterations, self.epoch_length(), state, rank_state, self.by_epoch)

    def _decide_current_val_interval(self) -> None:
        if self._intervals.is_dynamic:  # else a hook may set it
            self.val_interval = self._intervals.at(self._epoch if self.by_epoch else self._iter)

    def _validate_if_due(self) -> None:
        done = self._epoch if self.by_epoch else self._iter
        if not self._intervals.is_due(done, self.val_interval, self.val_begin):
            return
        if self._runner.val_loop is not None:
            self._runner.val_loop.run()
            self.state.validated(self._iter)

    def _take_start(self) -> ResumePoint:
        start, self.state.start = self.state.start, ResumePoint()
        return start

    def _validate_if_left_out(self, start: ResumePoint) -> None:
        """Validate first where a checkpoint was written before the validation of its epoch (or iteration)."""
        if self._iter and not start.validated and not (self.by_epoch and start.batch):
            self._decide_current_val_interval()
            self._validate_if_due()


@LOOPS.register_module()
class EpochBasedTrainLoop(TrainLoop):
    """Trains for a number of passes over the data.

    Args:
        runner: The runner that the loop belongs to.
        dataloader: The data loader or its config.
        max_epochs: Epochs in all.
        val_begin: Validate from this epoch on.
        val_interval: Validate every so many epochs; the last one is always validated.
        dynamic_intervals: Pairs of an epoch and the interval that holds from there on.
    """

    def __init__(self, runner: Any, dataloader: DataLoader[Any] | dict[str, Any], max_epochs: int, val_begin: int = 1,
                 val_interval: int = 1, dynamic_intervals: list[tuple[int, int]] | None = None) -> None:
        self._max_epochs = int(max_epochs)
        if self._max_epochs != max_epochs:
            raise AssertionError(f'`max_epochs` should be a integer number, but get {max_epochs}.')
        super().__init__(runner, dataloader, self._max_epochs, val_begin, val_interval, dynamic_intervals)
        self._max_iters = self._max_epochs * len(self.dataloader)

    def run(self) -> Any:
        """Train, and give the model."""
        check_batches(self.runner.model, self.dataloader)
        self.runner.call_hook('before_train')
        start = self._take_start()
        start.restore_now()
        self._validate_if_left_out(start)
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch() if not start.batch else self._finish_epoch(start)
            start = ResumePoint()
            self._decide_current_val_interval()
            self._validate_if_due()
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self) -> None:
        """Train one epoch."""
        self._run_batches(ResumePoint())

    def _finish_epoch(self, start: ResumePoint) -> None:
        self.runner.logger.info(f'Epoch {self._epoch + 1} goes on after batch {start.batch} of {len(self.dataloader)}')
        self._run_batches(start)

    def _run_batches(self, start: ResumePoint) -> None:
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        for idx, data_batch in enumerate(self._batches(start), start.batch):
            self.run_iter(idx, data_batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _batches(self, start: ResumePoint) -> Iterator[Any]:
        if not start.batch:
            self.state.iterator_made()
            return iter(self.dataloader)
        start.restore_at_iterator()
        self.state.iterator_made(start.random_at_iterator)
        batches = batches_from(self.dataloader, start.batch, self._epoch)
        start.restore_now()
        return batches

    def run_iter(self, idx: int, data_batch: Sequence[dict[str, Any]]) -> None:
        """Train on one batch, the `idx`-th of its epoch."""
        runner = self._runner
        runner.call_hook('before_train_iter', batch_idx=idx, data_batch=data_batch)
        # Losses stay tensors: reading one would make the host wait for the device at every step.
        outputs = runner.model.train_step(data_batch, optim_wrapper=runner.optim_wrapper)
        runner.call_hook('after_train_iter', batch_idx=idx, data_batch=data_batch, outputs=outputs)
        self._iter += 1


@LOOPS.register_module()
class IterBasedTrainLoop(TrainLoop):
    """Trains for a number of iterations over an endless stream of batches.

    Args:
        runner: The runner that the loop belongs to.
        dataloader: The data loader or its config; InfiniteSampler suits it, a finite one is started over.
        max_iters: Iterations in all.
        val_begin: Validate from this iteration on.
        val_interval: Validate every so many iterations; the last one is always validated.
        dynamic_intervals: Pairs of an iteration and the interval that holds from there on.
    """

    by_epoch = False

    def __init__(self, runner: Any, dataloader: DataLoader[Any] | dict[str, Any], max_iters: int, val_begin: int = 1,
                 val_interval: int = 1000, dynamic_intervals: list[tuple[int, int]] | None = None) -> None:
        self._max_iters = int(max_iters)
        if self._max_iters != max_iters:
            raise AssertionError(f'`max_iters` should be a integer number, but get {max_iters}')
        super().__init__(runner, dataloader, self._max_iters, val_begin, val_interval, dynamic_intervals)
        self._max_epochs = 1  # the whole run is one: hooks are told of its begin and its end
        self.dataloader_iterator = _InfiniteDataloaderIterator(self.dataloader, self.state.iterator_made)
        self._endless = _is_endless(self.dataloader)
        if not self._endless:
            print_log(f'{type(self.dataloader.sampler).__name__} ends after one pass over the data: it is started over '
                      f'again and again. InfiniteSampler avoids that.', logger='current', level=30)

    def run(self) -> Any:
        """Train, and give the model."""
        runner = self._runner
        runner.call_hook('before_train')
        runner.call_hook('before_train_epoch')
        try:
            self._run_batches(self._take_start())
        finally:
            self.dataloader_iterator.close()
        runner.call_hook('after_train_epoch')
        runner.call_hook('after_train')
        return runner.model

    def _run_batches(self, start: ResumePoint) -> None:
        runner = self._runner
        self._seek(start)
        self._validate_if_left_out(start)
        while self._iter < self._max_iters and not self.stop_training:
            if not runner.model.training:  # at the start and after a validation; to go over all modules takes its time
                runner.model.train()
            self.run_iter(next(self.dataloader_iterator))
            if self._intervals.is_dynamic:
                self._decide_current_val_interval()
            if self._iter == self._max_iters or not self._iter % self.val_interval:
                self._validate_if_due()

    def state_dict(self, iterations: int) -> dict[str, Any]:
        """Take the position after `iterations` finished iterations."""
        return {**super().state_dict(iterations), 'place': list(self.dataloader_iterator.place)}

    def load_position(self, epochs: int, iterations: int, state: dict[str, Any] | None,
                      rank_state: dict[str, Any] | None) -> None:
        """Go to where a checkpoint was written, see `TrainLoop.load_position`."""
        super().load_position(epochs, iterations, state, rank_state)
        if state and 'place' in state:
            self.dataloader_iterator.place_to_resume = tuple(state['place'])

    def _seek(self, start: ResumePoint) -> None:
        start.restore_at_iterator()
        self.state.iterator_made(start.random_at_iterator)
        if start.batch:
            self.dataloader_iterator.seek(start.batch, self._endless)
        start.restore_now()

    def run_iter(self, data_batch: Sequence[dict[str, Any]]) -> None:
        """Train on one batch."""
        runner = self._runner
        runner.call_hook('before_train_iter', batch_idx=self._iter, data_batch=data_batch)
        # Losses stay tensors: reading one would make the host wait for the device at every step.
        outputs = runner.model.train_step(data_batch, optim_wrapper=runner.optim_wrapper)
        runner.call_hook('after_train_iter', batch_idx=self._iter, data_batch=data_batch, outputs=outputs)
        self._iter += 1


def _is_endless(dataloader: DataLoader[Any]) -> bool:
    return any(isinstance(sampler, InfiniteSampler) for sampler in samplers_of(dataloader))
