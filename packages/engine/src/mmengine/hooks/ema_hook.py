"""Keep an average of a model beside it, and validate, test and publish the average."""
from __future__ import annotations

import copy
import itertools
import logging
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from mmengine.checkpoint.state_dict import load_state_dict
from mmengine.checkpoint.wrappers import unwrap
from mmengine.hooks.hook import DATA_BATCH as DATA_BATCH
from mmengine.hooks.hook import Hook
from mmengine.logging import print_log
from mmengine.registry import HOOKS, MODELS


@HOOKS.register_module()
class EMAHook(Hook):
    """Averages the weights over the training; validation and test see the averaged ones.

    A checkpoint holds the averaged weights as `state_dict`, so that whoever loads it gets them, and those in training
    as `ema_state_dict`; a resumed run puts both back where they belong.

    Args:
        ema_type: Class of the averaged model.
        strict_load: Whether averaged weights that do not fit the model are an error.
        begin_iter: Average from this iteration on; before it the average is a copy.
        begin_epoch: Average from this epoch on.
        **kwargs: Further arguments of the averaged model.

    Attributes:
        ema_model: The averaged model.
        src_model: The model in training, without wrappers.

    Raises:
        AssertionError: A beginning is negative, or both are given.
    """

    priority = 'NORMAL'
    ema_model: Any
    src_model: nn.Module

    def __init__(self, ema_type: str = 'ExponentialMovingAverage', strict_load: bool = False, begin_iter: int = 0,
                 begin_epoch: int = 0, **kwargs: Any) -> None:
        if begin_iter < 0:
            raise AssertionError(f'`begin_iter` must larger than or equal to 0, but got {begin_iter}')
        if begin_epoch < 0:
            raise AssertionError(f'`begin_epoch` must larger than or equal to 0, but got {begin_epoch}')
        if begin_iter and begin_epoch:
            raise AssertionError(f'`begin_iter` and `begin_epoch` should not be both set, but got {begin_iter} and '
                                 f'{begin_epoch}')
        self.strict_load = strict_load
        self.ema_cfg = dict(type=ema_type, **kwargs)
        self.begin_iter = begin_iter
        self.begin_epoch = begin_epoch
        self.enabled_by_epoch = begin_epoch > 0
        self._is_swapped = False

    def before_run(self, runner: Any) -> None:
        """Make the averaged model; a test after a training goes on with that of the training.

        Raises:
            ValueError: The strategy of the run cannot average its models.
        """
        strategy = getattr(runner, 'strategy', None)
        if not getattr(strategy, 'averages_models', True):
            raise ValueError(f'EMAHook does not work with {type(strategy).__name__}, which keeps the parameters in a '
                             'form of its own: leave the hook out, or take FSDPStrategy')
        model = unwrap(runner.model)
        if getattr(self, 'src_model', None) is not model:
            self.src_model = model
            self.ema_model = MODELS.build(self.ema_cfg, default_args=dict(model=model))

    def before_train(self, runner: Any) -> None:
        """Check that the average begins before the training ends.

        Raises:
            AssertionError: It does not.
        """
        if self.enabled_by_epoch and self.begin_epoch > runner.max_epochs:
            raise AssertionError(f'self.begin_epoch should be smaller than or equal to runner.max_epochs, but got '
                                 f'{self.begin_epoch} and {runner.max_epochs}')
        if not self.enabled_by_epoch and self.begin_iter > runner.max_iters:
            raise AssertionError(f'self.begin_iter should be smaller than or equal to runner.max_iters, but got '
                                 f'{self.begin_iter} and {runner.max_iters}')

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                         outputs: dict[str, Any] | None = None) -> None:
        """Take the new weights into the average, or copy them while it has not begun."""
        if self._ema_started(runner):
            self.ema_model.update_parameters(self.src_model)
        else:
            with torch.no_grad():
                source = self.src_model.state_dict()
                for name, value in self.ema_model.module.state_dict().items():
                    value.copy_(source[name])

    def before_val_epoch(self, runner: Any) -> None:
        """Validate the averaged weights."""
        self._swap_ema_parameters(runner)

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Go on to train the others."""
        self._swap_ema_parameters(runner)

    def before_test_epoch(self, runner: Any) -> None:
        """Test the averaged weights."""
        self._swap_ema_parameters(runner)

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Put the others back."""
        self._swap_ema_parameters(runner)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Save the average as what is loaded by default."""
        checkpoint['ema_state_dict'] = runner.strategy.state_of(self.ema_model)
        if not self._is_swapped:  # a validation that fails is saved from within
            self._swap_ema_state_dict(checkpoint)

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Take both kinds of weights back where a run is resumed; else begin the average with what is loaded."""
        resumes = bool(getattr(runner, '_resume', False))
        if 'ema_state_dict' in checkpoint and resumes:
            self._swap_ema_state_dict(checkpoint)
            averaged = runner.strategy.placed(checkpoint['ema_state_dict'], self.ema_model)
            self.ema_model.load_state_dict(averaged, strict=self.strict_load)
            return
        if resumes:
            print_log('There is no `ema_state_dict` in the checkpoint to resume from: the average begins with a copy '
                      'of its `state_dict`', logger='current', level=logging.WARNING)
        weights = copy.copy(checkpoint.get('state_dict', checkpoint))
        load_state_dict(self.ema_model.module, runner.strategy.placed(weights, self.ema_model.module),
                        strict=self.strict_load)

    def _swap_ema_parameters(self, runner: Any) -> None:
        """Exchange the averaged weights and those in training."""
        runner.strategy.settle(self.src_model)
        self._is_swapped = not self._is_swapped
        with torch.no_grad():
            for average, source in zip(self._averaged(self.ema_model.module), self._averaged(self.src_model),
                                       strict=True):
                kept = average.detach().clone()
                average.copy_(source)
                source.copy_(kept)

    def _averaged(self, model: nn.Module) -> Iterable[torch.Tensor]:
        return itertools.chain(model.parameters(), model.buffers()) if self.ema_model.update_buffers \
            else model.parameters()

    @staticmethod
    def _swap_ema_state_dict(checkpoint: dict[str, Any]) -> None:
        """Exchange `state_dict` and the part of `ema_state_dict` that has the same weights."""
        weights, averaged = checkpoint['state_dict'], checkpoint['ema_state_dict']
        for name in averaged:
            if name.startswith('module.'):
                own = name.removeprefix('module.')
                averaged[name], weights[own] = weights[own], averaged[name]

    def _ema_started(self, runner: Any) -> bool:
        if self.enabled_by_epoch:
            return bool(runner.epoch + 1 >= self.begin_epoch)
        return bool(runner.iter + 1 >= self.begin_iter)
