"""The runner: trains, validates, tests and resumes a model, from a config or from objects."""
from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import nn
from torch.utils.data import DataLoader

from mmengine._strategy import BaseStrategy
from mmengine._strategy.build import check_schedulers
from mmengine.checkpoint import find_latest_checkpoint
from mmengine.checkpoint.wrappers import unwrap
from mmengine.config import Config, ConfigDict
from mmengine.dist import master_only
from mmengine.model.activation_checkpointing import turn_on_activation_checkpointing
from mmengine.model.efficient_conv_bn_eval import turn_on_efficient_conv_bn_eval
from mmengine.registry import RUNNERS, DefaultScope
from mmengine.runner.base_loop import BaseLoop
from mmengine.runner.eval_loops import TestLoop as TestLoop  # these three: upstream's path of them
from mmengine.runner.eval_loops import ValLoop as ValLoop
from mmengine.runner.failure_notes import note_metric
from mmengine.runner.hook_list import HookList
from mmengine.runner.legacy_log_config import translate_log_config
from mmengine.runner.runner_state import RunnerState
from mmengine.runner.train_loops import EpochBasedTrainLoop as EpochBasedTrainLoop
from mmengine.visualization import Visualizer
from mmengine.visualization.redact import redact

_Cfg = dict[str, Any]


