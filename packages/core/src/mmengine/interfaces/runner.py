"""What a hook may ask of the runner that calls it, so that a hook needs no engine."""
from __future__ import annotations

import logging
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class RunnerLike(Protocol):
    """The face of a runner that hooks read.

    Attributes:
        iter: Index of the running training iteration, over all epochs, from 0.
        epoch: Index of the running training epoch, from 0.
        max_iters: Number of training iterations of the whole run, or None without training.
        max_epochs: Number of training epochs of the whole run, or None without training.
        rank: Rank of this process, 0 without distribution.
        world_size: Number of processes, 1 without distribution.
        work_dir: Folder of everything that outlives one run, checkpoints for example.
        log_dir: Folder of this one run, below `work_dir`.
        timestamp: Start of the run, `YYYYMMDD_HHMMSS`, the same on all ranks.
        experiment_name: Unique name of the run.
        logger: Logger of the run.
        cfg: The run's config.
        message_hub: Scalars and facts that components of the run share.
        visualizer: The way to every recorder and tracker.
        model: The (wrapped) model.
    """

    @property
    def iter(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def max_iters(self) -> int | None: ...
    @property
    def max_epochs(self) -> int | None: ...
    @property
    def rank(self) -> int: ...
    @property
    def world_size(self) -> int: ...
    @property
    def work_dir(self) -> str: ...
    @property
    def log_dir(self) -> str: ...
    @property
    def timestamp(self) -> str: ...
    @property
    def experiment_name(self) -> str: ...
    @property
    def logger(self) -> logging.Logger: ...
    @property
    def cfg(self) -> Any: ...
    @property
    def message_hub(self) -> Any: ...
    @property
    def visualizer(self) -> Any: ...
    @property
    def model(self) -> Any: ...
    @property
    def train_dataloader(self) -> Any: ...
    @property
    def val_dataloader(self) -> Any: ...
    @property
    def test_dataloader(self) -> Any: ...

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call the stage `fn_name` of every hook that has it, in the order of their priorities."""
