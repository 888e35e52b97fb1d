"""The logger: its lines, handlers, files and levels, per process and after it was closed."""
from __future__ import annotations

import io
import logging
import logging.handlers
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmengine.logging import MMLogger, print_log
from mmengine.logging import logger as logger_module
from mmengine.logging.formatter import FilterDuplicateWarning
from mmengine.logging.handlers import FileHandler

STREAM_TIME = r'\d{2}/\d{2} \d{2}:\d{2}:\d{2}'
FILE_TIME = r'\d{4}/\d{2}/\d{2} \d{2}:\d{2}:\d{2}'
Capture = pytest.CaptureFixture[str]


def test_logger_stands_outside_the_standard_tree():
    logger = MMLogger.get_instance('run')
    assert (logger.name, logger.instance_name, logger.parent, logger.level) == ('mmengine', 'run', None, logging.NOTSET)
    assert logging.getLogger('mmengine') is not logger
    assert [handler.level for handler in logger.handlers] == [logging.INFO]
    assert MMLogger.get_instance('other', logger_name='mmdet').name == 'mmdet'


def test_current_instance_is_made_when_there_is_none():
    logger = MMLogger.get_current_instance()
    assert logger.instance_name == 'mmengine'
    assert MMLogger.get_current_instance() is logger
    other = MMLogger.get_instance('other')
    assert MMLogger.get_current_instance() is other


@pytest.mark.parametrize('level', ['DEBUG', 'INFO', 'WARNING'])
def test_stream_line(capsys: Capture, level: str):
    logger = MMLogger.get_instance('run', log_level=level)
    logger.log(getattr(logging, level), 'a message')
    captured = capsys.readouterr()
    assert re.fullmatch(rf'{STREAM_TIME} - mmengine - (\x1b\[\d+m)+{level}\x1b\[0m - a message\n', captured.out)
    assert captured.err == ''


@pytest.mark.parametrize('level', ['ERROR', 'CRITICAL'])
def test_errors_say_where(capsys: Capture, level: str):
    MMLogger.get_instance('run').log(getattr(logging, level), 'a message')
    out = capsys.readouterr().out
    where = rf'{re.escape(__file__)} - test_errors_say_where - \d+'
    assert re.fullmatch(rf'{STREAM_TIME} - mmengine - (\x1b\[\d+m)+{level}\x1b\[0m - {where} - a message\n', out)


def test_exceptions_come_with_their_traceback(capsys: Capture):
    logger = MMLogger.get_instance('run')
    try:
        raise KeyError('lost')
    except KeyError:
        logger.exception('failed')
    out = capsys.readouterr().out
    assert ' - failed\nTraceback (most recent call last):' in out
    assert out.endswith("KeyError: 'lost'\n")


def test_no_color_is_respected(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv('NO_COLOR', '1')
    MMLogger.get_instance('run').info('plain')
    assert re.fullmatch(rf'{STREAM_TIME} - mmengine - INFO - plain\n', capsys.readouterr().out)


def test_level_of_one_s_own(capsys: Capture):
    MMLogger.get_instance('run').log(25, 'a %s', 'message')
    assert capsys.readouterr().out.endswith(' - mmengine - Level 25 - a message\n')


def test_stream_is_what_standard_output_is_at_the_time(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    logger = MMLogger.get_instance('run')
    replaced = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, 'stdout', replaced)
        logger.info('into the display')
    logger.info('as ever')
    assert replaced.getvalue().endswith('into the display\n')
    assert capsys.readouterr().out.endswith('as ever\n')


def test_stream_may_be_set(capsys: Capture):
    logger = MMLogger.get_instance('run')
    mine = io.StringIO()
    stream = logger.handlers[0]
    assert isinstance(stream, logging.StreamHandler)
    stream.setStream(mine)
    logger.info('hello')
    assert mine.getvalue().endswith('hello\n')
    assert capsys.readouterr().out == ''


def test_file_line(tmp_path: Path):
    path = tmp_path / 'new' / 'folder' / 'run.log'
    logger = MMLogger.get_instance('run', log_file=str(path))
    logger.info('Grüße')
    logger.debug('too detailed')
    assert logger.log_file == logger._log_file == str(path)
    assert [type(handler).__name__ for handler in logger.handlers] == ['StdoutHandler', 'FileHandler']
    assert re.fullmatch(rf'{FILE_TIME} - mmengine - INFO - Grüße\n', path.read_text(encoding='utf-8'))


@pytest.mark.parametrize(('mode', 'kept'), [('w', False), ('a', True)])
def test_file_mode(tmp_path: Path, mode: str, kept: bool):
    path = tmp_path / 'run.log'
    path.write_text('before\n')
    MMLogger.get_instance('run', log_file=str(path), file_mode=mode).info('after')
    assert path.read_text().startswith('before\n') is kept


def test_file_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match='file'):
        MMLogger.get_instance('run', log_file=str(tmp_path / 'file' / 'run.log'))
    assert not MMLogger.check_instance_created('run')


