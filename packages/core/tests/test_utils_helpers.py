"""Small helpers: sequences, nested containers, checks, tuples, names of objects, prerequisites."""
from __future__ import annotations

import json
import sys
from collections import OrderedDict, defaultdict, namedtuple
from pathlib import Path
from typing import Any

import pytest

import mmengine.utils
from mmengine.utils import (
    apply_to,
    concat_list,
    get_object_from_string,
    has_method,
    import_modules_from_strings,
    is_list_of,
    is_method_overridden,
    is_seq_of,
    is_str,
    is_tuple_of,
    iter_cast,
    list_cast,
    requires_executable,
    requires_package,
    slice_list,
    to_1tuple,
    to_2tuple,
    to_3tuple,
    to_4tuple,
    to_ntuple,
    tuple_cast,
)


def test_casts():
    assert list_cast(['1', '2'], int) == [1, 2]
    assert tuple_cast([1, 2], str) == ('1', '2')
    lazy = iter_cast([1, 2], str)
    assert next(lazy) == '1'
    assert iter_cast((1, 1), str, return_type=set) == {'1'}


def test_casts_complain_at_once():
    with pytest.raises(TypeError, match='inputs must be iterable, got int'):
        iter_cast(1, str)  # type: ignore[arg-type]  # what the test is about
    with pytest.raises(TypeError, match="dst_type must be a type, got 'str'"):
        iter_cast([1], 'str')  # type: ignore[arg-type]  # what the test is about


def test_slice_list():
    assert slice_list([1, 2, 3, 4, 5, 6], [1, 2, 3]) == [[1], [2, 3], [4, 5, 6]]
    assert slice_list([1, 2, 3, 4], 2) == [[1, 2], [3, 4]]
    with pytest.raises(TypeError, match='lens must be an integer or a list of integers, got 0.5'):
        slice_list([1, 2], 0.5)  # type: ignore[arg-type]  # what the test is about
    with pytest.raises(ValueError, match=r'sum up to 3, but the list has 2 items'):
        slice_list([1, 2], [1, 2])
    with pytest.raises(ValueError, match='a list of 3 items cannot be cut into pieces of 2'):
        slice_list([1, 2, 3], 2)


def test_concat_list():
    assert concat_list([[1], [2, 3], []]) == [1, 2, 3]


def test_apply_to_reaches_into_containers_and_keeps_their_types():
    Point = namedtuple('Point', 'x y')
    data = {'a': [1, 'b'], 'c': (2, Point(3, 'd')), 'e': defaultdict(list, f=4), 'g': OrderedDict(h=5)}
    result = apply_to(data, lambda x: isinstance(x, int), lambda x: x * 10)
    assert result == {'a': [10, 'b'], 'c': (20, Point(30, 'd')), 'e': {'f': 40}, 'g': {'h': 50}}
    assert isinstance(result['c'][1], Point)
    assert result['e']['new'] == []
    assert isinstance(result['g'], OrderedDict)
    assert data['a'] == [1, 'b']
    assert apply_to(1, lambda x: x == 1, str) == '1'


def test_type_checks():
    assert is_str('a')
    assert not is_str(b'a')
    assert is_seq_of([1, 2], int)
    assert is_seq_of((1, 'a'), (int, str))
    assert not is_seq_of([1, 'a'], int)
    assert not is_seq_of(1, int)
    assert is_list_of([1], int)
    assert not is_list_of((1,), int)
    assert is_tuple_of((1,), int)
    assert not is_tuple_of([1], int)
    with pytest.raises(TypeError, match="seq_type must be a type or None, got 'list'"):
        is_seq_of([1], int, seq_type='list')  # type: ignore[arg-type]  # what the test is about


class Base:
    def one(self) -> None: ...

    def two(self) -> None: ...


class Derived(Base):
    def one(self) -> None: ...


def test_methods():
    assert has_method(Base(), 'one')
    assert not has_method(Base(), 'three')
    assert not has_method([], '__doc__')
    assert is_method_overridden('one', Base, Derived)
    assert is_method_overridden('one', Base, Derived())
    assert not is_method_overridden('two', Base, Derived)
    with pytest.raises(AssertionError, match='base_class must be a class'):
        is_method_overridden('one', Base(), Derived)  # type: ignore[arg-type]  # what the test is about


