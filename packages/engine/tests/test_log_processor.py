"""Lines of the log to the letter, and the numbers that trackers get."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.runner.log_processor import LogProcessor


@pytest.fixture
def hub() -> Iterator[MessageHub]:
    hub = MessageHub.get_instance('test_log_processor')
    yield hub
    hub.release()


def make_runner(hub: MessageHub, **changes: Any) -> Any:
    """Give the face of a runner in its second of ten epochs of 20 batches, at the second batch."""
    loops = dict(_train_loop=object(), train_loop=SimpleNamespace(dataloader=[0] * 20),
                 val_loop=SimpleNamespace(dataloader=[0] * 10), test_loop=SimpleNamespace(dataloader=[0] * 5))
    facts = dict(message_hub=hub, epoch=1, iter=21, max_epochs=10, max_iters=200, model=torch.nn.Linear(1, 1))
    return SimpleNamespace(**{**loops, **facts, **changes})


def record(hub: MessageHub, mode: str = 'train', **scalars: Any) -> None:
    for name, value in scalars.items():
        hub.update_scalar(f'{mode}/{name}', value)


class TestIteration:

    def test_training_by_epoch(self, hub: MessageHub) -> None:
        record(hub, lr=0.1, data_time=1.0, loss_cls=torch.tensor(1.0), time=1.0)
        hub.update_info('eta', 40)
        tag, line = LogProcessor().get_log_after_iter(make_runner(hub), 1, 'train')
        assert line == ('Epoch(train)  [2][ 2/20]  lr: 1.0000e-01  eta: 0:00:40  time: 1.0000  data_time: 1.0000  '
                        'loss_cls: 1.0000')
        assert tag == dict(lr=0.1, data_time=1.0, loss_cls=1.0, time=1.0, epoch=2, iter=22)
        assert not isinstance(tag['loss_cls'], torch.Tensor)

    def test_a_field_for_the_longest_number_of_an_epoch(self, hub: MessageHub) -> None:
        processor, runner = LogProcessor(), make_runner(hub, max_epochs=300)
        record(hub, loss=1.0)
        assert processor.get_log_after_iter(runner, 1, 'train')[1].startswith('Epoch(train)   [2][ 2/20]  ')
        runner.epoch = 99
        assert processor.get_log_after_iter(runner, 9, 'train')[1].startswith('Epoch(train) [100][10/20]  ')

    def test_several_learning_rates_share_a_place(self, hub: MessageHub) -> None:
        record(hub, base_lr=0.2, lr=0.1, loss=0.5)
        assert LogProcessor().get_log_after_iter(make_runner(hub), 0, 'train')[1] == \
            'Epoch(train)  [2][ 1/20]  base_lr: 2.0000e-01 lr: 1.0000e-01  loss: 0.5000'

    def test_training_by_iteration(self, hub: MessageHub) -> None:
        record(hub, lr=0.1, loss_cls=1.0)
        runner = make_runner(hub, iter=10, max_iters=50)
        tag, line = LogProcessor(by_epoch=False).get_log_after_iter(runner, 10, 'train')
        assert line == 'Iter(train) [11/50]  lr: 1.0000e-01  loss_cls: 1.0000'
        assert tag['iter'] == 11
        assert 'epoch' not in tag

    @pytest.mark.parametrize(('by_epoch', 'mode', 'place'), [
        (True, 'val', 'Epoch(val)  [1][ 2/10]'), (False, 'val', 'Iter(val) [ 2/10]'),
        (True, 'test', 'Epoch(test) [2/5]'), (False, 'test', 'Iter(test) [2/5]')])
    def test_validation_and_test_have_blanks_for_the_learning_rate(self, hub: MessageHub, by_epoch: bool, mode: str,
                                                                  place: str) -> None:
        record(hub, mode, time=1.0, data_time=0.5, accuracy=0.9)  # the accuracy of the last pass
        hub.update_info('eta', 40)
        line = LogProcessor(by_epoch=by_epoch).get_log_after_iter(make_runner(hub, epoch=1), 1, mode)[1]
        assert line == f'{place}    eta: 0:00:40  time: 1.0000  data_time: 0.5000  '

    def test_without_training_there_is_no_epoch(self, hub: MessageHub) -> None:
        for loop in (None, dict(by_epoch=True)):  # none at all, or not built
            tag, line = LogProcessor().get_log_after_iter(make_runner(hub, _train_loop=loop), 1, 'val')
            assert line.startswith('Epoch(val)[0][ 2/10]  ')
            assert tag == dict(epoch=0, iter=0)

    def test_days_of_remaining_time(self, hub: MessageHub) -> None:
        record(hub, time=1.0, data_time=1.0)
        hub.update_info('eta', 2 * 86400 + 3723.9)
        assert 'eta: 2 days, 1:02:03  ' in LogProcessor().get_log_after_iter(make_runner(hub), 1, 'train')[1]

    def test_digits(self, hub: MessageHub) -> None:
        record(hub, lr=0.1, loss=1 / 3)
        assert LogProcessor(num_digits=2).get_log_after_iter(make_runner(hub), 1, 'train')[1].endswith(
            'lr: 1.00e-01  loss: 0.33')

    def test_hierarchy(self, hub: MessageHub) -> None:
        record(hub, lr=0.1, loss=1.0)
        tag, line = LogProcessor(log_with_hierarchy=True).get_log_after_iter(make_runner(hub), 1, 'train')
        assert tag == {'train/lr': 0.1, 'train/loss': 1.0, 'epoch': 2, 'iter': 22}
        assert line == 'Epoch(train)  [2][ 2/20]  lr: 1.0000e-01  loss: 1.0000'

    def test_a_mode_that_there_is_not(self, hub: MessageHub) -> None:
        with pytest.raises(AssertionError, match="but got 'trian'"):
            LogProcessor().get_log_after_iter(make_runner(hub), 0, 'trian')

    @pytest.mark.skipif(torch.cuda.is_available(), reason='looks at a machine without an accelerator')
    def test_no_memory_without_an_accelerator(self, hub: MessageHub) -> None:
        tag, line = LogProcessor().get_log_after_iter(make_runner(hub), 0, 'train')
        assert 'memory' not in tag
        assert 'memory' not in line


class TestEpoch:

    def test_validation(self, hub: MessageHub) -> None:
        matrix = np.eye(2)
        record(hub, 'val', accuracy=0.9, data_time=1.0, time=2.0)
        hub.update_info('val/recall', {'cat': 1})
        hub.update_info('val/cm', torch.eye(2))
        hub.update_info('val/np', matrix)
        runner = make_runner(hub, epoch=1)
        tag, line = LogProcessor().get_log_after_epoch(runner, 10, 'val')
        assert line == (f"Epoch(val) [1][10/10]    accuracy: 0.9000  recall: {{'cat': 1}}  cm: \n{torch.eye(2)}\n  "
                        f'np: \n{matrix}\n  data_time: 1.0000  time: 2.0000')
        assert list(tag) == ['accuracy', 'data_time', 'time']
        tag, _ = LogProcessor().get_log_after_epoch(runner, 10, 'val', with_non_scalar=True)
        assert list(tag) == ['accuracy', 'recall', 'cm', 'np', 'data_time', 'time']

    @pytest.mark.parametrize(('by_epoch', 'mode', 'place'), [
        (True, 'test', 'Epoch(test) [5/5]'), (False, 'val', 'Iter(val) [10/10]'), (False, 'test', 'Iter(test) [5/5]')])
    def test_places(self, hub: MessageHub, by_epoch: bool, mode: str, place: str) -> None:
        record(hub, mode, accuracy=0.9)
        assert LogProcessor(by_epoch=by_epoch).get_log_after_epoch(make_runner(hub), 5, mode)[1] == \
            f'{place}    accuracy: 0.9000'

    def test_times_are_those_of_this_pass_alone(self, hub: MessageHub) -> None:
        for seconds in (100.0, *[1.0] * 10):  # the first one is of the pass before
            record(hub, 'val', time=seconds)
        assert LogProcessor(window_size=3).get_log_after_epoch(make_runner(hub), 10, 'val')[0] == dict(time=1.0)

    def test_hierarchy(self, hub: MessageHub) -> None:
        record(hub, 'val', accuracy=0.9, time=1.0)
        hub.update_info('val/recall', 'high')
        tag, _ = LogProcessor(log_with_hierarchy=True).get_log_after_epoch(make_runner(hub), 10, 'val', True)
        assert tag == {'val/accuracy': 0.9, 'val/recall': 'high', 'val/time': 1.0}

    def test_there_is_none_for_training(self, hub: MessageHub) -> None:
        with pytest.raises(AssertionError, match='train'):
            LogProcessor().get_log_after_epoch(make_runner(hub), 10, 'train')


class TestWindows:

    def filled(self, hub: MessageHub) -> Any:
        for value in range(30):  # 20 of the first epoch, 10 of the second
            record(hub, loss=torch.tensor(float(value)), lr=value, acc=float(value))
        return make_runner(hub, iter=29)

    def test_means_and_newest_values(self, hub: MessageHub) -> None:
        tag, _ = LogProcessor(window_size=5).get_log_after_iter(self.filled(hub), 9, 'train')
        assert tag == dict(loss=27.0, lr=29, acc=29.0, epoch=2, iter=30)

    def test_a_pattern_of_what_is_averaged(self, hub: MessageHub) -> None:
        tag, _ = LogProcessor(window_size=5, mean_pattern='acc').get_log_after_iter(self.filled(hub), 9, 'train')
        assert (tag['loss'], tag['acc']) == (29.0, 27.0)

    @pytest.mark.parametrize(('window', 'mean'), [(4, 27.5), ('epoch', 24.5), ('global', 14.5), (None, 14.5)])
    def test_statistics_of_ones_own(self, hub: MessageHub, window: Any, mean: float) -> None:
        custom = [dict(data_src='loss', log_name='own', method_name='mean', window_size=window)]
        tag, _ = LogProcessor(custom_cfg=custom).get_log_after_iter(self.filled(hub), 9, 'train')
        assert tag['own'] == mean
        assert tag['loss'] == 24.5
        assert custom == [dict(data_src='loss', log_name='own', method_name='mean', window_size=window)]

    def test_one_that_replaces_its_source(self, hub: MessageHub) -> None:
        custom = [dict(data_src='loss', method_name='max', window_size='epoch'),
                  dict(data_src='loss', log_name='low', method_name='min', window_size='epoch'),
                  dict(data_src='loss', log_name='first', method_name='min')]
        tag, _ = LogProcessor(custom_cfg=custom).get_log_after_iter(self.filled(hub), 9, 'train')
        assert (tag['loss'], tag['low'], tag['first']) == (29.0, 20.0, 0.0)

    def test_with_hierarchy(self, hub: MessageHub) -> None:
        custom = [dict(data_src='loss', log_name='top', method_name='max')]
        processor = LogProcessor(custom_cfg=custom, log_with_hierarchy=True)
        assert processor.get_log_after_iter(self.filled(hub), 9, 'train')[0]['train/top'] == 29.0

    def test_a_source_of_another_mode_is_left_out(self, hub: MessageHub) -> None:
        custom = [dict(data_src='loss', log_name='own', method_name='mean')]
        assert 'own' not in LogProcessor(custom_cfg=custom).get_log_after_iter(self.filled(hub), 1, 'val')[0]

    def test_a_registered_statistic(self, hub: MessageHub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(HistoryBuffer._statistics_methods, 'spread',
                            lambda history, window: history.max(window) - history.min(window))
        custom = [dict(data_src='loss', log_name='own', method_name='spread', window=10)]
        assert LogProcessor(custom_cfg=custom).get_log_after_iter(self.filled(hub), 9, 'train')[0]['own'] == 9.0

    def test_helpers_that_subclasses_call(self, hub: MessageHub) -> None:
        runner = self.filled(hub)
        processor = LogProcessor(custom_cfg=[dict(data_src='loss', method_name='mean', window_size='global')])
        assert processor._parse_windows_size(runner, 1) == [dict(data_src='loss', method_name='mean', window_size=30)]
        own = [dict(data_src='loss', method_name='mean', window_size='epoch')]
        assert processor._parse_windows_size(runner, 1, own)[0]['window_size'] == 2
        assert next(iter(processor._collect_scalars([], runner, 'train', reserve_prefix=True))) == 'train/loss'
        hub.update_info('val/cm', 3)
        assert processor._collect_non_scalars(runner, 'val') == dict(cm=3)
        assert (processor._get_iter(runner), processor._get_iter(runner, 3)) == (30, 4)
        assert LogProcessor(by_epoch=False)._get_iter(runner, 3) == 30
        assert (processor._get_epoch(runner, 'train'), processor._get_epoch(runner, 'val')) == (2, 1)
        with pytest.raises(ValueError, match='test'):
            processor._get_epoch(runner, 'test')
        assert processor._get_cur_loop(runner, 'val') is runner.val_loop
        assert processor._get_dataloader_size(runner, 'test') == 5
        assert isinstance(processor._get_max_memory(runner), int)


@pytest.mark.parametrize(('options', 'error', 'words'), [
    (dict(by_epoch=False, custom_cfg=[dict(data_src='loss', method_name='mean', window_size='epoch')]),
     AssertionError, 'by_epoch is False'),
    (dict(custom_cfg=[dict(data_src='loss', log_name='a', method_name='mean'),
                      dict(data_src='loss', log_name='a', method_name='max')]), AssertionError, "duplicate 'a'"),
    (dict(custom_cfg=[dict(data_src='loss', method_name='mean'), dict(data_src='loss', method_name='max')]),
     AssertionError, "duplicate 'loss' for 'loss'"),
    (dict(custom_cfg=[dict(method_name='mean')]), AssertionError, 'data_src'),
])
def test_entries_that_contradict_each_other(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=re.escape(words)):
        LogProcessor(**options)


@pytest.mark.parametrize('window', ['unknown', 1.5])
def test_a_window_that_there_is_not(hub: MessageHub, window: Any) -> None:
    processor = LogProcessor(custom_cfg=[dict(data_src='loss', method_name='mean', window_size=window)])
    with pytest.raises(TypeError, match=f'got invalid {window!r}'):
        processor.get_log_after_iter(make_runner(hub), 0, 'train')


def test_in_a_run(make_runner: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    make_runner(log_level='INFO', default_hooks=dict(logger=dict(type='LoggerHook', interval=3))).train()
    lines = capsys.readouterr().out.splitlines()
    train = [line.partition(' - ')[2] for line in lines if 'Epoch(train)' in line]
    number = r'\d+\.\d{4}'
    shape = (rf'Epoch\(train\) \[(\d)\]\[(\d)/6\]  lr: \d\.\d{{4}}e-\d\d  eta: \d:\d\d:\d\d  '
             rf'time: {number}  data_time: {number}  (memory: \d+  )?loss: {number}')
    found = [re.search(shape + '$', line) for line in train]
    assert [(match[1], match[2]) for match in found if match] == [(str(e), i) for e in range(1, 5) for i in '36']
    val = [line for line in lines if 'Epoch(val)' in line]
    assert len(val) == 2 * 4 + 4  # two lines on the way, one at the end of each of the four
    assert re.search(rf'\(val\) \[4\]\[6/6\]    line/error: {number}  data_time: {number}  time: {number}$', val[-1])
