"""A stage calls the hooks that override it, in the order of their priorities, and no other."""
from __future__ import annotations

from typing import Any

import pytest

from mmengine.interfaces import Hook
from mmengine.runner.hook_list import HookList


class Epochs(Hook):
    def before_train_epoch(self, runner: Any) -> None: ...


class AllModes(Hook):
    def _after_iter(self, *args: Any, **kwargs: Any) -> None: ...


class NoBase:
    """A hook of a package that needs no engine."""

    priority = 'LOW'

    def before_run(self, runner: Any) -> None: ...

    def on_my_own_stage(self, runner: Any) -> None: ...


def test_only_overridden_stages_are_called() -> None:
    hooks = HookList()
    for hook in (Epochs(), AllModes(), NoBase()):
        hooks.register(hook)
    assert [type(hook) for hook in hooks.at('before_train_epoch')] == [Epochs]
    for mode in ('train', 'val', 'test'):
        assert [type(hook) for hook in hooks.at(f'after_{mode}_iter')] == [AllModes]
    assert [type(hook) for hook in hooks.at('before_run')] == [NoBase]
    assert hooks.at('before_train_iter') == []


def test_a_stage_of_a_custom_loop() -> None:
    hooks = HookList()
    hooks.register(NoBase())
    assert len(hooks.at('on_my_own_stage')) == 1
    assert hooks.at('nobody_has_this') == []


def test_the_table_follows_the_list() -> None:
    hooks = HookList()
    hooks.register(Epochs())
    assert len(hooks.at('before_train_epoch')) == 1
    hooks.register(Epochs())
    assert len(hooks.at('before_train_epoch')) == 2
    hooks.hooks.clear()
    assert hooks.at('before_train_epoch') == []


def test_priorities() -> None:
    hooks = HookList()
    first, second, low, high, number = Epochs(), Epochs(), Epochs(), Epochs(), Epochs()
    hooks.register(first)
    hooks.register(low, 'low')
    hooks.register(second)
    hooks.register(high, priority='VERY_HIGH')
    hooks.register(number, 35)
    assert hooks.hooks == [high, number, first, second, low]


def test_the_argument_goes_before_the_config() -> None:
    hooks = HookList()
    hooks.register(dict(type='IterTimerHook', priority='LOWEST'))
    hooks.register(dict(type='IterTimerHook', priority='LOWEST'), 'HIGHEST')
    assert [hook.priority for hook in hooks.hooks] == ['HIGHEST', 'LOWEST']


@pytest.mark.parametrize('wrong', ['IterTimerHook', 3, Epochs, object()])
def test_what_is_no_hook(wrong: Any) -> None:
    with pytest.raises(TypeError, match='hook should be an instance of Hook or dict'):
        HookList().register(wrong)


def test_info_names_stage_priority_and_class() -> None:
    hooks = HookList()
    hooks.register(Epochs(), 'LOW')
    assert hooks.info().startswith(f'before_train_epoch:\n({"LOW":<12}) {"Epochs":<35}')
