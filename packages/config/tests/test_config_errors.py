"""What is wrong with a config is said with its file and line."""
from __future__ import annotations

import pickle
import traceback

import pytest

from mmengine.config import Config, ConfigCodeError, ConfigParsingError


def test_a_file_that_is_not_there(write, tmp_path):
    write('faster_rcnn_r50.py', '')
    with pytest.raises(FileNotFoundError, match=r"no config .*faster_rcn_r50\.py'.*Did you mean 'faster_rcnn_r50.py'"):
        Config.fromfile(tmp_path / 'faster_rcn_r50.py')
    with pytest.raises(FileNotFoundError, match='There is no folder'):
        Config.fromfile('/no/such/folder/a.py')


def test_a_base_that_is_not_there(write):
    write('base.py', '')
    path = write('a.py', "x = 1\n_base_ = [\n    './base.py',\n    './bas.py',\n]\n")
    with pytest.raises(FileNotFoundError, match=r"bas\.py', which .*a\.py:4 names as its base.*'base.py'") as caught:
        Config.fromfile(path)
    assert caught.value.filename.endswith('bas.py')


def test_a_syntax_error_shows_the_line_of_the_file(write):
    path = write('a.py', "a = 1\nb = '{{ fileBasename }}' +\n")
    with pytest.raises(SyntaxError) as caught:
        Config.fromfile(path)
    error = caught.value
    assert (error.filename, error.lineno, error.text) == (path, 2, "b = '{{ fileBasename }}' +")
    with pytest.raises(SyntaxError, match='outside function'):
        Config.fromfile(write('b.py', 'return 1\n'))


@pytest.mark.parametrize(('name', 'content', 'line'), [
    ('a.json', b'{"a": 1,\n "b": }', 2), ('a.yaml', b'a: 1\nb: [1, 2\n', 3),
    ('b.yaml', b'a: 1\nb: !!python/object/apply:os.getcwd []\n', 2), ('c.json', b'a = 1', 1),
])
def test_other_texts_that_are_no_config(tmp_path, name, content, line):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SyntaxError) as caught:
        Config.fromfile(tmp_path / name)
    assert isinstance(caught.value, ConfigParsingError)
    assert (caught.value.filename, caught.value.lineno) == (str(tmp_path / name), line)


def test_what_a_config_raises_keeps_its_type_and_shows_the_line(write):
    write('base.py', 'a = 1\nb = dict(c=a / 0)\n')
    path = write('a.py', "_base_ = './base.py'\n")
    with pytest.raises(ZeroDivisionError, match=r'base\.py:2 raised ZeroDivisionError: division by zero') as caught:
        Config.fromfile(path)
    assert isinstance(caught.value, ConfigCodeError)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert 'b = dict(c=a / 0)' in ''.join(traceback.format_exception(caught.value))
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(('text', 'kind'), [
    ('a = undefined', NameError), ("open('no such file')", FileNotFoundError),
    ("b'\\xff'.decode()", UnicodeDecodeError),
    ('import no_such_module_mmparts', ModuleNotFoundError), ('raise KeyError("a")', KeyError),
    ('def f():\n    f()\nf()', RecursionError), ('class E(Exception): pass\nraise E("x")', ConfigCodeError),
])
def test_exceptions_of_all_kinds(write, text, kind):
    with pytest.raises(kind, match=r'a\.py:\d+ raised') as caught:
        Config.fromfile(write('a.py', f'{text}\n'), lazy_import=False)
    assert isinstance(caught.value, ConfigParsingError)


def test_a_file_of_ten_megabytes(write):
    for name in ('a.json', 'a.py', 'a.yaml'):
        with pytest.raises(OSError, match='10 MB or more') as caught:
            Config.fromfile(write(name, '#' * 10_000_000))
        assert isinstance(caught.value, ConfigParsingError)


