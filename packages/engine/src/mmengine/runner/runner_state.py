"""How a runner saves its whole state and takes it back."""
from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Any

from torch import nn

from mmengine.checkpoint import find_whole_checkpoint
from mmengine.checkpoint.files import MapLocation
from mmengine.checkpoint.wrappers import unwrap
from mmengine.dist import broadcast_object_list, gather_object, is_main_process
from mmengine.fileio import FileClient, join_path
from mmengine.runner.base_loop import BaseLoop
from mmengine.runner.failure_notes import note_hook
from mmengine.runner.plain import plain
from mmengine.runner.rank_buffers import load_own_buffers, own_buffers
from mmengine.runner.runner_builders import RunnerBuilders
from mmengine.utils import get_git_hash
from mmengine.version import __version__
from mmengine.visualization.redact import redact


@cache
def _version() -> str:
    """Give the version with the commit of the working directory, asked for once: git is a process of its own."""
    return __version__ + get_git_hash(digits=7, fallback='')


class RunnerState(RunnerBuilders):
    """The methods of a runner that read and write checkpoints."""

    _load_from: str | None
    _resume: bool | str
    _has_loaded: bool
    _rank_states: tuple[int, list[Any]] | None
    #: The config as text, as it is and without secrets.
    _config_texts: tuple[str, str] | None = None

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        """Call the stage `fn_name` of every hook that has it, in the order of their priorities."""
        hook = None
        try:
            for hook in self._hook_list.at(fn_name):
                getattr(hook, fn_name)(self, **kwargs)
        except Exception as error:
            note_hook(error, self, hook, fn_name, kwargs)
            raise

    # -- saving -----------------------------------------------------------------------------------------------------

    def save_checkpoint(self, out_dir: str, filename: str, file_client_args: dict[str, Any] | None = None,
                        save_optimizer: bool = True, save_param_scheduler: bool = True,
                        meta: dict[str, Any] | None = None, by_epoch: bool = True,
                        backend_args: dict[str, Any] | None = None) -> None:
        """Write everything that a resumed run needs to go on as if it had never stopped.

        The file has its name only once it is whole. Keys: `meta` (with `epoch` and `iter`, the finished ones),
        `state_dict`, `message_hub`, `optimizer`, `param_schedulers`, `hooks`, `loop` and `ranks`.

        Args:
            out_dir: Folder, also on a storage backend.
            filename: Name in the folder.
            file_client_args: Upstream's older name for `backend_args`.
            save_optimizer: Whether the optimizer's state is in it.
            save_param_scheduler: Whether the schedulers' state is in it.
            meta: Further facts, which go before the runner's own.
            by_epoch: Whether this is called at the end of an epoch, and not of an iteration.
            backend_args: Arguments of the storage backend.

        Raises:
            TypeError: `meta` is no dict.
            ValueError: Both `file_client_args` and `backend_args` are given.
        """
        if meta is not None and not isinstance(meta, dict):
            raise TypeError(f'meta should be a dict or None, but got {type(meta)}')
        if file_client_args is not None and backend_args is not None:
            raise ValueError('"file_client_args" and "backend_args" cannot be set at the same time.')
        if not (is_main_process() or self.strategy.collective_state):
            self._rank_states = None
            return
        if file_client_args is not None:
            filepath = FileClient.infer_client(file_client_args, out_dir).join_path(out_dir, filename)
        else:
            filepath = join_path(out_dir, filename, backend_args=backend_args)
        self.strategy.save_checkpoint(
            str(filepath), save_optimizer=save_optimizer, save_param_scheduler=save_param_scheduler,
            extra_ckpt=self._state(self._checkpoint_meta(meta, by_epoch)),
            callback=partial(self.call_hook, 'before_save_checkpoint'), backend_args=backend_args)

    def _checkpoint_meta(self, meta: dict[str, Any] | None, by_epoch: bool) -> dict[str, Any]:
        # Hooks save from within `after_train_epoch` and `after_train_iter`: what runs then counts as finished.
        epoch, iteration = (self.epoch + 1, self.iter) if by_epoch else (self.epoch, self.iter + 1)
        full = {'epoch': epoch, 'iter': iteration, **(meta or {}),
                'cfg': self._config_text(), 'seed': self.seed, 'experiment_name': self.experiment_name,
                'time': time.strftime('%Y%m%d_%H%M%S', time.localtime()),
                'mmengine_version': _version()}
        dataset = self.train_dataloader.dataset
        if hasattr(dataset, 'metainfo'):
            full['dataset_meta'] = plain(dataset.metainfo)
        return full

    def _config_text(self) -> str:
        """Write the config without secrets, once and not for every checkpoint."""
        text = self.cfg.pretty_text  # the same object as long as nothing in the config changed
        if self._config_texts is None or self._config_texts[0] is not text:
            self._config_texts = text, redact(self.cfg).pretty_text
        return self._config_texts[1]

    def _state(self, meta: dict[str, Any]) -> dict[str, Any]:
        loop = self.train_loop
        return {'meta': meta, 'message_hub': plain(self.message_hub.state_dict()),
                'hooks': {name: hook.state_dict() for name, hook in self._hooks_with_state()},
                'loop': loop.state_dict(meta['iter']) if hasattr(loop, 'state_dict') else {},
                'ranks': self._states_of_ranks()}

    def _hooks_with_state(self) -> Iterator[tuple[str, Any]]:
        seen: dict[str, int] = {}
        for hook in self.hooks:
            if hasattr(hook, 'state_dict') and hasattr(hook, 'load_state_dict'):
                name = type(hook).__name__
                seen[name] = seen.get(name, 0) + 1
                yield (name if seen[name] == 1 else f'{name}_{seen[name]}'), hook

    def collect_rank_states(self, states: list[Any] | None = None) -> list[Any]:
        """Bring the state of every rank's random generators together, for a checkpoint written right after.

        All ranks must call it at the same point. Without it a checkpoint holds the state of rank 0 alone.

        Args:
            states: What an earlier call gave at a point that the checkpoint is to be of; then nothing is collected.

        Returns:
            The states, in process 0, which writes them; elsewhere an empty list.
        """
        collected: list[Any] = states if states is not None else gather_object(
            {**self._rank_state(), 'buffers': own_buffers(self._modules_with_buffers())}) or []
        self._rank_states = (self.iter, collected)
        return collected

    def _rank_state(self) -> dict[str, Any]:
        state = getattr(self.train_loop, 'state', None)
        progress = getattr(self.optim_wrapper, 'progress_state', None)
        return {**(state.rank_state() if state is not None else {}),
                'optimizer': progress() if progress is not None else None}

    def _modules_with_buffers(self) -> dict[str, nn.Module]:
        """Name the model, and the average that a hook keeps beside it."""
        averages = [getattr(hook, 'ema_model', None) for hook in self.hooks]
        return {'model': unwrap(self.model), **{f'average_{index}': module for index, module in enumerate(averages)
                                                if isinstance(module, nn.Module)}}

    def _states_of_ranks(self) -> list[Any]:
        collected, self._rank_states = self._rank_states, None
        if collected is not None and collected[0] == self.iter:
            return collected[1]
        return [self._rank_state()]

    # -- loading ----------------------------------------------------------------------------------------------------

    def load_checkpoint(self, filename: str, map_location: MapLocation = 'cpu', strict: bool = False,
                        revise_keys: Sequence[tuple[str, str]] = ((r'^module.', ''),)) -> dict[str, Any]:
        """Load weights alone from a checkpoint.

        Args:
            filename: Path, URL or URI of the checkpoint.
            map_location: Where tensors go, as in `torch.load`.
            strict: Whether weights that do not fit are an error.
            revise_keys: Pairs of pattern and replacement that rename the weights.

        Returns:
            What the checkpoint holds.
        """
        checkpoint = self.strategy.load_checkpoint(filename, map_location=map_location, strict=strict,
                                                   revise_keys=revise_keys,
                                                   callback=partial(self.call_hook, 'after_load_checkpoint'))
        self._has_loaded = True
        return checkpoint

    def load_or_resume(self) -> None:
        """Load or resume once, as `load_from` and `resume` ask for."""
        if self._has_loaded:
            return
        source = self._resume if isinstance(self._resume, str) else self._load_from
        if self._resume and source is None:
            source = self._newest_checkpoint()
            if source is None:
                self.logger.info(f'There is no checkpoint to resume from in {self.work_dir}: training starts anew')
                return
            self.logger.info(f'Auto resumed from the latest checkpoint {source}.')
        if source is not None:
            self.resume(source) if self._resume else self.load_checkpoint(source)
            self._has_loaded = True

    def _newest_checkpoint(self) -> str | None:
        """Find the newest whole checkpoint of `work_dir`: rank 0 looks, so that all ranks take the same."""
        answer: list[Any] = [None]
        if is_main_process():
            try:
                answer = [find_whole_checkpoint(self.work_dir, trusted=self.strategy.trust_checkpoint)]
            except Exception as error:  # the other ranks wait for an answer: they get the error as well
                answer = [error]
        broadcast_object_list(answer)
        if isinstance(answer[0], Exception):
            raise answer[0]
        source, problems = answer[0]
        if problems:
            self.logger.warning('\n'.join([*problems, f'The newest whole checkpoint is taken instead: {source}']))
        return source  # type: ignore[no-any-return]  # as find_whole_checkpoint gives it

    def resume(self, filename: str, resume_optimizer: bool = True, resume_param_scheduler: bool = True,
               map_location: MapLocation = 'default') -> None:
        """Take the whole state of a run from a checkpoint.

        Args:
            filename: Path, URL or URI of the checkpoint.
            resume_optimizer: Whether the optimizer's state is taken.
            resume_param_scheduler: Whether the schedulers' state is taken.
            map_location: Where tensors go, as in `torch.load`; `'default'` is this rank's device.

        Raises:
            BrokenCheckpointError: The file is not whole.
        """
        self._resume = True  # hooks ask whether the run goes on or only its weights were loaded
        if isinstance(self.optim_wrapper, dict):
            self.optim_wrapper = self.build_optim_wrapper(self.optim_wrapper)
        if self.param_schedulers is not None and not self._schedulers_are_built():
            self.param_schedulers = self.build_param_scheduler(self.param_schedulers)
        checkpoint = self.strategy.resume(filename, resume_optimizer=resume_optimizer,
                                          resume_param_scheduler=resume_param_scheduler, map_location=map_location,
                                          callback=partial(self.call_hook, 'after_load_checkpoint'))
        self._take_seed(checkpoint['meta'].get('seed'))
        self._compare_dataset_meta(checkpoint['meta'].get('dataset_meta'))
        if 'message_hub' in checkpoint:
            self.message_hub.load_state_dict(checkpoint['message_hub'])
        hooks = checkpoint.get('hooks', {})
        for name, hook in self._hooks_with_state():
            if name in hooks:
                hook.load_state_dict(hooks[name])
        self._take_position(checkpoint)
        meta = checkpoint['meta']
        self.logger.info(f'resumed epoch: {meta["epoch"]}, iter: {meta["iter"]}')
        self._has_loaded = True

    def _schedulers_are_built(self) -> bool:
        built = getattr(self.strategy, 'param_schedulers', None)
        return built is not None and built is self.param_schedulers

    def _take_seed(self, seed: int | None) -> None:
        own = self._randomness_cfg.get('seed')
        if seed is None or seed == self._seed:
            return
        if own is not None:
            self.logger.warning(f'The value of random seed in the checkpoint "{seed}" is different from the value in '
                                f'`randomness` config "{own}"')
        self._randomness_cfg['seed'] = seed
        self.set_randomness(**self._randomness_cfg)

    def set_randomness(self, seed: int | None, diff_rank_seed: bool = False, deterministic: bool = False) -> None:
        """Seed all random generators, see `mmengine.runner.set_random_seed`."""
        self.strategy._set_randomness(seed, diff_rank_seed, deterministic)
        self._seed, self._deterministic = self.strategy.seed, deterministic

    def _compare_dataset_meta(self, resumed: Any) -> None:
        own = getattr(self.train_dataloader.dataset, 'metainfo', None)
        if resumed is not None and own is not None and resumed != plain(own):
            self.logger.warning(f'The dataset metainfo from the resumed checkpoint is different from the current '
                                f'training dataset, please check the correctness of the checkpoint or the training '
                                f'dataset: {resumed} and {plain(own)}')

    def _take_position(self, checkpoint: dict[str, Any]) -> None:
        meta, loop = checkpoint['meta'], self.train_loop
        states = checkpoint.get('ranks') or [None]
        if len(states) != self.world_size:
            if checkpoint.get('ranks'):
                self.logger.warning(f'The checkpoint holds the random numbers of {len(states)} rank(s), but there are '
                                    f'{self.world_size}: the run goes on, though not with the same numbers')
            states = [None] * self.world_size
        own = states[self.rank] or {}
        if own.get('optimizer') is not None and hasattr(self.optim_wrapper, 'load_progress_state'):
            self.optim_wrapper.load_progress_state(own['optimizer'])
        load_own_buffers(self._modules_with_buffers(), own.get('buffers') or {})
        if hasattr(loop, 'load_position'):
            loop.load_position(meta['epoch'], meta['iter'], checkpoint.get('loop'), own)
        elif isinstance(loop, BaseLoop):
            loop._epoch, loop._iter = meta['epoch'], meta['iter']  # type: ignore[attr-defined]  # upstream's own places
