"""Buffers of several ranks, caches, profiles, pictures and views of a test."""
from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mmengine.hooks import (
    EmptyCacheHook,
    NaiveVisualizationHook,
    NPUProfilerHook,
    PrepareTTAHook,
    ProfilerHook,
    SyncBuffersHook,
    build_runner_with_tta,
)
from mmengine.hooks.profiler_hook import check_kineto
from mmengine.interfaces import Hook as InterfaceHook
from mmengine.model import BaseTTAModel
from mmengine.registry import HOOKS, MODELS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement

Make = Callable[..., Runner]


def test_one_class_of_hooks_under_each_of_its_names() -> None:
    import mmengine.hooks.hook
    import mmengine.visualization
    from mmengine.hooks import Hook
    from mmengine.hooks.checkpoint_hook import CheckpointHook
    from mmengine.hooks.logger_hook import SUFFIX_TYPE, LoggerHook
    from mmengine.hooks.runtime_info_hook import DATA_BATCH
    assert Hook is InterfaceHook is mmengine.hooks.hook.Hook is mmengine.visualization.Hook
    assert HOOKS.get('CheckpointHook') is CheckpointHook
    assert HOOKS.get('LoggerHook') is LoggerHook
    assert DATA_BATCH is not None
    assert SUFFIX_TYPE is not None


def test_drawing_is_loaded_by_who_draws_only() -> None:
    program = 'import sys, mmengine.hooks; print([name for name in ("matplotlib", "rich") if name in sys.modules])'
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True)
    assert done.stdout == '[]\n'


class TestEmptyCache:

    @pytest.mark.parametrize(('switches', 'calls'), [
        ({}, 1), (dict(before_epoch=True, after_epoch=False), 1), (dict(after_iter=True), 2),
        (dict(before_epoch=True, after_iter=True), 3), (dict(after_epoch=False), 0)])
    def test_switches(self, switches: dict[str, bool], calls: int) -> None:
        hook, emptied = EmptyCacheHook(**switches), []
        hook._empty_cache = lambda: emptied.append(1)
        hook.before_train_epoch(SimpleNamespace())
        hook.after_train_iter(SimpleNamespace(), 0)
        hook.after_train_epoch(SimpleNamespace())
        assert len(emptied) == calls

    def test_in_a_run(self, make_runner: Make) -> None:
        make_runner(custom_hooks=[dict(type='EmptyCacheHook', before_epoch=True, after_iter=True)]).train()


def test_buffers_of_one_rank_stay(make_runner: Make) -> None:
    runner = make_runner(custom_hooks=[dict(type='SyncBuffersHook')], train_cfg=dict(by_epoch=True, max_epochs=1))
    runner.train()
    hook = next(hook for hook in runner.hooks if isinstance(hook, SyncBuffersHook))
    assert not hook.distributed


class TestProfiler:

    def train(self, make_runner: Make, **options: Any) -> Runner:
        runner = make_runner(custom_hooks=[dict(type='ProfilerHook', **options)], log_level='INFO',
                             train_cfg=dict(by_epoch=True, max_epochs=2))
        runner.train()
        return runner

    @pytest.mark.skipif(not check_kineto(), reason='this PyTorch cannot trace')
    @pytest.mark.filterwarnings('ignore::UserWarning', 'ignore::FutureWarning')
    @pytest.mark.parametrize('options', [{}, dict(by_epoch=False, profile_times=3)])
    def test_a_trace(self, make_runner: Make, tmp_path: Path, options: dict[str, Any],
                     capsys: pytest.CaptureFixture[str]) -> None:
        trace = tmp_path / 'trace.json'
        self.train(make_runner, json_trace_path=str(trace),
                   on_trace_ready=dict(type='log_trace', sort_by='cpu_time_total'), **options)
        names = {event.get('name', '') for event in json.loads(trace.read_text())['traceEvents']}
        assert 'aten::linear' in names
        assert 'CPU time total' in capsys.readouterr().out

    def test_functions_of_a_trace(self, make_runner: Make) -> None:
        def own(profiler: Any) -> None: ...

        runner = SimpleNamespace(log_dir='x', work_dir='x')
        assert ProfilerHook()._parse_trace_config(runner) is None
        assert ProfilerHook(on_trace_ready=own)._parse_trace_config(runner) is own
        hook = ProfilerHook(on_trace_ready=dict(type='log_trace', row_limit=3))
        assert hook._parse_trace_config(runner).keywords == dict(row_limit=3)  # type: ignore[union-attr]  # a partial
        with pytest.raises(ValueError, match="'log_trace' or 'tb_trace', but got 'unknown'"):
            ProfilerHook(on_trace_ready=dict(type='unknown'))._parse_trace_config(runner)
        with pytest.raises(ValueError, match='on_trace_ready should be'):
            ProfilerHook(on_trace_ready='unknown')._parse_trace_config(runner)  # type: ignore[arg-type]  # on purpose

    @pytest.mark.parametrize(('options', 'error', 'words'), [
        (dict(profile_times=0), ValueError, 'profile_times should be at least 1'),
        (dict(schedule={}), TypeError, 'schedule'), (dict(schedule=3), TypeError, 'schedule')])
    def test_wrong_arguments(self, options: dict[str, Any], error: type[Exception], words: str) -> None:
        with pytest.raises(error, match=words):
            ProfilerHook(**options)

    @pytest.mark.parametrize('options', [dict(profile_times=3), dict(profile_times=13, by_epoch=False)])
    def test_more_than_the_run_has(self, make_runner: Make, options: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match='profile_times should not be greater than'):
            self.train(make_runner, **options)

    def test_an_npu_that_is_not_there(self) -> None:
        with pytest.raises(ValueError, match='begin should be smaller than end'):
            NPUProfilerHook(begin=1, end=0)
        with pytest.raises(ImportError, match='torch_npu'):
            NPUProfilerHook()


