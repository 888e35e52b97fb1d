"""FlexibleRunner: the runner under its other name, for strategies that build the model themselves."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.utils.data import DataLoader

from mmengine._strategy import BaseStrategy
from mmengine.config import Config, ConfigDict
from mmengine.registry import RUNNERS
from mmengine.runner.runner import Runner
from mmengine.visualization import Visualizer

_Cfg = dict[str, Any]


@RUNNERS.register_module()
class FlexibleRunner(Runner):
    """A runner that builds its model when a loop needs it; the arguments are those of `Runner`, by name.

    Args:
        model: The model.
        compile: Whether to compile the model, or the arguments of `torch.compile`.
        **arguments: See `Runner`.
    """

    _builds_model_early = False

    def __init__(self, model: nn.Module | _Cfg, *, work_dir: str = 'work_dirs', experiment_name: str | None = None,
                 train_dataloader: DataLoader[Any] | _Cfg | None = None, optim_wrapper: Any = None,
                 param_scheduler: Any = None, train_cfg: _Cfg | None = None,
                 val_dataloader: DataLoader[Any] | _Cfg | None = None, val_evaluator: Any = None,
                 val_cfg: _Cfg | None = None, test_dataloader: DataLoader[Any] | _Cfg | None = None,
                 test_evaluator: Any = None, test_cfg: _Cfg | None = None,
                 strategy: BaseStrategy | _Cfg | None = None, auto_scale_lr: _Cfg | None = None,
                 default_hooks: dict[str, Any] | None = None, custom_hooks: Sequence[Any] | None = None,
                 data_preprocessor: nn.Module | _Cfg | None = None, load_from: str | None = None,
                 resume: bool | str = False, launcher: str | None = None,
                 env_cfg: _Cfg | None = None, log_processor: Any = None, log_level: str = 'INFO',
                 visualizer: Visualizer | _Cfg | None = None, default_scope: str = 'mmengine',
                 randomness: _Cfg | None = None, compile: bool | _Cfg = False,
                 cfg: Config | ConfigDict | _Cfg | None = None, trust_checkpoint: bool = False) -> None:
        self._compile = compile
        super().__init__(
            model, work_dir, train_dataloader, val_dataloader, test_dataloader, train_cfg, val_cfg, test_cfg,
            auto_scale_lr, optim_wrapper, param_scheduler, val_evaluator, test_evaluator, default_hooks, custom_hooks,
            data_preprocessor, load_from, resume, launcher or 'none', env_cfg, log_processor, log_level, visualizer,
            default_scope, randomness, experiment_name, cfg, strategy=strategy,
            trust_checkpoint=trust_checkpoint)

    def build_strategy(self, strategy: BaseStrategy | _Cfg | None = None, launcher: str | None = None,
                       randomness: _Cfg | None = None, env_cfg: _Cfg | None = None, experiment_name: str | None = None,
                       log_level: str | None = None, **defaults: Any) -> BaseStrategy:
        """Build what carries the run; what is given by its name here goes before the same in `defaults`.

        Args:
            strategy: A strategy or its config; by default one for a single device, or DDP where ranks were launched.
            launcher: What started the ranks.
            randomness: `seed`, `diff_rank_seed`, `deterministic`.
            env_cfg: `cudnn_benchmark`, `mp_cfg`, `dist_cfg`, `resource_limit` of the process.
            experiment_name: Name of the run.
            log_level: Level of the logger.
            **defaults: Arguments of the strategy, unless its config has them.
        """
        environment = {'launcher': launcher, 'randomness': randomness, **(env_cfg or {})}
        given = {name: value for name, value in environment.items() if value is not None}
        defaults['env_kwargs'] = {**(defaults.get('env_kwargs') or {}), **given}
        if experiment_name is not None:
            defaults['experiment_name'] = experiment_name
        if log_level is not None:
            defaults['log_kwargs'] = {**(defaults.get('log_kwargs') or {}), 'log_level': log_level}
        return super().build_strategy(strategy, **defaults)

    def _prepare_training(self) -> None:
        self._prepare_evaluation()
        super()._prepare_training()

    def _prepare_evaluation(self) -> None:
        if not isinstance(self.model, nn.Module) or not self._model_name:
            self._place_model()

    def _maybe_compile(self, target: str) -> None:
        if self._compile:
            options = self._compile if isinstance(self._compile, dict) else {}
            self.model = self.strategy.compile_model(self.model, compile={'target': target, **options})
        else:
            super()._maybe_compile(target)