def test_wrong_extensions(write):
    with pytest.raises(OSError, match='Only py/yml/yaml/json type are supported'):
        Config.fromfile(write('a.txt', 'a = 1'))
    with pytest.raises(OSError, match='Only py/yml/yaml/json type are supported'):
        Config.fromstring('a = 1', '.txt')
    for extension in ('.json', '.yaml'):
        with pytest.raises(ConfigParsingError):
            Config.fromstring('a = 1', extension)


def test_the_top_must_be_a_mapping(write):
    with pytest.raises(TypeError, match='must hold a mapping'):
        Config.fromfile(write('a.json', '[1]'))
    assert len(Config.fromfile(write('a.yaml', ''))) == 0


def test_one_key_in_two_bases(write):
    write('b1.py', 'a = 1\nb = 2\n')
    write('b2.yaml', 'c: 1\nb: 3\n')
    path = write('a.py', "_base_ = ['b1.py', 'b2.yaml']\n")
    with pytest.raises(KeyError, match=r"Duplicate key.*a\.py.*'b' at .*b1\.py:2 and at .*b2\.yaml:2"):
        Config.fromfile(path)


def test_a_dict_over_what_is_none(write):
    write('base.py', 'a = dict(b=1)\n')
    path = write('a.py', "_base_ = 'base.py'\na = dict(\n    b=dict(c=1))\n")
    with pytest.raises(TypeError, match=r"into 1, of type int \(key 'a\.b', .*a\.py:3\).*_delete_=True"):
        Config.fromfile(path)


def test_a_circle_of_bases(write):
    write('b.py', "_base_ = './a.py'\n")
    path = write('a.py', "_base_ = './b.py'\n")
    with pytest.raises(ConfigParsingError, match=r'a\.py -> .*b\.py -> .*a\.py'):
        Config.fromfile(path)


def test_a_very_long_chain_of_bases(write):
    for index in range(150):
        write(f'c{index}.py', f"_base_ = './c{index + 1}.py'\n")
    with pytest.raises(ConfigParsingError, match='chain of more than 100 bases'):
        Config.fromfile(write('a.py', "_base_ = './c0.py'\n"))


@pytest.mark.parametrize('base', ['1', "['a', 1]", 'undefined', "dict(a='b')"])
def test_a_base_that_names_no_file(write, base):
    with pytest.raises(ConfigParsingError, match=r'`_base_` at .*a\.py:1 '):
        Config.fromfile(write('a.py', f'_base_ = {base}\n'))


def test_reserved_keys(write):
    for key in ('filename', 'text', 'pretty_text', 'env_variables'):
        with pytest.raises(KeyError, match=rf'{key} is reserved for config file \(.*a\.py:1\)'):
            Config.fromfile(write('a.py', f'{key} = 1\n'))
    with pytest.raises(KeyError, match='filename is reserved for config file'):
        Config(dict(filename='a'))


def test_references_to_what_the_base_has_not(write):
    write('base.py', 'a = dict(b=1)\n')
    with pytest.raises(AttributeError, match="no attribute 'c'"):
        Config.fromfile(write('a.py', "_base_ = 'base.py'\nx = _base_.a.c\n"))
    with pytest.raises(KeyError, match=r'no value at _base_\.a\.c'):
        Config.fromfile(write('a.yaml', '_base_: base.py\nx: {{_base_.a.c}}\n'))


def test_values_without_end(write):
    with pytest.raises(ConfigParsingError, match="'a' at .*a.py:2 contains itself"):
        Config.fromfile(write('a.py', 'a = []\na.append(a)\n'))
    with pytest.raises(ConfigParsingError):
        Config.fromfile(write('b.py', f'a = {"[" * 5000}{"]" * 5000}\n'))
    with pytest.raises(ConfigParsingError):
        Config.fromfile(write('b.json', f'{{"a": {"[" * 50000}{"]" * 50000}}}'))
    with pytest.raises(ConfigParsingError):
        Config.fromfile(write('c.py', 'a = "\0"\n'))