@pytest.mark.parametrize(('cfg', 'handler'), [
    (None, FileHandler),
    ({'type': 'FileHandler', 'mode': 'a'}, logging.FileHandler),
    ({'type': 'BaseRotatingHandler', 'mode': 'a'}, logging.handlers.BaseRotatingHandler),
    ({'type': 'RotatingFileHandler', 'maxBytes': 1000}, logging.handlers.RotatingFileHandler),
    ({'type': 'TimedRotatingFileHandler', 'when': 'D'}, logging.handlers.TimedRotatingFileHandler),
    ({'type': 'WatchedFileHandler'}, logging.handlers.WatchedFileHandler),
])
def test_file_handler_cfg(tmp_path: Path, cfg: dict[str, Any] | None, handler: type):
    given = None if cfg is None else dict(cfg)
    logger = MMLogger.get_instance('run', log_file=str(tmp_path / 'run.log'), file_handler_cfg=cfg)
    assert type(logger.handlers[1]) is handler
    assert cfg == given


def test_rotation(tmp_path: Path):
    logger = MMLogger.get_instance('run', log_file=str(tmp_path / 'run.log'), file_handler_cfg={
        'type': 'RotatingFileHandler', 'maxBytes': 100, 'backupCount': 1})
    for i in range(3):
        logger.info('%s', str(i) * 60)
    logger.close()
    logger.info('4' * 60)
    assert '4444' in (tmp_path / 'run.log').read_text()
    assert '2222' in (tmp_path / 'run.log.1').read_text()


@pytest.mark.parametrize(('cfg', 'error', 'text'), [
    ({'type': 'RotatingFileHandlr'}, ValueError, "Did you mean 'RotatingFileHandler'"),
    ({'type': 'NullHandler'}, ValueError, "type 'NullHandler' is not one of FileHandler, "),
    ({'mode': 'a'}, TypeError, 'must be a dict with the key "type"'),
    ('FileHandler', TypeError, 'must be a dict with the key "type"'),
])
def test_wrong_file_handler_cfg(tmp_path: Path, cfg: Any, error: type[Exception], text: str):
    with pytest.raises(error, match=text):
        MMLogger.get_instance('run', log_file=str(tmp_path / 'run.log'), file_handler_cfg=cfg)


def test_unknown_level():
    with pytest.raises(ValueError, match='LOUD'):
        MMLogger.get_instance('run', log_level='LOUD')


def test_other_ranks_show_errors_only_and_write_no_file(tmp_path: Path, capsys: Capture,
                                                        monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv('RANK', '1')
    monkeypatch.setenv('WORLD_SIZE', '2')
    logger = MMLogger.get_instance('run', log_file=str(tmp_path / 'run.log'))
    logger.info('not shown')
    logger.error('shown')
    out = capsys.readouterr().out
    assert 'not shown' not in out
    assert out.endswith(' - shown\n')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('options', [{'distributed': True}, {'log_level': 'DEBUG'}])
@pytest.mark.parametrize(('host', 'name'), [('user@host', 'run_user@host_device3_rank1.log'),
                                            ('', 'run_device3_rank1.log')])
def test_file_of_each_rank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], host: str,
                           name: str):
    for variable, value in {'RANK': '1', 'WORLD_SIZE': '2', 'LOCAL_RANK': '1'}.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(logger_module, '_get_host_info', lambda: host)
    monkeypatch.setattr(logger_module, '_get_device_id', lambda: 3)
    logger = MMLogger.get_instance('run', log_file=str(tmp_path / 'run.log'), **options)
    logger.info('hello')
    assert logger.log_file == str(tmp_path / name)
    assert (tmp_path / name).read_text().endswith('hello\n')


def test_distributed_alone_is_not_several(tmp_path: Path):
    logger = MMLogger.get_instance('run', log_file=str(tmp_path / 'run.log'), distributed=True)
    assert logger.log_file == str(tmp_path / 'run.log')


def test_device_without_and_with_a_choice(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, 'torch', raising=False)
    assert logger_module._get_device_id() == 0
    monkeypatch.setenv('LOCAL_RANK', '1')
    assert logger_module._get_device_id() == 1
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '2, 5')
    assert logger_module._get_device_id() == 5
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', 'GPU-a,GPU-b')
    assert logger_module._get_device_id() == 1
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '7')
    assert logger_module._get_device_id() == 1


def test_host_is_text_that_fits_into_a_file_name():
    host = logger_module._get_host_info()
    assert host == '' or '@' in host
    assert '/' not in host


def test_repeated_warning_is_shown_once_everywhere(tmp_path: Path, capsys: Capture):
    logger = MMLogger.get_instance('run', log_file=str(tmp_path / 'run.log'))
    for _ in range(3):
        logger.warning('%s is slow', 'this')
        logger.info('info')
    logger.warning('that is slow')
    for text in (capsys.readouterr().out, (tmp_path / 'run.log').read_text()):
        assert text.count('this is slow') == 1
        assert text.count('that is slow') == 1
        assert text.count(' - info\n') == 3


