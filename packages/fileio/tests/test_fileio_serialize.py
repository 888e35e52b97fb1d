"""Objects to files and back."""
import io
import pickle
import sys
from collections import OrderedDict
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import yaml

import mmengine
from mmengine import fileio
from mmengine.fileio import BaseFileHandler, BaseStorageBackend, JsonHandler, dump, load, register_handler
from mmengine.fileio.backends import backends, register_backend
from mmengine.fileio.handlers import file_handlers

DATA = {'b': [1, 2.5, None], 'a': {'x': True, 'text': 'ü'}}


class Plain(dict):
    """A dict of another class, as ConfigDict is."""


@pytest.fixture(autouse=True)
def restored_handlers():
    kept = dict(file_handlers), dict(backends)
    yield
    for table, before in zip((file_handlers, backends), kept, strict=True):
        table.clear()
        table.update(before)


@pytest.mark.parametrize('suffix', ['json', 'yaml', 'yml', 'pickle', 'pkl', 'JSON'])
@pytest.mark.parametrize('kind', [str, Path])
def test_round_trip_by_path(tmp_path, suffix, kind):
    path = kind(tmp_path / 'new' / f'data.{suffix}')
    assert dump(DATA, path) is None
    assert load(path) == DATA
    assert mmengine.load(path) == DATA


@pytest.mark.parametrize('file_format', ['json', 'yaml', 'pkl'])
def test_round_trip_by_open_file_and_by_string(tmp_path, file_format):
    mode = 'b' if file_format == 'pkl' else ''
    path = tmp_path / 'data'
    with open(path, 'w' + mode) as file:
        dump(DATA, file, file_format=file_format)
    with open(path, 'r' + mode) as file:
        assert load(file, file_format=file_format) == DATA
    written = dump(DATA, file_format=file_format)
    assert load(io.BytesIO(written) if mode else io.StringIO(written), file_format=file_format) == DATA


def test_wrong_arguments(tmp_path):
    with pytest.raises(ValueError, match='file_format must be specified'):
        dump(DATA)
    with pytest.raises(TypeError, match=r"Unsupported format 'jsn' of .*Did you mean 'json'"):
        dump(DATA, tmp_path / 'a.jsn')
    with pytest.raises(TypeError, match='Unsupported format'):
        load(tmp_path / 'a.txt')
    with pytest.raises(TypeError, match='path or an open file'):
        load(1, file_format='json')
    with pytest.raises(TypeError, match='path or an open file'):
        dump(DATA, 1, file_format='json')
    with pytest.raises(TypeError, match='Give file_format'), open(tmp_path / 'x', 'w') as file:
        dump(DATA, file)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / 'none.json')


def test_json_takes_arrays_sets_and_ranges():
    data = {'a': np.arange(3), 'b': np.float32(0.5), 'c': {1}, 'd': range(2), 'e': np.int64(3)}
    text = dump(data, file_format='json')
    assert text == '{"a": [0, 1, 2], "b": 0.5, "c": [1], "d": [0, 1], "e": 3}'
    assert dump(DATA, file_format='json', indent=1).startswith('{\n "b"')
    with pytest.raises(TypeError, match='object cannot be written as JSON'):
        dump(object(), file_format='json')


def test_yaml_is_plain(tmp_path):
    data = Plain(a=Plain(b=(1, 2)), c=np.float32(2), d=np.arange(2), e=OrderedDict(z=1), f=PurePosixPath('/x'))
    path = tmp_path / 'a.yaml'
    dump(data, path)
    assert '!!' not in path.read_text()
    assert load(path) == {'a': {'b': [1, 2]}, 'c': 2.0, 'd': [0, 1], 'e': {'z': 1}, 'f': '/x'}
    with pytest.raises(yaml.representer.RepresenterError, match='object cannot be written as plain YAML'):
        dump([object()], file_format='yaml')


def test_yaml_does_not_run_what_it_reads(tmp_path):
    path = tmp_path / 'evil.yaml'
    marker = tmp_path / 'ran'
    path.write_text(f'a: !!python/object/apply:os.mkdir [{str(marker)!r}]')
    with pytest.raises(yaml.YAMLError):
        load(path)
    assert not marker.exists()


def test_pickle_options():
    assert dump(1, file_format='pkl', protocol=2) == pickle.dumps(1, protocol=2)


def test_handlers_on_paths(tmp_path):
    for suffix in ('json', 'yaml', 'pkl'):
        path = tmp_path / f'a.{suffix}'
        file_handlers[suffix].dump_to_path(DATA, path)
        assert file_handlers[suffix].load_from_path(path) == DATA
    assert [file_handlers[name].str_like for name in ('json', 'yaml', 'pkl')] == [True, True, False]


class LinesHandler(BaseFileHandler):

    def __init__(self, separator='\n'):
        self.separator = separator

    def load_from_fileobj(self, file):
        return file.read().split(self.separator)

    def dump_to_fileobj(self, obj, file):
        file.write(self.separator.join(obj))

    def dump_to_str(self, obj):
        return self.separator.join(obj)


def test_register_handler(tmp_path):
    register_handler('lines')(LinesHandler)
    register_handler(['csv', 'comma'], separator=',')(LinesHandler)
    dump(['a', 'b'], tmp_path / 'x.lines')
    assert (tmp_path / 'x.lines').read_text() == 'a\nb'
    dump(['a', 'b'], tmp_path / 'x.csv')
    assert load(tmp_path / 'x.csv') == ['a', 'b']
    assert dump(['a'], file_format='comma') == 'a'
    with pytest.raises(TypeError, match='string or a list of strings'):
        register_handler(1)(LinesHandler)
    with pytest.raises(TypeError, match='BaseFileHandler'):
        register_handler('x')(dict)
    assert isinstance(file_handlers['json'], JsonHandler)


