"""How a runner builds its components from configs; a subclass may build any of them in another way."""
from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.utils.data import DataLoader

from mmengine._strategy import BaseStrategy
from mmengine._strategy.build import scale_learning_rate
from mmengine._strategy.environment import set_up_process
from mmengine.evaluator import Evaluator
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import EVALUATOR, LOG_PROCESSORS, LOOPS, STRATEGIES, VISUALIZERS
from mmengine.runner.base_loop import BaseLoop
from mmengine.runner.build_dataloader import build_dataloader
from mmengine.runner.eval_loops import TestLoop, ValLoop
from mmengine.runner.hook_list import DEFAULT_HOOKS
from mmengine.runner.log_processor import LogProcessor
from mmengine.runner.priority import Priority
from mmengine.runner.runner_views import RunnerViews
from mmengine.runner.train_loops import EpochBasedTrainLoop, IterBasedTrainLoop
from mmengine.visualization import Visualizer


class RunnerBuilders(RunnerViews):
    """The `build_*` and `register_*` methods of a runner."""

    def build_strategy(self, strategy: BaseStrategy | dict[str, Any] | None = None, **defaults: Any) -> BaseStrategy:
        """Build what carries the run.

        Args:
            strategy: A strategy or its config; by default one for a single device, or DDP where ranks were launched.
            **defaults: Arguments of the strategy, unless its config has them.
        """
        if isinstance(strategy, BaseStrategy):
            return strategy
        if strategy is not None and not isinstance(strategy, dict):
            raise TypeError(f'strategy should be a BaseStrategy object or dict, but got {strategy!r}')
        if strategy is None:
            launched = defaults['env_kwargs'].get('launcher', 'none') != 'none'
            strategy = dict(type='DDPStrategy', sync_bn=self.cfg.get('sync_bn')) if launched \
                else dict(type='SingleDeviceStrategy')
        built: BaseStrategy = STRATEGIES.build(strategy, default_args=defaults)
        return built

    def setup_env(self, env_cfg: dict[str, Any]) -> None:
        """Set what holds for the whole process, as was done when the runner was made.

        Args:
            env_cfg: `cudnn_benchmark`, `mp_cfg`, `dist_cfg`, `resource_limit`.
        """
        set_up_process(self.launcher, **env_cfg)

    def build_logger(self, log_level: int | str = 'INFO', log_file: str | None = None, **kwargs: Any) -> MMLogger:
        """Build the logger of the run; by default it writes to `log_dir/TIMESTAMP.log` as well."""
        return self.strategy.build_logger(log_level, log_file, **kwargs)

    def build_message_hub(self, message_hub: dict[str, Any] | None = None) -> MessageHub:
        """Build the message hub, by default named after the run."""
        if message_hub is None:
            message_hub = dict(name=self._experiment_name)
        elif not isinstance(message_hub, dict):
            raise TypeError(f'message_hub should be dict or None, but got {message_hub!r}')
        message_hub.setdefault('name', self._experiment_name)
        hub: MessageHub = MessageHub.get_instance(**message_hub)
        return hub

    def build_visualizer(self, visualizer: Visualizer | dict[str, Any] | None = None) -> Any:
        """Build the visualizer, by default with the local record alone."""
        if visualizer is None:
            visualizer = dict(vis_backends=[dict(type='LocalVisBackend')])
        if isinstance(visualizer, Visualizer):
            return visualizer
        if not isinstance(visualizer, dict):
            raise TypeError(f'visualizer should be Visualizer object, a dict or None, but got {visualizer!r}')
        return VISUALIZERS.build(visualizer, default_args=dict(type='Visualizer', name=self._experiment_name,
                                                               save_dir=self._log_dir))

    def build_model(self, model: nn.Module | dict[str, Any]) -> nn.Module:
        """Build a model from its config, or take it as it is."""
        return self.strategy.build_model(model)

    def wrap_model(self, model_wrapper_cfg: dict[str, Any] | None, model: nn.Module) -> nn.Module:
        """Place a model on its device, and wrap it where several ranks train it.

        Args:
            model_wrapper_cfg: Config of the wrapper; by default the strategy's own.
            model: The model; one that is wrapped already stays as it is.
        """
        if model_wrapper_cfg is None and self.distributed:
            names = ('find_unused_parameters', 'detect_anomalous_params')
            model_wrapper_cfg = {name: self.cfg[name] for name in names if name in self.cfg}
        return self.strategy.wrap_model(model, model_wrapper_cfg)

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """Build the optimizer wrapper, or one for each of several optimizers."""
        return self.strategy.build_optim_wrapper(optim_wrapper, self.model)

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """Build the parameter schedulers, a list of them for each optimizer.

        Raises:
            AssertionError: The optimizer wrapper is not built yet.
        """
        if self.optim_wrapper is None or type(self.optim_wrapper) is dict or not hasattr(self.optim_wrapper,
                                                                                         'state_dict'):
            raise AssertionError('`build_optim_wrapper` should be called before `build_param_scheduler` because '
                                 'schedulers change the parameters of its optimizer')
        loop = self._train_loop if isinstance(self._train_loop, BaseLoop) else None
        facts = dict(max_epochs=self.max_epochs, max_iters=self.max_iters,
                     epoch_length=len(loop.dataloader) if loop is not None else None)
        return self.strategy.build_param_scheduler(scheduler, self.optim_wrapper, facts)

    def scale_lr(self, optim_wrapper: Any, auto_scale_lr: dict[str, Any] | None = None) -> None:
        """Scale the learning rate by the ratio of the real to the intended batch size.

        Args:
            optim_wrapper: The built optimizer wrapper or wrappers.
            auto_scale_lr: `enable` and `base_batch_size`.
        """
        if not auto_scale_lr or not auto_scale_lr.get('enable', False):
            return
        scale_learning_rate(optim_wrapper, int(self.train_dataloader.batch_size or 1), auto_scale_lr)

    def build_evaluator(self, evaluator: Any) -> Evaluator:
        """Build the evaluator from metrics or their configs, or take it as it is."""
        if isinstance(evaluator, Evaluator):
            return evaluator
        if isinstance(evaluator, dict) and ('metrics' in evaluator or evaluator.get('type') == 'Evaluator'):
            built: Evaluator = EVALUATOR.build(evaluator, default_args=dict(type='Evaluator'))
            return built
        if isinstance(evaluator, (dict, list, tuple)) or hasattr(evaluator, 'compute_metrics'):
            return Evaluator(evaluator)
        raise TypeError(f'evaluator should be one of dict, list of dict, and Evaluator, but got {evaluator!r}')

    @staticmethod
    def build_dataloader(dataloader: DataLoader[Any] | dict[str, Any], seed: int | None = None,
                         diff_rank_seed: bool = False) -> DataLoader[Any]:
        """Build a data loader from its config; see `mmengine.runner.build_dataloader`."""
        return build_dataloader(dataloader, seed, diff_rank_seed)

    def build_train_loop(self, loop: BaseLoop | dict[str, Any]) -> Any:
        """Build the training loop: by epochs or iterations as `by_epoch` says, or by `type`."""
        if isinstance(loop, BaseLoop):
            return loop
        if not isinstance(loop, dict):
            raise TypeError(f'train_loop should be a Loop object or dict, but got {loop!r}')
        cfg = copy.deepcopy(loop)
        if 'type' in cfg and 'by_epoch' in cfg:
            raise RuntimeError('Only one of `type` or `by_epoch` can exist in `loop_cfg`.')
        if 'type' not in cfg:
            if 'by_epoch' not in cfg:
                raise KeyError('train_cfg needs the key `by_epoch` (True: max_epochs, False: max_iters) or `type`')
            cfg['type'] = EpochBasedTrainLoop if cfg.pop('by_epoch') else IterBasedTrainLoop
        return LOOPS.build(cfg, default_args=dict(runner=self, dataloader=self._train_dataloader))

    def build_val_loop(self, loop: BaseLoop | dict[str, Any]) -> Any:
        """Build the validation loop."""
        return self._build_eval_loop(loop, ValLoop, self._val_dataloader, self._val_evaluator)

    def build_test_loop(self, loop: BaseLoop | dict[str, Any]) -> Any:
        """Build the test loop."""
        return self._build_eval_loop(loop, TestLoop, self._test_dataloader, self._test_evaluator)

    def _build_eval_loop(self, loop: Any, default: type[BaseLoop], dataloader: Any, evaluator: Any) -> Any:
        if isinstance(loop, BaseLoop):
            return loop
        if not isinstance(loop, dict):
            raise TypeError(f'{default.__name__} should be a Loop object or dict, but got {loop!r}')
        return LOOPS.build(loop, default_args=dict(type=default, runner=self, dataloader=dataloader,
                                                   evaluator=evaluator))

    def build_log_processor(self, log_processor: LogProcessor | dict[str, Any]) -> Any:
        """Build the log processor."""
        if isinstance(log_processor, LogProcessor):
            return log_processor
        if isinstance(log_processor, dict):
            return LOG_PROCESSORS.build(log_processor, default_args=dict(type='LogProcessor'))
        raise TypeError(f'log processor should be a LogProcessor object or dict, but got {log_processor!r}')

    # -- hooks ------------------------------------------------------------------------------------------------------

    def register_hook(self, hook: Any, priority: str | int | Priority | None = None) -> None:
        """Add a hook behind all of the same or a higher priority.

        Args:
            hook: A hook or its config, which may hold `priority`.
            priority: Goes before the config's and the hook's own.
        """
        self._hook_list.register(hook, priority)

    def register_default_hooks(self, hooks: dict[str, Any] | None = None) -> None:
        """Add the hooks that every runner has; `hooks` replaces them by name, None takes one away."""
        chosen = {**DEFAULT_HOOKS, **(hooks or {})}
        for hook in chosen.values():
            if hook is not None:
                self.register_hook(hook)

    def register_custom_hooks(self, hooks: Sequence[Any]) -> None:
        """Add hooks, or their configs, in their order."""
        for hook in hooks:
            self.register_hook(hook)

    def register_hooks(self, default_hooks: dict[str, Any] | None = None,
                       custom_hooks: Sequence[Any] | None = None) -> None:
        """Add the default hooks, then the custom ones."""
        self.register_default_hooks(default_hooks)
        if custom_hooks is not None:
            self.register_custom_hooks(custom_hooks)

    def get_hooks_info(self) -> str:
        """Tell for each stage which hooks are called, in their order."""
        return self._hook_list.info()