def test_warning_of_all_ranks_is_shown_once(tmp_path: Path):
    code = '''
import os
from mmengine.logging import MMLogger
logger = MMLogger.get_instance('run', log_file='run.log')
for _ in range(3):
    logger.warning('the data are few')
if os.environ['RANK'] == '2':
    logger.error('this process alone failed')
'''
    processes = [subprocess.Popen([sys.executable, '-c', code], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
                                  env={**os.environ, 'RANK': str(rank), 'WORLD_SIZE': '4', 'LOCAL_RANK': str(rank)})
                 for rank in range(4)]
    shown = ''.join(process.communicate(timeout=60)[0] for process in processes)
    assert [process.returncode for process in processes] == [0] * 4
    assert shown.count('the data are few') == 1
    assert shown.count('this process alone failed') == 1
    assert [path.name for path in tmp_path.iterdir()] == ['run.log']
    assert (tmp_path / 'run.log').read_text().count('the data are few') == 1


def test_memory_of_warnings_is_bounded():
    seen = FilterDuplicateWarning()
    for i in range(10_050):
        assert seen.filter(logging.LogRecord('n', logging.WARNING, '', 0, '%d', (i,), None))
    assert len(seen.seen) == 10_000


def test_set_level_takes_effect_after_use(capsys: Capture):
    first, second = MMLogger.get_instance('first'), MMLogger.get_instance('second')
    for logger in (first, second):
        logger.info('one')
    first.setLevel('ERROR')
    for logger in (first, second):
        logger.info('two')
    first.setLevel(logging.INFO)
    first.info('three')
    assert [line.split(' - ')[-1] for line in capsys.readouterr().out.splitlines()] == ['one', 'one', 'two', 'three']
    assert not first.isEnabledFor(logging.DEBUG)


def test_switch_of_the_standard_library_takes_effect_after_use(capsys: Capture):
    logger = MMLogger.get_instance('run')
    logger.info('one')
    logging.disable(logging.INFO)
    try:
        logger.info('two')
        logger.warning('three')
    finally:
        logging.disable(logging.NOTSET)
    logger.info('four')
    assert [line.split(' - ')[-1] for line in capsys.readouterr().out.splitlines()] == ['one', 'three', 'four']


@pytest.mark.parametrize('cfg', [None, {'type': 'RotatingFileHandler'}, {'type': 'TimedRotatingFileHandler'},
                                 {'type': 'WatchedFileHandler'}])
def test_closed_logger_goes_on_when_it_is_used_again(tmp_path: Path, cfg: dict[str, Any] | None):
    path = tmp_path / 'run.log'
    logger = MMLogger.get_instance('run', log_file=str(path), file_handler_cfg=cfg)
    handler = logger.handlers[1]
    assert isinstance(handler, logging.FileHandler)
    logger.info('train')
    for text in ('validate', 'test'):
        logger.close()
        logger.close()
        assert handler.stream is None
        logger.info(text)
    assert [line.split(' - ')[-1] for line in path.read_text().splitlines()] == ['train', 'validate', 'test']


def test_release_closes_and_frees_the_name(tmp_path: Path):
    old = MMLogger.get_instance('run', log_file=str(tmp_path / 'old.log'))
    handler = old.handlers[1]
    assert isinstance(handler, logging.FileHandler)
    old.info('old')
    old.release()
    assert handler.stream is None
    new = MMLogger.get_instance('run', log_file=str(tmp_path / 'new.log'))
    new.info('new')
    assert (tmp_path / 'old.log').read_text().endswith('old\n')
    assert (tmp_path / 'new.log').read_text().endswith('new\n')


def test_print_log(capsys: Capture):
    logger = MMLogger.get_instance('mine')
    own = logging.Logger('own')
    lines = io.StringIO()
    own.addHandler(logging.StreamHandler(lines))
    print_log('silent', logger='silent')
    print_log('printed')
    print_log(['any', 1])
    print_log('by name', logger='mine')
    print_log('current', logger='current', level=logging.WARNING)
    print_log('mine', logger=logger)
    print_log('own', logger=own)
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == ['printed', "['any', 1]"]
    assert [line.split(' - ')[-1] for line in out[2:]] == ['by name', 'current', 'mine']
    assert 'WARNING' in out[3]
    assert lines.getvalue() == 'own\n'


def test_print_log_says_where_it_was_called(capsys: Capture):
    logger = MMLogger.get_instance('mine')
    for target in ('current', 'mine', logger):
        print_log('wrong', logger=target, level=logging.ERROR)
        assert f'{__file__} - test_print_log_says_where_it_was_called' in capsys.readouterr().out


def test_print_log_to_nobody():
    MMLogger.get_instance('mine')
    with pytest.raises(ValueError, match=r"no MMLogger called 'mime'.* Did you mean 'mine'\?"):
        print_log('x', logger='mime')
    with pytest.raises(TypeError, match='got an object of type int'):
        print_log('x', logger=1)  # type: ignore[arg-type]  # what the test is about
