"""What a runner shows of itself: facts about the run, its loops, its data."""
from __future__ import annotations

from typing import Any

from torch import nn
from torch.utils.data import DataLoader

from mmengine._strategy.base import BaseStrategy
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmengine.runner.base_loop import BaseLoop
from mmengine.runner.hook_list import HookList


class RunnerViews:
    """The attributes of a runner, and the properties that read them."""

    cfg: Config
    strategy: BaseStrategy
    model: nn.Module
    optim_wrapper: Any
    param_schedulers: Any
    logger: MMLogger
    message_hub: MessageHub
    visualizer: Any
    log_processor: Any

    _work_dir: str
    _log_dir: str
    _timestamp: str
    _experiment_name: str
    _model_name: str
    _launcher: str
    _distributed: bool
    _randomness_cfg: dict[str, Any]
    _deterministic: bool
    _seed: int
    _hook_list: HookList
    _train_dataloader: Any
    _val_dataloader: Any
    _test_dataloader: Any
    _train_loop: Any
    _val_loop: Any
    _test_loop: Any
    _val_evaluator: Any
    _test_evaluator: Any

    @property
    def experiment_name(self) -> str:
        """Unique name of the run."""
        return self._experiment_name

    @property
    def model_name(self) -> str:
        """Name of the model: that of its class unless the model has a `name`."""
        return self._model_name

    @property
    def work_dir(self) -> str:
        """Folder of everything that outlives one run, checkpoints for example."""
        return self._work_dir

    @property
    def log_dir(self) -> str:
        """Folder of this run, below `work_dir`."""
        return self._log_dir

    @property
    def timestamp(self) -> str:
        """Start of the run, `YYYYMMDD_HHMMSS`, the same on all ranks."""
        return self._timestamp

    @property
    def launcher(self) -> str:
        """What started the ranks."""
        return self._launcher

    @property
    def distributed(self) -> bool:
        """Whether there is a process group."""
        return self._distributed

    @property
    def rank(self) -> int:
        """Rank of this process."""
        return self.strategy.rank

    @property
    def world_size(self) -> int:
        """Number of ranks."""
        return self.strategy.world_size

    @property
    def deterministic(self) -> bool:
        """Whether only deterministic algorithms are used."""
        return self._deterministic

    @property
    def seed(self) -> int:
        """Seed of the random generators."""
        return self._seed

    @property
    def hooks(self) -> list[Any]:
        """The hooks in the order in which they are called."""
        return self._hook_list.hooks

    @property
    def _hooks(self) -> list[Any]:
        return self._hook_list.hooks

    # -- loops ------------------------------------------------------------------------------------------------------

    @property
    def train_loop(self) -> Any:
        """The training loop, built at the first use; None without training."""
        if self._train_loop is not None and not isinstance(self._train_loop, BaseLoop):
            self._train_loop = self.build_train_loop(self._train_loop)
        return self._train_loop

    @property
    def val_loop(self) -> Any:
        """The validation loop, built at the first use; None without validation."""
        if self._val_loop is not None and not isinstance(self._val_loop, BaseLoop):
            self._val_loop = self.build_val_loop(self._val_loop)
        return self._val_loop

    @property
    def test_loop(self) -> Any:
        """The test loop, built at the first use; None without testing."""
        if self._test_loop is not None and not isinstance(self._test_loop, BaseLoop):
            self._test_loop = self.build_test_loop(self._test_loop)
        return self._test_loop

    def build_train_loop(self, loop: Any) -> Any:
        """Build the training loop."""
        raise NotImplementedError

    def build_val_loop(self, loop: Any) -> Any:
        """Build the validation loop."""
        raise NotImplementedError

    def build_test_loop(self, loop: Any) -> Any:
        """Build the test loop."""
        raise NotImplementedError

    @property
    def train_dataloader(self) -> DataLoader[Any]:
        """Data loader of the training loop."""
        return self.train_loop.dataloader  # type: ignore[no-any-return]  # loops are built by registries

    @property
    def val_dataloader(self) -> DataLoader[Any]:
        """Data loader of the validation loop, or those of several data sets in a row."""
        return self.val_loop.dataloader  # type: ignore[no-any-return]  # loops are built by registries

    @property
    def test_dataloader(self) -> DataLoader[Any]:
        """Data loader of the test loop, or those of several data sets in a row."""
        return self.test_loop.dataloader  # type: ignore[no-any-return]  # loops are built by registries

    @property
    def val_evaluator(self) -> Any:
        """Evaluator of the validation loop."""
        return self.val_loop.evaluator

    @property
    def test_evaluator(self) -> Any:
        """Evaluator of the test loop."""
        return self.test_loop.evaluator

    # -- progress ---------------------------------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """Index of the running epoch, from 0; always 0 in training by iterations."""
        loop = self._train_loop
        return 0 if loop is None or isinstance(loop, dict) else loop.epoch

    @property
    def iter(self) -> int:
        """Index of the running iteration over the whole run, from 0."""
        loop = self._train_loop
        return 0 if loop is None or isinstance(loop, dict) else loop.iter

    @property
    def max_epochs(self) -> int | None:
        """Epochs in all, None without training."""
        value: int | None = self._of_train_loop('max_epochs', default=1)
        return value

    @property
    def max_iters(self) -> int | None:
        """Iterations in all, None without training; None too while an epoch-based loop is not built."""
        loop = self._train_loop
        if loop is None or isinstance(loop, dict):
            return None if loop is None else loop.get('max_iters')
        return loop.max_iters  # type: ignore[no-any-return]  # loops are built by registries

    @property
    def val_interval(self) -> int | None:
        """After how many epochs (or iterations) the model is validated, None without training."""
        value: int | None = self._of_train_loop('val_interval')
        return value

    @property
    def val_begin(self) -> int | None:
        """From which epoch (or iteration) on the model is validated, None without training."""
        value: int | None = self._of_train_loop('val_begin')
        return value

    def _of_train_loop(self, name: str, default: Any = None) -> Any:
        # A hook may ask before the loop is built: then the config answers.
        loop = self._train_loop
        if isinstance(loop, dict):
            return loop.get(name, default)
        return None if loop is None else getattr(loop, name)
