"""Looking through a config without building it."""
from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import pytest

from mmengine.interfaces import Origin
from mmengine.registry import Registry
from mmengine.registry.check import check_config

BUILT: list[object] = []


@pytest.fixture(autouse=True)
def parts() -> Registry:
    """Have classes to be found in a registry of another tree."""
    registry = Registry('checked part', scope='checked')

    @registry.register_module()
    class Net:
        def __init__(self, depth, norm_cfg=None, head=None):
            BUILT.append(self)

    @registry.register_module()
    class Any:
        def __init__(self, **kwargs):
            BUILT.append(self)

    return registry


class Located(dict[str, Any]):
    """A config that knows its lines."""

    def origin_of(self, key: str | None = None) -> Origin | None:
        return Origin('a.py', 7 if key is None else 8)


def found(cfg: dict[str, Any]) -> list[tuple[str, str]]:
    return [(finding.kind, finding.key) for finding in check_config(cfg)]


def test_a_sound_config_has_no_findings(parts):
    assert found(dict(part=dict(type='Net', depth=1), other=[dict(type='Any', x=1, _scope_='checked')], n=1)) == []
    assert found(dict(part=dict(type='checked.Net', depth=1), lib=dict(type=dict), text='type')) == []
    assert BUILT == []


def test_every_mistake_is_in_one_list(parts):
    cfg = dict(part=Located(type='Net', dpeth=1, head=dict(type='Nett')), parts=[Located(type='Net')])
    assert found(cfg) == [('argument', 'part.dpeth'), ('missing', 'part'), ('type', 'part.head'),
                          ('missing', 'parts.0')]
    texts = [str(finding) for finding in check_config(cfg)]
    assert texts[0] == "a.py:8: part.dpeth: Net has no argument 'dpeth'. Did you mean 'depth'?"
    assert texts[1] == "a.py:7: part: Net needs the argument 'depth', which is not given."
    assert "unknown place: part.head: no registry has 'Nett'. Did you mean 'Net'?" in texts[2]
    assert BUILT == []


def test_what_the_class_around_hands_in_is_not_missing(parts):
    assert found(dict(inner_cfg=dict(type='Net'))) == []
    assert found(dict(inner_cfg=dict(type='Net', x=1))) == [('argument', 'inner_cfg.x')]


def test_what_a_function_is_called_with_later_is_not_missing(parts):
    @parts.register_module()
    def stack(batch, dim=0):
        return batch

    assert check_config(Located(collate_fn=Located(type='stack', dim=1))) == []
    finding, = check_config(Located(collate_fn=Located(type='stack', dims=1)))
    assert finding.text == "stack has no argument 'dims'. Did you mean 'dim'?"


def test_an_import_that_fails_is_a_finding(parts):
    class Lazy(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            raise ImportError('no module named x')

    assert found(dict(part=Lazy(type=1, act=2))) == [('type', 'part'), ('import', 'part.act')]


def test_it_is_offered():
    [entry] = entry_points(group='mmengine.config_checks', name='registry')
    assert entry.load() is check_config


def test_a_scope_that_cannot_be_asked_comes_first_and_once(parts):
    cfg = Located(default_scope='mmtrack', a=dict(type='Nobody', _scope_='mmtrack'), b=[dict(type='Net', depth=1)])
    first, *others = check_config(cfg)
    assert str(first) == ("a.py:8: default_scope: the scope 'mmtrack' cannot be asked: there is no package 'mmtrack': "
                          'pip install mmtrack')
    assert [finding.key for finding in others] == ['a']
    assert found(dict(default_scope='checked', a=dict(type='Net', depth=1))) == []
    assert found(dict(a=dict(b=[Located(_scope_='no.such.scope', type='Any')]))) == [('scope', 'a.b.0._scope_')]


def test_a_slip_in_what_takes_any_argument(parts):
    @parts.register_module()
    class Saver:
        def __init__(self, interval=1, conv1=2, **kwargs):
            BUILT.append(self)

    cfg = dict(a=Located(type='Saver', intervall=2, conv2=3, other=4))
    assert [str(finding) for finding in check_config(cfg)] == [
        "a.py:8: a.intervall: Saver takes any argument, but names none 'intervall'. Did you mean 'interval'?"]
    assert found(dict(a=dict(type='Any', anything=1))) == []
