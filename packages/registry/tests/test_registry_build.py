from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mmengine.interfaces import Origin
from mmengine.registry import (
    MODELS,
    MissingTypeError,
    NotRegisteredError,
    Registry,
    build_from_cfg,
    build_model_from_cfg,
    build_runner_from_cfg,
    build_scheduler_from_cfg,
)
from mmengine.utils import ManagerMixin


class Cfg(dict[str, Any]):
    """A config that knows where its keys were written."""

    lines: dict[str | None, int]

    def __init__(self, lines: dict[str | None, int] | None = None, **values: Any) -> None:
        super().__init__(values)
        self.lines = lines or {None: 1}

    def origin_of(self, key: str | None = None) -> Origin | None:
        return Origin('configs/a.py', self.lines[key]) if key in self.lines else None


class Wrapped:
    """A config that is no dict, as `Config` is none."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def __getattr__(self, name: str) -> Any:
        if name == 'values':
            raise AttributeError(name)
        return getattr(self.values, name)

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __contains__(self, key: object) -> bool:
        return key in self.values

    def copy(self) -> Wrapped:
        return Wrapped(**self.values)


@pytest.fixture
def nets() -> Registry:
    return Registry('net', scope='zoo')


class Net:
    def __init__(self, depth: int, width: int = 3, name: str = 'net') -> None:
        if depth < 0:
            raise ValueError(f'depth {depth} < 0')
        self.args = (depth, width, name)


@pytest.fixture(autouse=True)
def _registered(nets: Registry) -> None:
    nets.register_module(module=Net)


def test_build(nets: Registry) -> None:
    cfg = dict(type='Net', depth=5)
    assert build_from_cfg(cfg, nets).args == (5, 3, 'net')
    assert nets.build(cfg, default_args=dict(width=7, depth=9)).args == (5, 7, 'net')
    assert nets.build(dict(depth=1), default_args=dict(type='Net')).args == (1, 3, 'net')
    assert nets.build(Wrapped(**cfg)).args == (5, 3, 'net')
    assert nets.build(cfg, default_args=Wrapped(width=7)).args == (5, 7, 'net')
    assert cfg == dict(type='Net', depth=5)


def test_lazily_imported_values_are_resolved_by_reading_them(nets: Registry) -> None:
    class LazyCfg(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            value = super().__getitem__(key)
            return Net if value == '<Net>' else value

    assert nets.build(LazyCfg(type='<Net>', depth=2)).args[0] == 2


def test_classes_and_functions_as_type(nets: Registry) -> None:
    assert nets.build(dict(type=Net, depth=2)).args[0] == 2
    assert nets.build(dict(type=lambda depth: depth, depth=2)) == 2
    assert nets.build(dict(type='fractions.Fraction', numerator=1)) == 1


@pytest.mark.parametrize(('cfg', 'default_args', 'message'), [
    ('Net', None, "cfg should be a dict, ConfigDict or Config, but got <class 'str'>"),
    ([], None, "cfg should be a dict, ConfigDict or Config, but got <class 'list'>"),
    (dict(type=1), None, "type must be a str or valid type, but got <class 'int'>"),
    (dict(type='Net'), 1, "default_args should be a dict, ConfigDict, Config or None, but got <class 'int'>"),
    (dict(type='mmengine.utils'), None, "type 'mmengine.utils' is not a class or function"),
])
def test_wrong_types(nets: Registry, cfg: Any, default_args: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        build_from_cfg(cfg, nets, default_args)


def test_a_registry_is_needed() -> None:
    for build in (build_from_cfg, build_runner_from_cfg, build_scheduler_from_cfg):
        with pytest.raises(TypeError, match="registry must be a mmengine.Registry object, but got <class 'str'>"):
            build(dict(type='Net'), 'nets')


def test_type_is_needed(nets: Registry) -> None:
    with pytest.raises(KeyError, match='must contain the key "type"') as caught:
        nets.build(Cfg({None: 8}, depth=1), default_args=dict(width=2))
    assert caught.type is MissingTypeError
    assert '(configs/a.py:8)' in str(caught.value)


def test_an_unknown_name(nets: Registry) -> None:
    with pytest.raises(KeyError, match=r'VGG is not in the zoo::net registry') as caught:
        nets.build(dict(type='VGG'))
    assert caught.type is NotRegisteredError


def test_a_manager_is_known_by_its_name(nets: Registry) -> None:
    class Board(ManagerMixin):
        def __init__(self, name: str, size: int = 1) -> None:
            super().__init__(name)
            self.size = size

    nets.register_module(module=Board)
    board = nets.build(dict(type='Board', name='one', size=3))
    assert Board.get_current_instance() is board
    assert nets.build(dict(type='Board', name='one')) is board
    with pytest.raises(TypeError, match="Board has no argument 'sise'. Did you mean 'size'"):
        nets.build(dict(type='Board', name='two', sise=3))


class FailsOddly(Exception):
    def __init__(self, one: int, *, two: int) -> None:
        super().__init__(f'{one} {two}')


def texts(error: BaseException) -> str:
    return '\n'.join([str(error), *getattr(error, '__notes__', [])])


def test_an_error_of_a_constructor_stays_what_it_is_and_tells_where_it_comes_from(nets: Registry) -> None:
    with pytest.raises(ValueError, match='depth -1 < 0') as caught:
        nets.build(Cfg({None: 12}, type='Net', depth=-1))
    assert caught.type is ValueError
    assert f'(class {__name__}.Net, built from configs/a.py:12)' in texts(caught.value)
    with pytest.raises(ValueError, match='depth -1 < 0') as caught:
        nets.build(dict(type='Net', depth=-1))
    assert f'(class {__name__}.Net)' in texts(caught.value)


def test_errors_that_cannot_be_made_anew(nets: Registry) -> None:
    odd = FailsOddly(1, two=2)
    late = OSError(2, 'No such file', 'x.pth')

    @nets.register_module()
    def fail(error: Exception) -> None:
        raise error

    for error in (odd, late, KeyError('x'), TypeError('unrelated'), UnicodeDecodeError('utf-8', b'', 0, 1, 'no')):
        before = str(error)
        with pytest.raises(type(error)) as caught:
            nets.build(Cfg({None: 3}, type='fail', error=error))
        assert caught.value is error
        assert before.strip("'") in str(error)
        assert 'built from configs/a.py:3)' in texts(error)


class OwnTypeError(TypeError):
    pass


def test_a_type_error_of_an_own_type_keeps_it(nets: Registry) -> None:
    @nets.register_module()
    class Picky:
        def __init__(self, **kwargs: Any) -> None:
            raise OwnTypeError(f"got an unexpected keyword argument '{next(iter(kwargs))}'")

    with pytest.raises(TypeError, match="argument 'x'") as caught:
        nets.build(Cfg({None: 3}, type='Picky', x=1))
    assert caught.type is OwnTypeError
    assert 'Picky, built from configs/a.py:3)' in texts(caught.value)


def test_nested_errors_tell_the_whole_way(nets: Registry) -> None:
    @nets.register_module()
    class Outer:
        def __init__(self, inner: Cfg) -> None:
            self.inner = nets.build(inner)

    with pytest.raises(KeyError, match='Nett is not in the zoo::net registry') as caught:
        nets.build(Cfg({None: 1}, type='Outer', inner=Cfg({None: 2, 'type': 3}, type='Nett')))
    assert 'configs/a.py:3' in str(caught.value)
    assert 'Outer, built from configs/a.py:1)' in texts(caught.value)


def test_a_misspelt_argument(nets: Registry) -> None:
    with pytest.raises(TypeError) as caught:
        nets.build(Cfg({None: 4, 'dpeth': 6}, type='Net', dpeth=5))
    first, *more = str(caught.value).splitlines()
    assert first.startswith("Net.__init__() got an unexpected keyword argument 'dpeth'")  # 3.13 adds what it guesses
    assert first.endswith(f'(class {__name__}.Net, built from configs/a.py:4)')
    assert more == [
        "  configs/a.py:6: Net has no argument 'dpeth'. Did you mean 'depth' or 'width'?",
        "  configs/a.py:4: Net needs the argument 'depth', which is not given.",
        "  Net takes: depth, width=3, name='net'"]


def test_several_wrong_arguments_are_told_at_once(nets: Registry) -> None:
    with pytest.raises(TypeError) as caught:
        nets.build(dict(type='Net', depth=1, witdh=2, colour='red'))
    assert "Net has no argument 'witdh'. Did you mean 'width'?" in str(caught.value)
    assert "Net has no argument 'colour'." in str(caught.value)


def test_a_missing_argument(nets: Registry) -> None:
    with pytest.raises(TypeError, match="Net needs the argument 'depth', which is not given"):
        nets.build(dict(type='Net'))


def test_a_misspelt_argument_that_is_handed_on(nets: Registry) -> None:
    @nets.register_module()
    class Deep(Net):
        def __init__(self, extra: int = 0, **kwargs: Any) -> None:
            self.popped = kwargs.pop('popped', None)
            super().__init__(**kwargs)

    assert nets.build(dict(type='Deep', popped=1, depth=2)).args[0] == 2
    with pytest.raises(TypeError, match="Deep has no argument 'widht'. Did you mean 'width'") as caught:
        nets.build(dict(type='Deep', popped=1, depth=2, widht=3))
    assert "Deep takes: extra=0, depth, width=3, name='net'" in str(caught.value)
    assert "no argument 'popped'" not in str(caught.value)


def test_a_type_error_within_the_constructor_is_its_own(nets: Registry) -> None:
    @nets.register_module()
    class Adds:
        def __init__(self, depth: Any, **kwargs: Any) -> None:
            self.sum = depth + 1

    with pytest.raises(TypeError, match='can only concatenate') as caught:
        nets.build(Cfg({None: 3}, type='Adds', depth='1', wide=2))
    assert 'has no argument' not in texts(caught.value)
    assert 'built from configs/a.py:3)' in texts(caught.value)


def test_what_is_written_in_c_has_no_signature_to_tell_of(nets: Registry) -> None:
    with pytest.raises(TypeError) as caught:
        nets.build(dict(type='builtins.range', stop=3))
    assert '(class builtins.range)' in texts(caught.value)


class Runner:
    def __init__(self, cfg: Any) -> None:
        self.cfg = cfg

    @classmethod
    def from_cfg(cls, cfg: Any) -> Runner:
        return cls(cfg)


class OtherRunner(Runner):
    pass


def test_build_runner() -> None:
    runners = Registry('runner', build_runner_from_cfg, scope='zoo')
    lab = Registry('runner', parent=runners, scope='lab')
    runners.register_module(module=Runner)
    lab.register_module(name='Runner', module=OtherRunner)
    cfg = dict(work_dir='x', _scope_='lab')
    runner = runners.build(cfg)
    assert type(runner) is OtherRunner
    assert runner.cfg == dict(work_dir='x')
    assert cfg == dict(work_dir='x', _scope_='lab')
    assert type(runners.build(Wrapped(work_dir='x'))) is Runner
    assert type(runners.build(dict(runner_type='lab.Runner'))) is OtherRunner
    assert type(runners.build(dict(runner_type=OtherRunner))) is OtherRunner
    with pytest.raises(KeyError, match='Runer is not in the zoo::runner registry'):
        runners.build(dict(runner_type='Runer'))
    with pytest.raises(TypeError, match='runner_type must name a class'):
        runners.build(dict(runner_type=len))
    with pytest.raises(TypeError, match="cfg should be a dict, ConfigDict or Config, but got <class 'str'>"):
        runners.build('Runner')


def test_build_model_of_a_list() -> None:
    class Chain:
        def __init__(self, *links: Any) -> None:
            self.links = links

    models = Registry('net', build_model_from_cfg, scope='mmengine')
    models.register_module(module=Net)
    Registry('net', parent=models, scope='model').register_module(name='Sequential', module=Chain)
    chain = models.build([dict(type='Net', depth=1), dict(type='Net', depth=2)])
    assert [link.args[0] for link in chain.links] == [1, 2]
    assert models.build(dict(type='Net', depth=3)).args[0] == 3


def test_build_model_of_a_list_with_torch() -> None:
    nn = pytest.importorskip('torch').nn
    chain = MODELS.build([dict(type=nn.Linear, in_features=1, out_features=2), dict(type=nn.ReLU)])
    assert isinstance(chain, nn.Sequential)
    assert [type(link) for link in chain] == [nn.Linear, nn.ReLU]


class Scheduler:
    def __init__(self, begin: int = 0, end: int = 10, by_epoch: bool = True) -> None:
        self.span = (begin, end, by_epoch)

    @classmethod
    def build_iter_from_epoch(cls, *, epoch_length: int, begin: int = 0, end: int = 10,
                              by_epoch: bool = True) -> Scheduler:
        return cls(begin * epoch_length, end * epoch_length, False)


def test_build_scheduler() -> None:
    schedulers = Registry('scheduler', build_scheduler_from_cfg, scope='zoo')
    schedulers.register_module(module=Scheduler)
    cfg = dict(type='Scheduler', begin=0, end=100)
    assert schedulers.build(cfg, default_args=dict(epoch_length=10)).span == (0, 100, True)
    iters = dict(cfg, convert_to_iter_based=True)
    assert schedulers.build(iters, default_args=dict(epoch_length=10)).span == (0, 1000, False)
    assert schedulers.build(dict(iters, type=Scheduler, epoch_length=2)).span == (0, 200, False)
    assert cfg == dict(type='Scheduler', begin=0, end=100)
    with pytest.raises(AssertionError, match='`epoch_length` should be set'):
        schedulers.build(iters)
    with pytest.raises(AssertionError, match='Only epoch-based parameter scheduler'):
        schedulers.build(dict(iters, by_epoch=False), default_args=dict(epoch_length=10))
    for wrong in (cfg, iters):
        with pytest.raises(KeyError, match='Schedule is not in the zoo::scheduler registry'):
            schedulers.build(dict(wrong, type='Schedule'), default_args=dict(epoch_length=10))
    with pytest.raises(TypeError, match="has no argument 'ned'. Did you mean 'end'"):
        schedulers.build(dict(iters, epoch_length=2, ned=3))
