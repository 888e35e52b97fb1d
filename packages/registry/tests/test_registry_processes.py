"""What a constructor raises in another process comes back as what it was, with its place in the config."""
from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from typing import Any

import pytest

from mmengine.registry import NotRegisteredError

# Written to a package, since another process does not find the modules of tests.
CODE = '''
from mmengine.interfaces import Origin
from mmengine.registry import Registry, build_from_cfg


class OddError(Exception):
    def __init__(self, code, reason):
        super().__init__(f'{reason} ({code})')
        self.code, self.reason = code, reason

    def __reduce__(self):
        return OddError, (self.code, self.reason), self.__dict__


FAILURES = {'value': ValueError('v', 1), 'os': OSError(2, 'No such file', 'x.pth'), 'key': KeyError('k'),
            'odd': OddError(7, 'odd'), 'unicode': UnicodeDecodeError('utf-8', b'x', 0, 1, 'no')}


class Cfg(dict):
    def origin_of(self, key=None):
        return Origin('configs/a.py', {None: 3, 'type': 4, 'failur': 5}.get(key, 9))


def fail_as(failure):
    raise FAILURES[failure]


def build(**cfg):
    return build_from_cfg(Cfg(cfg), Registry('net', scope='zoo'))
'''


@pytest.fixture
def built(make_package: Any) -> Any:
    make_package('built_elsewhere', CODE)
    return import_module('built_elsewhere')


def test_errors_come_back_from_another_process(built: Any) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context('spawn')) as pool:
        for name, error in built.FAILURES.items():
            with pytest.raises(type(error)) as caught:
                pool.submit(built.build, type=built.fail_as, failure=name).result()
            assert caught.type is type(error)
            assert getattr(caught.value, 'code', None) == getattr(error, 'code', None)
            if sys.version_info >= (3, 11):
                assert str(caught.value) == str(error)
                assert caught.value.__notes__ == ['(function built_elsewhere.fail_as, built from configs/a.py:3)']
        with pytest.raises(NotRegisteredError, match=r'Nobody is not in the zoo::net registry. \(configs/a.py:4\)'):
            pool.submit(built.build, type='Nobody').result()
        with pytest.raises(TypeError, match="configs/a.py:5: fail_as has no argument 'failur'.*mean 'failure'"):
            pool.submit(built.build, type=built.fail_as, failur=1).result()
