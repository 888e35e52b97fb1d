"""The interfaces: which stages a hook is called at, its arithmetic, and where a value of a config was written."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mmengine.interfaces import MODES, STAGES, Hook, Origin, origin_of, triggered_stages


def test_plain_hook_has_nothing_to_do():
    assert triggered_stages(Hook()) == frozenset()
    assert Hook().get_triggered_stages() == []


def test_overridden_stages_in_the_order_of_a_run():
    class Watch(Hook):
        def after_run(self, runner: Any) -> None: ...

        def before_train(self, runner: Any) -> None: ...

        def before_save_checkpoint(self, runner: Any, checkpoint: Any) -> None: ...

    assert Watch().get_triggered_stages() == ['before_train', 'before_save_checkpoint', 'after_run']


@pytest.mark.parametrize(('method', 'stages'), [
    ('_before_epoch', {'before_train_epoch', 'before_val_epoch', 'before_test_epoch'}),
    ('_after_epoch', {'after_train_epoch', 'after_val_epoch', 'after_test_epoch'}),
    ('_before_iter', {'before_train_iter', 'before_val_iter', 'before_test_iter'}),
    ('_after_iter', {'after_train_iter', 'after_val_iter', 'after_test_iter'}),
])
def test_shared_method_stands_for_three_stages(method: str, stages: set[str]):
    hook = type('Shared', (Hook,), {method: lambda self, *args, **kwargs: None})()
    assert triggered_stages(hook) == stages


def test_shared_methods_are_called_with_their_mode():
    class Note(Hook):
        def __init__(self) -> None:
            self.seen: list[Any] = []

        def _before_epoch(self, runner: Any, mode: str = 'train') -> None:
            self.seen.append(('epoch', mode))

        def _after_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None,
                        mode: str = 'train') -> None:
            self.seen.append((batch_idx, mode))

    note = Note()
    for mode in MODES:
        getattr(note, f'before_{mode}_epoch')(None)
        getattr(note, f'after_{mode}_iter')(None, 3, None, None)
    assert note.seen == [entry for mode in MODES for entry in (('epoch', mode), (3, mode))]


def test_inherited_override_counts():
    class Parent(Hook):
        def after_train(self, runner: Any) -> None: ...

    class Child(Parent):
        def _before_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, mode: str = 'train') -> None: ...

    assert triggered_stages(Child()) == {'after_train', 'before_train_iter', 'before_val_iter', 'before_test_iter'}


def test_object_that_is_no_hook_counts_by_its_methods():
    class Foreign:
        before_val = 'not a method'

        def after_train_iter(self, runner: Any, batch_idx: int) -> None: ...

        def _before_iter(self) -> None:
            """Nothing of a Hook: nobody would call it."""

    assert triggered_stages(Foreign()) == {'after_train_iter'}
    assert triggered_stages(object()) == frozenset()


def test_method_set_on_the_instance_counts():
    hook = Hook()
    hook.after_run = lambda runner: None  # type: ignore[method-assign]  # what the test is about
    assert hook.get_triggered_stages() == ['after_run']


def test_every_stage_is_a_method_of_hook():
    assert all(callable(getattr(Hook, stage)) for stage in STAGES)
    assert len(set(STAGES)) == len(STAGES) == 22


def test_arithmetic_of_epochs_and_iterations():
    hook = Hook()
    runner: Any = SimpleNamespace(epoch=4, iter=9, max_epochs=5, max_iters=10)
    assert hook.every_n_epochs(runner, 5)
    assert hook.every_n_epochs(runner, 2, start=1)
    assert not hook.every_n_epochs(runner, 2)
    assert not hook.every_n_epochs(runner, 0)
    assert hook.every_n_epochs(runner, 1, start=5)
    assert not hook.every_n_epochs(runner, 1, start=6)
    assert hook.every_n_train_iters(runner, 10)
    assert not hook.every_n_train_iters(runner, -1)
    assert hook.every_n_inner_iters(2, 3)
    assert not hook.every_n_inner_iters(3, 3)
    assert hook.end_of_epoch([1, 2], 1)
    assert hook.is_last_train_epoch(runner)
    assert hook.is_last_train_iter(runner)


def test_origin_comes_from_the_class_and_not_from_a_key():
    class Config(dict[str, Any]):
        def __getattr__(self, name: str) -> Any:
            return self[name]

        def origin_of(self, key: str | None = None) -> Origin | None:
            return Origin('configs/a.py', 12 if key is None else 13)

    cfg = Config(origin_of='a value of this name', lr=0.1)
    assert str(origin_of(cfg)) == 'configs/a.py:12'
    assert origin_of(cfg, 'lr') == ('configs/a.py', 13)
    assert origin_of({'lr': 0.1}, 'lr') is None
    assert origin_of(None) is None