def test_tuples():
    assert [to(7) for to in (to_1tuple, to_2tuple, to_3tuple, to_4tuple, to_ntuple(5))] == [
        (7,) * n for n in range(1, 6)]
    given = [1, 2, 3]
    assert to_2tuple(given) is given


def test_import_modules():
    assert import_modules_from_strings('json') is json
    assert import_modules_from_strings(['json', 'os.path']) == [json, sys.modules['os.path']]
    assert import_modules_from_strings(None) is None
    assert import_modules_from_strings([]) is None


@pytest.mark.parametrize('imports', [1, ['json', 2], {'json': 1}])
def test_import_modules_takes_names_only(imports: Any):
    with pytest.raises(TypeError, match='imports must be'):
        import_modules_from_strings(imports)


def test_import_that_fails_says_why():
    with pytest.raises(ImportError, match=r"Failed to import 'json.nope': No module named 'json.nope'") as caught:
        import_modules_from_strings(['json.nope'])
    assert caught.value.name == 'json.nope'
    with pytest.warns(UserWarning, match=r"'json.nope' failed to import and is ignored"):
        assert import_modules_from_strings(['json', 'json.nope'], allow_failed_imports=True) == [json, None]


def test_object_from_string():
    assert get_object_from_string('json') is json
    assert get_object_from_string('json.decoder.JSONDecoder') is json.JSONDecoder
    assert get_object_from_string('json.JSONDecoder.decode') is json.JSONDecoder.decode
    assert get_object_from_string('mmengine.utils.Timer') is mmengine.utils.Timer
    assert get_object_from_string('collections.abc.Mapping').__name__ == 'Mapping'


@pytest.mark.parametrize('name', ['nope_nope', 'json.nope', 'json.nope.more', 'json.JSONDecoder.nope',
                                  'mmengine.utils.nope', 'json.JSONDecoder.nope.more'])
def test_object_that_is_missing_is_none(name: str):
    assert get_object_from_string(name) is None


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_object_has_priority_over_a_module_of_the_same_name(importable: Path):
    package = importable / 'pkg_with_twin'
    package.mkdir()
    (package / '__init__.py').write_text('from pkg_with_twin.twin import twin\n')
    (package / 'twin.py').write_text('def twin(): return "function"\n')
    assert get_object_from_string('pkg_with_twin.twin')() == 'function'


def test_module_that_fails_to_import_is_not_taken_for_missing(importable: Path):
    (importable / 'pkg_that_needs.py').write_text('import surely_not_installed\n')
    with pytest.raises(ModuleNotFoundError, match='surely_not_installed'):
        get_object_from_string('pkg_that_needs.Thing')


def test_requires_package(capsys: pytest.CaptureFixture[str]):
    @requires_package(['json', 'n1_nope', 'n2_nope'])
    def func_b() -> int:
        return 1

    message = ('Prerequisites "n1_nope, n2_nope" are required in method "func_b" but not found, '
               'please install them first.')
    with pytest.raises(RuntimeError, match='n1_nope, n2_nope'):
        func_b()
    assert capsys.readouterr().out == message + '\n'


def test_requirements_that_are_met_change_nothing():
    @requires_package('json')
    @requires_executable(Path(sys.executable).as_posix())
    def func_a(x: int) -> int:
        """Double."""
        return 2 * x

    assert func_a(2) == 4
    assert func_a.__doc__ == 'Double.'


def test_requires_executable():
    @requires_executable('surely-no-such-program')
    def func() -> None: ...

    with pytest.raises(RuntimeError, match='"surely-no-such-program" are required in method "func"'):
        func()


def test_module_paths_of_existing_code():
    from mmengine.utils.misc import get_object_from_string as deep
    from mmengine.utils.path import mkdir_or_exist
    from mmengine.utils.progressbar import init_pool
    from mmengine.utils.version_utils import digit_version
    assert deep is get_object_from_string
    assert mkdir_or_exist is mmengine.utils.mkdir_or_exist
    assert digit_version is mmengine.utils.digit_version
    assert callable(init_pool)
