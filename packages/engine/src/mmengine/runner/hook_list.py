"""The hooks of a runner in the order of their priorities, and who is called at which stage."""
from __future__ import annotations

from typing import Any

from mmengine.interfaces import STAGES, Hook, triggered_stages
from mmengine.registry import HOOKS
from mmengine.runner.priority import Priority, get_priority

#: Name -> config of the hooks that every runner has unless they are replaced or set to None.
DEFAULT_HOOKS: dict[str, dict[str, Any]] = {
    'runtime_info': dict(type='RuntimeInfoHook'),
    'timer': dict(type='IterTimerHook'),
    'sampler_seed': dict(type='DistSamplerSeedHook'),
    'logger': dict(type='LoggerHook'),
    'param_scheduler': dict(type='ParamSchedulerHook'),
    'checkpoint': dict(type='CheckpointHook'),
}


#: The stages whose list is made once and not at every call.
_EACH_ITER = frozenset(stage for stage in STAGES if stage.endswith('_iter'))


class HookList:
    """Keeps hooks sorted, and finds those with work at a stage once instead of at every call.

    A runner without work at a stage thereby pays nothing for its hooks there. A method that is put on a hook afterwards
    is called from then on where the hook had work at this stage before; else from the next epoch on.
    """

    def __init__(self) -> None:
        self.hooks: list[Any] = []
        self._table: dict[str, list[Any]] = {}
        self._known: list[Any] = []

    def register(self, hook: Any, priority: str | int | Priority | None = None) -> None:
        """Add a hook behind all of the same or a higher priority.

        Args:
            hook: A hook or its config, which may hold `priority`.
            priority: Goes before the config's and the hook's own.

        Raises:
            TypeError: `hook` is neither a config nor has it any method of a stage.
        """
        if isinstance(hook, dict):
            cfg = hook.copy()
            own = cfg.pop('priority', None)
            priority = own if priority is None else priority
            hook = HOOKS.build(cfg)
        elif not isinstance(hook, Hook) and (isinstance(hook, type) or not triggered_stages(hook)):
            raise TypeError(f'hook should be an instance of Hook or dict, but got {hook!r}')
        if priority is not None:
            hook.priority = priority
        rank = get_priority(getattr(hook, 'priority', 'NORMAL'))
        index = len(self.hooks)
        while index and get_priority(getattr(self.hooks[index - 1], 'priority', 'NORMAL')) > rank:
            index -= 1
        self.hooks.insert(index, hook)

    def at(self, stage: str) -> list[Any]:
        """List the hooks to call at a stage; for a stage of a custom loop, those with a method of its name."""
        if self._known != self.hooks or stage not in _EACH_ITER:  # also where somebody changed the list by hand
            self._known = list(self.hooks)
            self._table = {}
        found = self._table.get(stage)
        if found is None:
            found = self._table[stage] = [hook for hook in self.hooks if _has(hook, stage)]
        return found

    def info(self) -> str:
        """Tell for each stage which hooks are called, in their order."""
        lines = []
        for stage in STAGES:
            names = [f'({_priority_name(hook):<12}) {type(hook).__name__:<35}' for hook in self.hooks
                     if _has(hook, stage)]
            if names:
                lines.append('\n'.join([f'{stage}:', *names, ' -------------------- ']))
        return '\n'.join(lines)


def _has(hook: Any, stage: str) -> bool:
    return stage in triggered_stages(hook) if stage in STAGES else callable(getattr(hook, stage, None))


def _priority_name(hook: Any) -> str:
    rank = get_priority(getattr(hook, 'priority', 'NORMAL'))
    return next((item.name for item in Priority if item.value == rank), str(rank))