class TestVisualization:

    class Visualizer:
        def __init__(self) -> None:
            self.shown: list[Any] = []

        def add_datasample(self, *args: Any) -> None:
            self.shown.append(args)

    def show(self, hook: NaiveVisualizationHook, batch: Any) -> list[Any]:
        visualizer = self.Visualizer()
        runner = SimpleNamespace(visualizer=visualizer)
        for index in range(4):
            hook.after_test_iter(runner, index, batch, ['prediction'] * 2)
        return visualizer.shown

    @pytest.mark.parametrize('as_lists', [True, False])
    def test_samples_that_tell_nothing(self, as_lists: bool) -> None:
        inputs = [torch.full((3, 4, 6), 300.0), torch.full((1, 4, 6), 7.0)]
        batch: Any = dict(inputs=inputs) if as_lists else [dict(inputs=item) for item in inputs]
        shown = self.show(NaiveVisualizationHook(interval=2), batch)
        assert [item[0] for item in shown] == ['test_1_0', 'test_1_1', 'test_3_0', 'test_3_1']
        assert [(item[1].shape, item[1].dtype, item[1].max()) for item in shown[:2]] == [
            ((4, 6, 3), np.uint8, 255), ((4, 6, 3), np.uint8, 7)]
        assert shown[0][3:] == ('prediction', False, True)

    def test_undoes_what_the_sample_tells(self) -> None:
        sample = BaseDataElement(metainfo=dict(
            img_path='folder/cat.jpg', ori_shape=(2, 3), scale_factor=2.0, pad_shape=(8, 8),
            img_norm_cfg=dict(mean=[100, 50, 0], std=[10, 10, 10])))
        inputs = torch.full((3, 8, 8), 9.9)
        inputs[:, :4, :6] = 1.0  # 4 x 6 is the scaled picture, the rest is padding
        (name, picture, *rest), *_ = self.show(NaiveVisualizationHook(draw_gt=True, draw_pred=False),
                                               [dict(inputs=inputs, data_sample=sample)])
        assert name == 'cat.jpg'
        assert picture.shape == (2, 3, 3)
        assert picture.reshape(-1, 3).tolist() == [[110, 60, 10]] * 6
        assert rest == [sample, 'prediction', True, False]

    def test_in_a_run(self, make_runner: Make) -> None:
        make_runner(custom_hooks=[dict(type='NaiveVisualizationHook', interval=100)],
                    train_cfg=dict(by_epoch=True, max_epochs=1)).train()


class MeanOfViews(BaseTTAModel):
    def merge_preds(self, data_samples_list: list[Any]) -> list[Any]:
        return [torch.stack(views).mean(0) for views in data_samples_list]


class TestTTA:

    @pytest.fixture(autouse=True)
    def registered(self) -> Iterator[None]:
        MODELS.register_module(module=MeanOfViews, force=True)
        yield
        MODELS.module_dict.pop('MeanOfViews', None)

    def test_the_model_is_wrapped_once(self, make_runner: Make) -> None:
        runner = make_runner()
        model, hook = runner.model, PrepareTTAHook(dict(type='MeanOfViews'))
        for _ in range(2):
            hook.before_test(runner)
            assert isinstance(runner.model, MeanOfViews)
            assert runner.model.module is model

    def test_a_runner(self, make_cfg: Callable[..., dict[str, Any]]) -> None:
        cfg = make_cfg(tta_model=dict(type='MeanOfViews'), tta_pipeline=[dict(type='Views')])
        inner = cfg['test_dataloader']['dataset']
        outer = dict(type='RepeatDataset', times=2, dataset=inner)
        cfg['test_dataloader'] = dict(cfg['test_dataloader'], dataset=outer)
        runner = build_runner_with_tta(cfg)
        assert any(isinstance(hook, PrepareTTAHook) for hook in runner.hooks)
        assert runner._test_dataloader['dataset']['dataset']['pipeline'] == [dict(type='Views')]
        assert 'pipeline' not in inner

    def test_a_key_that_is_missing(self, make_cfg: Callable[..., dict[str, Any]]) -> None:
        with pytest.raises(AssertionError, match=re.escape('`tta_model`')):
            build_runner_with_tta(make_cfg())
