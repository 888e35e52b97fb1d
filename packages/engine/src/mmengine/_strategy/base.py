"""The seam between a run and what carries it: one device, many ranks, or a large-model engine."""
from __future__ import annotations

import os
import platform
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from mmengine._strategy.build import (
    ParamSchedulers,
    build_model,
    build_optimizer,
    build_schedulers,
    scale_learning_rate,
)
from mmengine._strategy.environment import claim_timestamp, set_up_process
from mmengine._strategy.randomness import set_random_seed
from mmengine.checkpoint.background import BackgroundWriter
from mmengine.checkpoint.files import MapLocation, write_checkpoint
from mmengine.checkpoint.loader import CheckpointLoader
from mmengine.checkpoint.state_dict import get_state_dict, load_state_dict, rename_keys, weights_to_cpu
from mmengine.checkpoint.wrappers import unwrap
from mmengine.dist import broadcast, get_dist_info, is_distributed, is_main_process
from mmengine.logging import MMLogger
from mmengine.utils.dl_utils import collect_env

Callback = Callable[..., None]
#: What the name of a weight begins with if it was saved from within a wrapper, and what stands for it.
PREFIX_OF_WRAPPER = ((r'^module.', ''),)


class BaseStrategy(metaclass=ABCMeta):
    """Owns what differs between ways of training: the process, the placing of the model, and its state.

    A runner asks in this order: the constructor sets the process up; `convert_model`, `wrap_model` and
    `compile_model` make a model ready; `build_optim_wrapper` and `build_param_scheduler` follow; the state is saved
    and loaded through `save_checkpoint`, `load_checkpoint` and `resume`. `prepare` does all that comes before a loop.

    Args:
        work_dir: Folder of all runs.
        experiment_name: Name that the timestamp is put behind; by default the timestamp alone.
        env_kwargs: Arguments of `set_up_process` (launcher, cudnn_benchmark, mp_cfg, dist_cfg, resource_limit), and
            `randomness` with the arguments of `set_random_seed`.
        log_kwargs: Arguments of `build_logger`.
        auto_scale_lr: `enable` and `base_batch_size`, see `scale_learning_rate`.
    """

    #: Whether all ranks have to take part in taking the state, as they do where the model is spread over them.
    collective_state = False
    #: Whether a hook may keep an average of the model beside it.
    averages_models = True

    model: nn.Module
    optim_wrapper: Any
    param_schedulers: ParamSchedulers | None

    def __init__(self, *, work_dir: str = 'work_dirs', experiment_name: str | None = None,
                 env_kwargs: dict[str, Any] | None = None, log_kwargs: dict[str, Any] | None = None,
                 auto_scale_lr: dict[str, Any] | None = None) -> None:
        env = dict(env_kwargs or {})
        randomness = dict(env.pop('randomness', None) or {})
        self._launcher: str = env.get('launcher') or 'none'
        self._auto_scale_lr = auto_scale_lr
        self._work_dir = os.path.abspath(os.path.expanduser(work_dir))
        self._setup_env(**env)
        self._timestamp = claim_timestamp(self._work_dir)
        self._log_dir = os.path.join(self._work_dir, self._timestamp)
        self._experiment_name = f'{experiment_name}_{self._timestamp}' if experiment_name else self._timestamp
        self.logger = self.build_logger(**(log_kwargs or {}))
        self._set_randomness(**randomness)
        #: Whether checkpoints may hold any object, see `mmengine.checkpoint.safety`.
        self.trust_checkpoint = False
        #: Writes checkpoints while the training goes on, where a hook has set it.
        self.background: BackgroundWriter | None = None

    # -- the process ------------------------------------------------------------------------------------------------

    def _setup_env(self, **kwargs: Any) -> None:
        set_up_process(**{**kwargs, 'launcher': self._launcher})

    def _set_randomness(self, seed: int | None = None, diff_rank_seed: bool = False,
                        deterministic: bool = False) -> None:
        self._randomness = dict(seed=seed, diff_rank_seed=diff_rank_seed, deterministic=deterministic)
        self._deterministic = deterministic
        self._seed = set_random_seed(seed, deterministic, diff_rank_seed)

    def build_logger(self, log_level: int | str = 'INFO', log_file: str | None = None, **kwargs: Any) -> MMLogger:
        """Build the logger of the run; by default it writes to `log_dir/TIMESTAMP.log` as well."""
        log_file = log_file or os.path.join(self._log_dir, f'{self._timestamp}.log')
        kwargs.setdefault('name', self._experiment_name)
        kwargs.setdefault('file_mode', 'a')
        logger: MMLogger = MMLogger.get_instance(log_level=log_level, log_file=log_file, **kwargs)
        return logger

    def collect_env(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Describe the machine with its software, and what the user set about this run."""
        runtime = dict(self._randomness, launcher=self._launcher, distributed=self.distributed,
                       world_size=self.world_size)
        return {'host': platform.node(), **collect_env()}, runtime

    # -- the model and what trains it -------------------------------------------------------------------------------

    def build_model(self, model: nn.Module | dict[str, Any]) -> nn.Module:
        """Build a model from its config, or take it as it is."""
        return build_model(model)

    @abstractmethod
    def convert_model(self, model: nn.Module) -> nn.Module:
        """Replace layers for this way of training, batch normalisation for example."""

    @abstractmethod
    def _wrap_model(self, model: nn.Module, wrapper_cfg: dict[str, Any] | None = None) -> nn.Module:
        """Place a model on its device, and wrap it where several ranks train it."""

    def wrap_model(self, model: nn.Module, wrapper_cfg: dict[str, Any] | None = None) -> nn.Module:
        """Convert a model, place it on its device and wrap it; what is wrapped already stays as it is.

        Args:
            model: The model.
            wrapper_cfg: Config of the wrapper, from the registry MODEL_WRAPPERS; by default the strategy's own.
        """
        self.model = model if unwrap(model) is not model else self._wrap_model(self.convert_model(model), wrapper_cfg)
        return self.model

    def compile_model(self, model: nn.Module, compile: dict[str, Any] | bool = False) -> nn.Module:
        """Compile the step of a model with `torch.compile`.

        Args:
            model: The model.
            compile: Whether to compile, or the arguments of `torch.compile`; `target` is the method to compile,
                `forward` by default.
        """
        if not compile:
            return model
        options = dict(compile) if isinstance(compile, dict) else {}
        target = options.pop('target', 'forward')
        setattr(model, target, torch.compile(getattr(model, target), **options))
        self.logger.info('Model has been "compiled". The first few iterations will be slow, please be patient.')
        return model

    def _init_model_weights(self, model: nn.Module) -> nn.Module:
        inner = unwrap(model)
        if hasattr(inner, 'init_weights'):
            inner.init_weights()
            # All ranks initialise with their own random numbers: rank 0 decides.
            if is_distributed():
                for value in [*inner.parameters(), *inner.buffers()]:
                    broadcast(value.data)
        return model

    def build_optim_wrapper(self, optim_wrapper: Any, model: nn.Module | None = None) -> Any:
        """Build the optimizer wrapper, see `mmengine._strategy.build.build_optimizer`."""
        self.optim_wrapper = build_optimizer(optim_wrapper, model if model is not None else self.model)
        return self.optim_wrapper

    def build_param_scheduler(self, scheduler: Any, optim_wrapper: Any,
                              default_args: dict[str, Any] | None = None) -> ParamSchedulers:
        """Build the parameter schedulers, see `mmengine._strategy.build.build_schedulers`."""
        defaults = {'max_epochs': None, 'max_iters': None, 'epoch_length': None, **(default_args or {})}
        self.param_schedulers = build_schedulers(scheduler, optim_wrapper, defaults)
        return self.param_schedulers

    def _scale_lr(self, train_batch_size: int) -> None:
        scale_learning_rate(self.optim_wrapper, train_batch_size, self._auto_scale_lr)

    def prepare(self, model: nn.Module | dict[str, Any], *, optim_wrapper: Any = None, param_scheduler: Any = None,
                compile: dict[str, Any] | bool = False, dispatch_kwargs: dict[str, Any] | None = None) -> list[Any]:
        """Make everything ready that a loop needs.

        Args:
            model: The model or its config.
            optim_wrapper: The optimizer wrapper or its config; None where nothing is trained.
            param_scheduler: Schedulers or their configs.
            compile: See `compile_model`.
            dispatch_kwargs: What the loop knows: `max_epochs`, `max_iters`, `epoch_length`, `train_micro_batch_size`;
                `init_weights`, whether the weights are initialised.

        Returns:
            The model, then the optimizer wrapper and the schedulers as far as they were asked for.
        """
        facts = dict(dispatch_kwargs or {})
        wrapped = self.wrap_model(self.build_model(model))
        self.model = self.compile_model(wrapped, compile=compile)
        if facts.get('init_weights'):
            self._init_model_weights(self.model)
        prepared: list[Any] = [self.model]
        if optim_wrapper is not None:
            prepared.append(self.build_optim_wrapper(optim_wrapper, self.model))
            if self._auto_scale_lr and 'train_micro_batch_size' in facts:
                self._scale_lr(facts['train_micro_batch_size'])
        if param_scheduler is not None:
            prepared.append(self.build_param_scheduler(param_scheduler, self.optim_wrapper, facts))
        return prepared

    # -- state ------------------------------------------------------------------------------------------------------

    def model_state_dict(self) -> dict[str, Any]:
        """Take the weights, on the CPU."""
        return self.state_of(self.model)

    def state_of(self, model: nn.Module) -> dict[str, Any]:
        """Take the weights of a model as a checkpoint has them, the run's own or a copy of it."""
        return weights_to_cpu(get_state_dict(model))

    def placed(self, state_dict: dict[str, Any], model: nn.Module) -> dict[str, Any]:
        """Place the weights of a checkpoint as a model needs them that is to load them."""
        return state_dict

    def settle(self, model: nn.Module) -> None:  # noqa: B027  # most have nothing to do
        """Make sure that what is written to the parameters of a model is what it computes with."""

    def optim_state_dict(self) -> dict[str, Any]:
        """Take the state of the optimizer or optimizers."""
        state: dict[str, Any] = self.optim_wrapper.state_dict()
        return state

    def scheduler_state_dict(self) -> Any:
        """Take the state of the schedulers: a list, or a list for each optimizer."""
        schedulers = self.param_schedulers or []
        if isinstance(schedulers, dict):
            return {name: [scheduler.state_dict() for scheduler in items] for name, items in schedulers.items()}
        return [scheduler.state_dict() for scheduler in schedulers]

    def load_model_state_dict(self, state_dict: dict[str, Any], *, strict: bool = False,
                              revise_keys: Sequence[tuple[str, str]] = PREFIX_OF_WRAPPER) -> None:
        """Load weights, their keys renamed by `revise_keys`, and report what does not fit."""
        load_state_dict(self.model, rename_keys(state_dict, revise_keys), strict, self.logger)

    def load_optim_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state of the optimizer or optimizers."""
        self.optim_wrapper.load_state_dict(state_dict)

    def load_scheduler_state_dict(self, state_dict: Any) -> None:
        """Load the state of the schedulers."""
        schedulers = getattr(self, 'param_schedulers', None) or []
        if isinstance(schedulers, dict) != isinstance(state_dict, dict):
            raise ValueError(f'the checkpoint has param_schedulers of the form {type(state_dict).__name__}, but this '
                             f'run has {type(schedulers).__name__}: the number of optimizers differs')
        groups = [(schedulers[name], state_dict[name]) for name in schedulers] if isinstance(schedulers, dict) \
            else [(schedulers, state_dict)]
        for own, loaded in groups:
            if len(own) != len(loaded):
                self.logger.warning(f'The checkpoint has the state of {len(loaded)} schedulers of parameters, but this '
                                    f'run has {len(own)}: they are taken in their order')
            for scheduler, state in zip(own, loaded, strict=False):
                scheduler.load_state_dict(state)

    def load_checkpoint(self, filename: str, *, map_location: MapLocation = 'cpu', strict: bool = False,
                        revise_keys: Sequence[tuple[str, str]] = PREFIX_OF_WRAPPER,
                        callback: Callback | None = None) -> dict[str, Any]:
        """Load weights from a checkpoint; everything else of the run stays as it is.

        Args:
            filename: Path, URL or URI of the checkpoint.
            map_location: Where tensors go, as in `torch.load`; `'default'` is this rank's device.
            strict: Whether weights that do not fit are an error.
            revise_keys: Pairs of pattern and replacement that rename the weights.
            callback: Called with `checkpoint=` before its weights are taken.

        Returns:
            What the checkpoint holds.
        """
        self.logger.info(f'Load checkpoint from {filename}')
        checkpoint = self._read(filename, map_location)
        if callback is not None:
            callback(checkpoint=checkpoint)
        self.load_model_state_dict(checkpoint.get('state_dict', checkpoint), strict=strict, revise_keys=revise_keys)
        return checkpoint

    def resume(self, filename: str, *, resume_optimizer: bool = True, resume_param_scheduler: bool = True,
               map_location: MapLocation = 'default', callback: Callback | None = None) -> dict[str, Any]:
        """Load weights, optimizer and schedulers from a checkpoint.

        Args:
            filename: Path, URL or URI of the checkpoint.
            resume_optimizer: Whether the optimizer's state is taken.
            resume_param_scheduler: Whether the schedulers' state is taken.
            map_location: Where tensors go, as in `torch.load`; `'default'` is this rank's device.
            callback: Called with `checkpoint=` before anything is taken from it.

        Returns:
            What the checkpoint holds.
        """
        self.logger.info(f'Resume checkpoint from {filename}')
        checkpoint = self._read(filename, map_location)
        if callback is not None:
            callback(checkpoint=checkpoint)
        self.load_model_state_dict(checkpoint['state_dict'])
        if resume_optimizer:
            self._resume_part(filename, checkpoint, 'optimizer', getattr(self, 'optim_wrapper', None),
                              self.load_optim_state_dict)
        if resume_param_scheduler:
            self._resume_part(filename, checkpoint, 'param_schedulers', getattr(self, 'param_schedulers', None),
                              self.load_scheduler_state_dict)
        return checkpoint

    def _resume_part(self, filename: str, checkpoint: dict[str, Any], key: str, own: Any,
                     load: Callable[[Any], None]) -> None:
        if key in checkpoint:
            load(checkpoint[key])
        elif own:
            self.logger.warning(f'{filename} holds no {key!r}, as the best checkpoints for example: the run goes on '
                                f'with a new state of it, and not as if it had never stopped')

    def load_or_resume(self, *, load_from: str | None = None, resume: bool | str = False) -> dict[str, Any] | None:
        """Load from `load_from`, or resume from it or from `resume` if that is a path; None if neither is asked for."""
        source = resume if isinstance(resume, str) else load_from
        if not source:
            return None
        return self.resume(source) if resume else self.load_checkpoint(source)

    def _read(self, filename: str, map_location: MapLocation) -> dict[str, Any]:
        location = self._device() if map_location == 'default' else map_location
        checkpoint: dict[str, Any] = CheckpointLoader.load_checkpoint(filename, location, self.logger,
                                                                      trusted=self.trust_checkpoint)
        return checkpoint

    def _device(self) -> torch.device:
        return next((value.device for value in self.model.parameters()), torch.device('cpu'))

    def save_checkpoint(self, filename: str, *, save_optimizer: bool = True, save_param_scheduler: bool = True,
                        extra_ckpt: dict[str, Any] | None = None, callback: Callback | None = None,
                        backend_args: dict[str, Any] | None = None) -> None:
        """Write a checkpoint, on rank 0.

        Args:
            filename: Path, or URI of a storage backend.
            save_optimizer: Whether the optimizer's state is in it.
            save_param_scheduler: Whether the schedulers' state is in it.
            extra_ckpt: Further items.
            callback: Called with `checkpoint=` before it is written.
            backend_args: Arguments of the storage backend.
        """
        if not (is_main_process() or self.collective_state):
            return
        checkpoint: dict[str, Any] = {**(extra_ckpt or {}), 'state_dict': self.model_state_dict()}
        if save_optimizer and getattr(self, 'optim_wrapper', None) is not None:
            checkpoint['optimizer'] = self.optim_state_dict()
        if save_param_scheduler and getattr(self, 'param_schedulers', None) is not None:
            checkpoint['param_schedulers'] = self.scheduler_state_dict()
        if callback is not None:
            callback(checkpoint=checkpoint)
        self._write(checkpoint, filename, backend_args)

    def _write(self, checkpoint: dict[str, Any], filename: str, backend_args: dict[str, Any] | None) -> None:
        """Write a state under a name; what `_read` reads. A strategy of shards may write a folder."""
        if is_main_process():
            write = write_checkpoint if self.background is None else self.background.write
            write(checkpoint, filename, backend_args)

    # -- facts about the run ----------------------------------------------------------------------------------------

    @property
    def work_dir(self) -> str:
        """Folder of all runs."""
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
    def experiment_name(self) -> str:
        """Unique name of the run."""
        return self._experiment_name

    @property
    def launcher(self) -> str:
        """What started the ranks."""
        return self._launcher

    @property
    def distributed(self) -> bool:
        """Whether there are several ranks, or one in a process group."""
        return is_distributed()

    @property
    def seed(self) -> int:
        """Seed of the random generators."""
        return self._seed

    @property
    def randomness(self) -> dict[str, Any]:
        """What was asked for about randomness: `seed`, `diff_rank_seed`, `deterministic`."""
        return self._randomness

    @property
    def rank(self) -> int:
        """Rank of this process."""
        return int(get_dist_info()[0])

    @property
    def world_size(self) -> int:
        """Number of ranks."""
        return int(get_dist_info()[1])