def test_text_goes_through_put_text_and_pickles_through_put():
    calls = []

    class Recorder(BaseStorageBackend):

        def get(self, filepath):
            return pickle.dumps(DATA)

        def get_text(self, filepath, encoding='utf-8'):
            return '[1]'

        def put(self, obj, filepath):
            calls.append(('put', obj, filepath))

        def put_text(self, obj, filepath, encoding='utf-8'):
            calls.append(('put_text', obj, filepath))

    register_backend('recorder', Recorder)
    args = {'backend': 'recorder'}
    dump([1], 's3://b/a.json', backend_args=args)
    dump([1], 's3://b/a.pkl', backend_args=args)
    assert calls[0] == ('put_text', '[1]', 's3://b/a.json')
    assert calls[1] == ('put', pickle.dumps([1]), 's3://b/a.pkl')
    assert load('s3://b/a.json', backend_args=args) == [1]
    assert load('s3://b/a.pkl', backend_args=args) == DATA


def test_old_argument(tmp_path):
    path = tmp_path / 'a.json'
    with pytest.warns(DeprecationWarning, match='backend_args'):
        dump([1], path, file_client_args={'backend': 'disk'})
    with pytest.warns(DeprecationWarning, match='backend_args'):
        assert load(path, file_client_args={'backend': 'disk'}) == [1]
    with pytest.warns(DeprecationWarning, match='backend_args'), pytest.raises(ValueError, match='at the same time'):
        load(path, file_client_args={'backend': 'disk'}, backend_args={'backend': 'local'})


def test_list_from_file(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_bytes('1.jpg\r\n2.jpg\nü 3.jpg\n\n5'.encode())
    assert fileio.list_from_file(path) == ['1.jpg', '2.jpg', 'ü 3.jpg', '', '5']
    assert fileio.list_from_file(path, prefix='a/', offset=1, max_num=2) == ['a/2.jpg', 'a/ü 3.jpg']
    assert fileio.list_from_file(path, offset=9) == []
    assert fileio.list_from_file(str(path), encoding='latin-1')[2] == 'Ã¼ 3.jpg'
    assert fileio.list_from_file(path, max_num=1, backend_args={'backend': 'local'}) == ['1.jpg']
    with pytest.warns(DeprecationWarning, match='backend_args'):
        assert len(fileio.list_from_file(path, file_client_args={'backend': 'disk'})) == 5


def test_dict_from_file(tmp_path):
    path = tmp_path / 'map.txt'
    path.write_text('1 cat\n2 dog cow\n3 panda\n\n')
    assert fileio.dict_from_file(path) == {'1': 'cat', '2': ['dog', 'cow'], '3': 'panda'}
    assert fileio.dict_from_file(path, key_type=int) == {1: 'cat', 2: ['dog', 'cow'], 3: 'panda'}
    path.write_text('1 cat\n2\n')
    with pytest.raises(ValueError, match=r"map\.txt', line 2: .*the line is '2'"):
        fileio.dict_from_file(path)


def test_json_by_orjson(tmp_path):
    pytest.importorskip('orjson', reason="needs the extra: pip install 'mmparts-fileio[orjson]'")
    dump({'a': [1, 2.5, None], 'ü': {1: True}}, tmp_path / 'a.json', engine='orjson')
    assert (tmp_path / 'a.json').read_bytes() == '{"a":[1,2.5,null],"ü":{"1":true}}'.encode()
    assert load(tmp_path / 'a.json', engine='orjson') == load(tmp_path / 'a.json') == {'a': [1, 2.5, None],
                                                                                      'ü': {'1': True}}
    assert dump({1, }, file_format='json', engine='orjson') == '[1]'
    with pytest.raises(ValueError, match="'json' or 'orjson', but got 'ujson'"):
        load(tmp_path / 'a.json', engine='ujson')


def test_json_by_orjson_which_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'orjson', None)
    with pytest.raises(ImportError, match=r"pip install 'mmparts-fileio\[orjson\]'"):
        dump({}, tmp_path / 'a.json', engine='orjson')
    assert not (tmp_path / 'a.json').exists()


def test_handlers_get_an_open_text_file(tmp_path):
    """What a handler may do with a file: read all, some, lines, and go back."""
    seen = []

    class Curious(BaseFileHandler):

        def load_from_fileobj(self, file, how):
            seen.append((file.readable(), file.seekable(), file.tell()))
            return how(file)

        def dump_to_fileobj(self, obj, file):
            file.write(obj)

        def dump_to_str(self, obj):
            return obj

    register_handler('curious')(Curious)
    dump('a\nb\r\nü', tmp_path / 'x.curious')
    path = tmp_path / 'x.curious'
    try:
        assert load(path, how=lambda file: file.read()) == 'a\nb\nü'
        assert load(path, how=lambda file: (file.read(), file.read(), file.tell())) == ('a\nb\nü', '', 5)
        assert load(path, how=lambda file: (file.read(), file.seek(2), file.read())) == ('a\nb\nü', 2, 'b\nü')
        assert load(path, how=lambda file: (file.read(2), file.read())) == ('a\n', 'b\nü')
        assert load(path, how=list) == ['a\n', 'b\n', 'ü']
        assert load(path, how=lambda file: (file.readline(), file.read())) == ('a\n', 'b\nü')
    finally:
        del file_handlers['curious']
    assert seen == [(True, True, 0)] * 6