@RUNNERS.register_module()
class Runner(RunnerState):
    """Drives a run. Each component may be an object or its config.

    What trains: `train_dataloader`, `train_cfg` and `optim_wrapper`, all or none; likewise `val_dataloader`, `val_cfg`
    and `val_evaluator` for validation, and the same with `test_` for testing. Loops, data loaders, the optimizer and
    the schedulers are built when they are first needed.

    Args:
        model: The model.
        work_dir: Folder of all that outlives one run; each run has a folder of its own below, named by its start.
        train_dataloader: Data loader of training.
        val_dataloader: Data loader of validation; several by the names of their data sets, or in a list.
        test_dataloader: Data loader of testing; likewise.
        train_cfg: The training loop: `by_epoch` with `max_epochs` or `max_iters`, or `type`; `val_interval`.
        val_cfg: The validation loop; `dict()` is the usual one, `dict(compute_loss=True)` gives `val/loss` as well.
        test_cfg: The test loop; `dict()` is the usual one.
        auto_scale_lr: `enable` and `base_batch_size`, to scale the learning rate with the real batch size.
        optim_wrapper: The optimizer wrapper, with `optimizer` in it.
        param_scheduler: Schedulers of learning rate and momentum.
        val_evaluator: Metrics of validation, for all data sets or for each by its name; see `EvalLoop`.
        test_evaluator: Metrics of testing; likewise.
        default_hooks: Replaces the default hooks by name; None takes one away.
        custom_hooks: Further hooks.
        data_preprocessor: Data preprocessor of a model that is given as a config without one.
        load_from: Checkpoint to load weights from, or to resume from.
        resume: Whether to resume: from `load_from`, or from the newest checkpoint of `work_dir`. May be a path.
        launcher: What started the ranks: `'none'`, `'pytorch'`, `'slurm'` or `'mpi'`.
        env_cfg: `cudnn_benchmark`, `mp_cfg`, `dist_cfg`, `resource_limit` of the process.
        log_processor: How scalars become lines of the log.
        log_level: Level of the logger.
        visualizer: The way to every recorder and tracker; the local record by default.
        default_scope: Scope in which names of classes are looked up first.
        randomness: `seed`, `diff_rank_seed`, `deterministic`.
        experiment_name: Name of the run, made unique by its start; by default the name of the config file.
        cfg: The whole config, which is recorded with the run.
        strategy: What carries the run; by default one device, or DDP where ranks were launched.
        trust_checkpoint: Whether checkpoints may hold any object; reading them may then run any code.
    """

    #: Whether the model is built with the runner, and not only when a loop needs it.
    _builds_model_early = True

    def __init__(self, model: nn.Module | _Cfg, work_dir: str, train_dataloader: DataLoader[Any] | _Cfg | None = None,
                 val_dataloader: DataLoader[Any] | _Cfg | None = None,
                 test_dataloader: DataLoader[Any] | _Cfg | None = None, train_cfg: _Cfg | None = None,
                 val_cfg: _Cfg | None = None, test_cfg: _Cfg | None = None, auto_scale_lr: _Cfg | None = None,
                 optim_wrapper: Any = None, param_scheduler: Any = None, val_evaluator: Any = None,
                 test_evaluator: Any = None, default_hooks: dict[str, Any] | None = None,
                 custom_hooks: Sequence[Any] | None = None, data_preprocessor: nn.Module | _Cfg | None = None,
                 load_from: str | None = None, resume: bool | str = False, launcher: str = 'none',
                 env_cfg: _Cfg | None = None, log_processor: Any = None, log_level: str = 'INFO',
                 visualizer: Visualizer | _Cfg | None = None, default_scope: str = 'mmengine',
                 randomness: _Cfg | None = None, experiment_name: str | None = None,
                 cfg: Config | ConfigDict | _Cfg | None = None, *, strategy: BaseStrategy | _Cfg | None = None,
                 trust_checkpoint: bool = False) -> None:
        self.cfg = self._as_config(cfg)
        self._keep_loops(train_dataloader, train_cfg, optim_wrapper, val_dataloader, val_cfg, val_evaluator,
                         test_dataloader, test_cfg, test_evaluator)
        self._keep_schedulers(param_scheduler)
        self.auto_scale_lr = auto_scale_lr
        self._rank_states = None
        self._has_loaded = False
        self._load_from, self._resume = load_from, resume
        self._randomness_cfg = dict(randomness or {})

        stem = os.path.splitext(os.path.basename(self.cfg.filename))[0] if self.cfg.filename else None
        self.strategy = self.build_strategy(
            strategy, work_dir=work_dir, experiment_name=experiment_name or stem, log_kwargs=dict(log_level=log_level),
            env_kwargs=dict(launcher=launcher, randomness=self._randomness_cfg, **(env_cfg or {})))
        self.strategy.trust_checkpoint = trust_checkpoint
        self._take_identity()
        self._hook_list = HookList()
        self._build_recorders(default_scope, log_processor, visualizer)
        with self._running('construction'):
            self._log_environment()
            self._take_model(model, data_preprocessor)
            self.register_hooks(default_hooks, custom_hooks)
            self.logger.info(f'Hooks will be executed in the following order:\n{self.get_hooks_info()}')
            self.dump_config()

    # -- construction -----------------------------------------------------------------------------------------------

    @staticmethod
    def _as_config(cfg: Any) -> Config:
        if isinstance(cfg, Config):
            return copy.deepcopy(cfg)
        if cfg is None or isinstance(cfg, dict):
            return Config(copy.deepcopy(dict(cfg or {})))
        raise TypeError(f'cfg should be a Config or dict, but got {type(cfg)}: {cfg!r}')

    def _keep_loops(self, *parts: Any) -> None:
        for mode, triple in zip(('train', 'val', 'test'), (parts[:3], parts[3:6], parts[6:]), strict=True):
            names = (f'{mode}_dataloader', f'{mode}_cfg', 'optim_wrapper' if mode == 'train' else f'{mode}_evaluator')
            missing = [name for name, part in zip(names, triple, strict=True) if part is None]
            if missing and len(missing) < 3:
                raise ValueError(f'{names[0]}, {names[1]}, and {names[2]} should be either all None or not None, '
                                 f'but {", ".join(missing)} {"is" if len(missing) == 1 else "are"} None')
        self._train_dataloader, self._train_loop, self.optim_wrapper = parts[:3]
        self._val_dataloader, self._val_loop, self._val_evaluator = parts[3:6]
        self._test_dataloader, self._test_loop, self._test_evaluator = parts[6:]

    def _keep_schedulers(self, param_scheduler: Any) -> None:
        if param_scheduler is not None and self.optim_wrapper is None:
            raise ValueError('param_scheduler should be None when optim_wrapper is None, '
                             f'but got {param_scheduler!r}')
        check_schedulers(param_scheduler)
        single = param_scheduler is not None and not isinstance(param_scheduler, (list, tuple, dict))
        self.param_schedulers = [param_scheduler] if single else param_scheduler

    def _take_identity(self) -> None:
        strategy = self.strategy
        self.logger = strategy.logger
        self._work_dir, self._log_dir = strategy.work_dir, strategy.log_dir
        self._timestamp, self._experiment_name = strategy.timestamp, strategy.experiment_name
        self._launcher, self._distributed = strategy.launcher, strategy.distributed
        self._seed, self._deterministic = strategy.seed, strategy.randomness['deterministic']

    def _build_recorders(self, default_scope: str, log_processor: Any, visualizer: Any) -> None:
        self.default_scope = DefaultScope.get_instance(self._experiment_name, scope_name=default_scope)
        self.log_processor = self.build_log_processor({} if log_processor is None else log_processor)
        self.message_hub = self.build_message_hub()
        self.visualizer = self.build_visualizer(visualizer)
        if self.cfg:
            self.visualizer.add_config(self.cfg)

    def _log_environment(self) -> None:
        environment, runtime = self.strategy.collect_env()
        lines = [f'    {name}: {value}' for name, value in environment.items()]
        own = [f'    {name}: {value}' for name, value in runtime.items()]
        rule = '-' * 60
        self.logger.info('\n'.join(['', rule, 'System environment:', *lines, '', 'Runtime environment:', *own, rule]))
        if self.cfg:
            self.logger.info(f'Config:\n{redact(self.cfg).pretty_text}')

    def _take_model(self, model: Any, data_preprocessor: Any) -> None:
        if isinstance(model, dict) and data_preprocessor is not None:
            model = copy.deepcopy(model)
            model.setdefault('data_preprocessor', data_preprocessor)
        self._model_name = ''
        self.model = model
        if self._builds_model_early:
            self._place_model()

    def _place_model(self) -> None:
        model = self.build_model(self.model)
        self._model_name = getattr(model, 'name', type(unwrap(model)).__name__)
        self.model = self.wrap_model(self.cfg.get('model_wrapper_cfg'), model)

    @classmethod
    def from_cfg(cls, cfg: Config | ConfigDict | _Cfg) -> Runner:
        """Build a runner from a config whose keys are the arguments of the constructor; others are recorded only.

        Raises:
            KeyError: `model` or `work_dir` is missing.
        """
        cfg = copy.deepcopy(cfg)
        translate_log_config(cfg)
        for name in ('model', 'work_dir'):
            if cfg.get(name) is None:
                file = getattr(cfg, 'filename', None)
                raise KeyError(f'the config{f" {file}" if file else ""} needs the key {name!r}')
        # A subclass may take arguments of its own, or hand on whatever it gets.
        names = {**inspect.signature(Runner.__init__).parameters, **inspect.signature(cls.__init__).parameters}
        given: dict[str, Any] = {name: cfg[name] for name in names if name not in ('self', 'cfg') and name in cfg}
        return cls(**given, cfg=cfg)

    @master_only
    def dump_config(self) -> None:
        """Write the config to `work_dir`, under its own name or that of the run, without passwords and keys."""
        name = os.path.basename(self.cfg.filename) if self.cfg.filename else f'{self.timestamp}.py'
        redact(self.cfg).dump(os.path.join(self.work_dir, name))

    # -- running ----------------------------------------------------------------------------------------------------

    def train(self) -> nn.Module:
        """Train, with validation on the way, and give the model.

        Raises:
            RuntimeError: There is no `train_cfg`.
            AssertionError: The model lacks `train_step` or `val_step`.
        """
        self._need_loop(self._train_loop, 'train', 'train_dataloader', 'train_cfg', 'optim_wrapper')
        with self._running('train'):
            self._prepare_training()
            self.call_hook('before_run')
            self._init_model_weights()
            self._save_memory()
            self.load_or_resume()
            self.optim_wrapper.initialize_count_status(self.model, self.train_loop.iter, self.train_loop.max_iters)
            self._maybe_compile('train_step')
            model: nn.Module = self.train_loop.run()
            self._end_run()
        return model

    def val(self) -> dict[str, float]:
        """Validate, and give the metrics by name.

        Raises:
            RuntimeError: There is no `val_cfg`.
        """
        return self._evaluate('val')

    def test(self) -> dict[str, float]:
        """Test, and give the metrics by name.

        Raises:
            RuntimeError: There is no `test_cfg`.
        """
        return self._evaluate('test')

    def _evaluate(self, mode: str) -> dict[str, float]:
        self._need_loop(getattr(self, f'_{mode}_loop'), mode, f'{mode}_dataloader', f'{mode}_cfg', f'{mode}_evaluator')
        with self._running(mode):
            self._prepare_evaluation()
            loop = getattr(self, f'{mode}_loop')
            self.call_hook('before_run')
            self.load_or_resume()
            metrics: dict[str, float] = loop.run()
            self._end_run()
        return metrics

    def _prepare_training(self) -> None:
        self._need_step('train')
        if self._val_loop is not None:
            self._need_step('val')
        self._train_loop = self.train_loop
        self.optim_wrapper = self.build_optim_wrapper(self.optim_wrapper)
        self.scale_lr(self.optim_wrapper, self.auto_scale_lr)
        if self.param_schedulers is not None:
            self.param_schedulers = self.build_param_scheduler(self.param_schedulers)
        self._val_loop = self.val_loop  # built now: its mistakes show before the first epoch

    def _prepare_evaluation(self) -> None:
        """Make the model ready where it is not built with the runner."""

    def _init_model_weights(self) -> None:
        self.strategy._init_model_weights(self.model)

    def _save_memory(self) -> None:
        """Change the parts of the model that the config names as `activation_checkpointing` and the like."""
        for key, turn_on in (('efficient_conv_bn_eval', turn_on_efficient_conv_bn_eval),
                             ('activation_checkpointing', turn_on_activation_checkpointing)):
            modules = self.cfg.get(key)
            if modules is not None:
                self.logger.info(f'Turning on {key} in {modules}')
                turn_on(unwrap(self.model), modules)

    def _maybe_compile(self, target: str) -> None:
        options = self.cfg.get('compile', False)
        if not options:
            return
        options = dict(target=target) if options is True else {'target': target, **options}
        self.model = self.strategy.compile_model(self.model, compile=options)

    @staticmethod
    def _need_loop(loop: Any, mode: str, *names: str) -> None:
        if loop is None:
            raise RuntimeError(f'`self._{mode}_loop` should not be None when calling {mode} method. Please provide '
                               f'`{names[0]}`, `{names[1]}` and `{names[2]}` arguments when initializing runner.')

    def _need_step(self, mode: str) -> None:
        if not hasattr(unwrap(self.model), f'{mode}_step'):
            what = {'train': 'train', 'val': 'validate'}[mode]
            raise AssertionError(f'If you want to {what} your model, please make sure your model has implemented '
                                 f'`{mode}_step`: {type(unwrap(self.model)).__name__} has not (BaseModel has)')

    @contextmanager
    def _running(self, mode: str) -> Iterator[None]:
        """Make this run's logger and recorders the current ones, and leave nothing open however it ends."""
        for manager in (self.default_scope, self.logger, self.message_hub, self.visualizer):
            manager.make_current()
        try:
            try:
                yield
            finally:  # before hooks let go of signals: one that a worker has got would end it from outside
                self._end_workers()
        except (KeyboardInterrupt, SystemExit) as ended:
            if mode == 'train' and not ended.args:  # with a text it comes from a hook, which saved and said so
                self.logger.warning(self._how_to_resume('Training was interrupted'))
            self._close('aborted')
            raise
        except Exception as error:
            note_metric(error, self)
            if mode == 'train':
                self._rescue()
                if self.iter:
                    self.logger.error(self._how_to_resume(f'Training stopped by {type(error).__name__}: {error}'))
            self._close('failed')
            raise
        finally:
            self.logger.close()

    def _end_workers(self) -> None:
        for loop in (self._train_loop, self._val_loop, self._test_loop):
            if isinstance(loop, BaseLoop):
                loop.close()

    def _rescue(self) -> None:
        """Let hooks save what the failure of a validation would lose."""
        for hook in self.hooks:
            try:
                if hasattr(hook, 'rescue'):
                    hook.rescue(self)
            except Exception as error:  # the error that ended the run is the one to raise
                self.logger.error(f'{type(hook).__name__} could not save the run: {type(error).__name__}: {error}')

    def _end_run(self) -> None:
        """Call the hooks, which may still record, and then end the run at the trackers."""
        self.call_hook('after_run')
        self.visualizer.close()

    def _close(self, status: str) -> None:
        """End what a run that did not come to its end leaves open: trackers, and hooks that have a `close`."""
        for opened in (*self.hooks, partial(self.visualizer.close, status)):
            try:
                close = opened if isinstance(opened, partial) else getattr(opened, 'close', None)
                if close is not None:
                    close()
            except Exception as error:  # the error that ended the run is the one to raise
                self.logger.error(f'{opened!r} could not be closed: {type(error).__name__}: {error}')

    def _how_to_resume(self, what: str) -> str:
        checkpoint = find_latest_checkpoint(self.work_dir)
        text = f'{what} in epoch {self.epoch + 1}, after {self.iter} of {self.max_iters} iterations.'
        if checkpoint is None:
            return f'{text} No checkpoint was written yet.'
        return (f'{text} The last checkpoint is whole: {checkpoint}. To go on from there, run again with the same '
                f'work_dir and resume=True.')
