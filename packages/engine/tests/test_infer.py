"""Inferencers: where their parts come from, what they take, and what they return."""
import pickle
import re
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from mmengine.checkpoint import UnsafeCheckpointError, write_checkpoint
from mmengine.config import Config, ConfigDict
from mmengine.fileio import load
from mmengine.infer import BaseInferencer, dump_results
from mmengine.infer.infer import InputsType, ModelType, _load_checkpoint
from mmengine.logging import MMLogger
from mmengine.model import BaseModel
from mmengine.registry import FUNCTIONS, INFERENCERS, MODELS, DefaultScope
from mmengine.structures import BaseDataElement, InstanceData
from mmengine.visualization import Visualizer


class ScalingModel(BaseModel):
    """Multiplies by a weight, which is 2."""

    def __init__(self, offset=0., pretrained=None):
        super().__init__()
        assert pretrained is None, 'these weights would be overwritten'
        self.weight = nn.Parameter(torch.tensor(2.))
        self.offset = offset
        self.sizes = []

    def forward(self, inputs, mode='tensor'):
        assert mode == 'predict'
        self.sizes.append(len(inputs))
        return [InstanceData(scores=one * self.weight + self.offset) for one in inputs]


class ScalingInferencer(BaseInferencer):
    preprocess_kwargs = {'negate'}
    forward_kwargs = {'times'}
    visualize_kwargs = {'pred_score_thr', 'show'}
    postprocess_kwargs = {'digits'}

    def _init_pipeline(self, cfg):
        return lambda one: dict(inputs=torch.as_tensor(np.asarray(one, dtype=np.float32)).reshape(-1))

    def preprocess(self, inputs, batch_size=1, negate=False):
        return super().preprocess((-one if negate else one for one in inputs), batch_size)

    def forward(self, inputs, times=1):
        for _ in range(times):
            predictions = super().forward(inputs)
        assert not torch.is_grad_enabled() or not predictions[0].scores.requires_grad
        return predictions

    def visualize(self, inputs, preds, show=False, pred_score_thr=0.):
        return [(one, int((pred.scores > pred_score_thr).sum())) for one, pred in zip(inputs, preds, strict=True)]

    def postprocess(self, preds, visualization, return_datasample=False, digits=3):
        predictions = preds if return_datasample else [[round(value, digits) for value in pred.scores.tolist()]
                                                       for pred in preds]
        return dict(predictions=predictions, visualization=visualization)


@pytest.fixture(autouse=True)
def registered():
    MODELS.register_module(module=ScalingModel, force=True)
    scopes = dict(DefaultScope._instance_dict)
    DefaultScope._instance_dict.clear()
    yield
    MODELS.module_dict.pop('ScalingModel')
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(scopes)


CONFIG = dict(model=dict(type='ScalingModel'))


@pytest.fixture
def inferencer():
    return ScalingInferencer(CONFIG, device='cpu', show_progress=False)


@pytest.fixture
def checkpoint(tmp_path):
    """Make a checkpoint whose weight is 5, with a text of a config."""
    def make(text="model = dict(type='ScalingModel')\n", **content):
        path = tmp_path / 'weights.pth'
        hub = dict(runtime_info=dict(cfg=text)) if text is not None else {}
        write_checkpoint(dict(state_dict=dict(weight=torch.tensor(5.)), message_hub=hub, **content), path)
        return str(path)
    return make


class TestSources:
    @pytest.mark.parametrize('kind', [dict, ConfigDict, Config, 'path'])
    def test_a_config_of_any_kind(self, kind, tmp_path):
        if kind == 'path':
            (tmp_path / 'config.py').write_text("model = dict(type='ScalingModel', pretrained='x')\n")
            model = str(tmp_path / 'config.py')
        else:
            model = kind(dict(model=dict(type='ScalingModel', pretrained='x')))
        inferencer = ScalingInferencer(model, device='cpu', show_progress=False)
        assert isinstance(inferencer.cfg, Config)
        assert not inferencer.model.training
        assert inferencer.model.cfg.model.type == 'ScalingModel'
        assert inferencer([3])['predictions'] == [[6]]
        if kind != 'path':
            assert model['model']['pretrained'] == 'x'

    def test_only_a_checkpoint(self, checkpoint):
        text = "model = dict(offset=1.0, type='ScalingModel')\ntest_dataloader = dict(batch_size=3)\n"
        path = checkpoint(text, meta=dict(dataset_meta=dict(classes=('a', 'b'))))
        inferencer = ScalingInferencer(weights=path, device='cpu', show_progress=False)
        assert inferencer([3])['predictions'] == [[16]]
        assert inferencer.model.dataset_meta == dict(classes=('a', 'b'))
        assert inferencer.cfg.test_dataloader.batch_size == 3
        assert _load_checkpoint(path)['state_dict']['weight'] == 5

    def test_the_config_beside_the_state_of_the_run(self, checkpoint):
        path = checkpoint(None, meta=dict(cfg="model = dict(type='ScalingModel')"))
        assert ScalingInferencer(weights=path, device='cpu', show_progress=False)([1])['predictions'] == [[5]]

    def test_a_config_and_a_checkpoint(self, checkpoint):
        inferencer = ScalingInferencer(dict(model=dict(type='ScalingModel', offset=2)), checkpoint(), 'cpu')
        inferencer.show_progress = False
        assert inferencer([1])['predictions'] == [[7]]

    def test_a_checkpoint_of_a_run(self, make_runner, tmp_path):
        runner = make_runner()
        runner.train()

        class LineInferencer(ScalingInferencer):
            def forward(self, inputs, times=1):
                return [InstanceData(scores=one) for one in self.model.test_step(inputs)]

        inferencer = LineInferencer(weights=str(tmp_path / 'run' / 'epoch_4.pth'), device='cpu', show_progress=False)
        runner.model.eval()
        with torch.no_grad():
            expected = runner.model(torch.tensor([[.25, .5]]))
        assert inferencer([[.25, .5]], return_datasamples=True)['predictions'][0].scores.equal(expected[0])

    def test_warns_of_random_weights(self, capsys):
        MMLogger.get_instance('random weights')
        ScalingInferencer(CONFIG, device='cpu')
        MMLogger._instance_dict.pop('random weights')
        assert 'Checkpoint is not loaded' in capsys.readouterr().out

    def test_code_in_a_checkpoint_is_not_run(self, checkpoint, tmp_path, monkeypatch):
        witness = tmp_path / 'witness'
        text = f"from pathlib import Path\nPath({str(witness)!r}).touch()\nmodel = dict(type='ScalingModel')\n"
        path = checkpoint(text)
        with pytest.raises(UnsafeCheckpointError, match='the config in .* is code .*trust_checkpoint=True'):
            ScalingInferencer(weights=path, device='cpu')
        assert not witness.exists()
        assert ScalingInferencer(CONFIG, path, 'cpu', show_progress=False)([1])['predictions'] == [[5]]
        assert not witness.exists()
        ScalingInferencer(weights=path, device='cpu', trust_checkpoint=True)
        assert witness.exists()

    def test_objects_in_a_checkpoint_are_not_made(self, tmp_path):
        path = tmp_path / 'unsafe.pth'
        torch.save(dict(state_dict=dict(weight=torch.tensor(5.)), other=partial(print, 'x')), path)
        with pytest.raises(UnsafeCheckpointError, match='functools'):
            ScalingInferencer(CONFIG, str(path), 'cpu')
        assert ScalingInferencer(CONFIG, str(path), 'cpu', trust_checkpoint=True).model.weight.item() == 5

    def test_what_is_missing(self, checkpoint, tmp_path):
        with pytest.raises(ValueError, match='the weights must be specified'):
            ScalingInferencer()
        with pytest.raises(TypeError, match="model must be .* but got <class 'int'>"):
            ScalingInferencer(3)
        with pytest.raises(ValueError, match='has no `model`: it has work_dir'):
            ScalingInferencer(dict(work_dir='x'))
        with pytest.raises(ValueError, match=r'has no config .*model=\.\.\.'):
            ScalingInferencer(weights=checkpoint(None))
        with pytest.raises(FileNotFoundError, match='nothing'):
            ScalingInferencer(CONFIG, str(tmp_path / 'nothing.pth'))
        with pytest.raises(FileNotFoundError, match='nothing'):
            ScalingInferencer(str(tmp_path / 'nothing.py'))

    def test_a_model_without_test_step(self):
        MODELS.register_module(name='Plain', module=nn.Identity, force=True)
        try:
            inferencer = ScalingInferencer(dict(model=dict(type='Plain')), device='cpu', show_progress=False)
            with pytest.raises(TypeError, match='Identity has no `test_step`.*override `forward` of ScalingInferencer'):
                inferencer([1])
        finally:
            MODELS.module_dict.pop('Plain')

    def test_scope(self, inferencer):
        assert inferencer.scope is None
        DefaultScope.get_instance('of a run', scope_name='mmengine')
        assert ScalingInferencer(CONFIG, device='cpu').scope == 'mmengine'
        assert ScalingInferencer(CONFIG, device='cpu', scope='mmengine').scope == 'mmengine'

    def test_registry(self):
        INFERENCERS.register_module(module=ScalingInferencer)
        try:
            assert INFERENCERS.build(dict(type='ScalingInferencer', model=CONFIG, device='cpu')).model.weight == 2
        finally:
            INFERENCERS.module_dict.pop('ScalingInferencer')


class TestParts:
    def test_collation_of_the_config(self, inferencer):
        FUNCTIONS.register_module(name='largest', module=lambda batch, of: batch[:of])
        try:
            loader = dict(collate_fn=dict(type='largest', of=2))
            collate = inferencer._init_collate(Config(dict(test_dataloader=loader)))
            assert collate([1, 2, 3]) == [1, 2]
        finally:
            FUNCTIONS.module_dict.pop('largest')
        assert inferencer._init_collate(Config()).__name__ == 'pseudo_collate'

    def test_visualizer(self, inferencer):
        assert inferencer.visualizer is None
        inferencer.model.dataset_meta = dict(classes=('a',))
        cfg = Config(dict(visualizer=dict(type='Visualizer')))
        one, other = inferencer._init_visualizer(cfg), inferencer._init_visualizer(cfg)
        assert isinstance(one, Visualizer)
        assert one.instance_name != other.instance_name
        assert one.dataset_meta == dict(classes=('a',))
        assert inferencer._init_visualizer(Config(dict(visualizer=dict(type='Visualizer', name='mine')))
                                           ).instance_name == 'mine'


class TestInputs:
    def test_kinds(self, inferencer, tmp_path):
        for name in ('b.png', 'a.png'):
            (tmp_path / name).touch()
        (tmp_path / 'folder').mkdir()
        files = [str(tmp_path / name) for name in ('a.png', 'b.png')]
        assert inferencer._inputs_to_list(str(tmp_path)) == inferencer._inputs_to_list(tmp_path) == files
        assert inferencer._inputs_to_list(files[0]) == [files[0]]
        assert inferencer._inputs_to_list('https://x.org/y.png') == ['https://x.org/y.png']
        assert inferencer._inputs_to_list((1, 2)) == [1, 2]
        array = np.zeros((2, 2))
        assert inferencer._inputs_to_list(array)[0] is array

    def test_batches(self, inferencer):
        result = inferencer([1, 2, 3, 4, 5], batch_size=2)
        assert result['predictions'] == [[2], [4], [6], [8], [10]]
        assert inferencer.model.sizes == [2, 2, 1]
        assert list(inferencer._get_chunk_data([1, 2, 3], 2)) == [[1, 2], [3]]
        assert [batch['inputs'][0].tolist() for batch in inferencer.preprocess([1, 2], 1)] == [[1], [2]]
        assert inferencer([])['predictions'] == []
        for wrong in (0, 1.5):
            with pytest.raises(ValueError, match='batch_size is'):
                inferencer([1], batch_size=wrong)

    def test_an_iterator_is_read_batch_by_batch(self, inferencer):
        read = []

        def source():
            for number in range(5):
                assert len(read) - sum(inferencer.model.sizes) < 2
                read.append(number)
                yield number
        result = inferencer(source(), batch_size=2)
        assert result['predictions'] == [[0], [2], [4], [6], [8]]
        assert [one for one, _ in result['visualization']] == list(range(5))

    def test_endless_stream(self, inferencer):
        inferencer.show_progress = True
        numbers = iter(range(10**9))
        results = inferencer.stream(numbers, batch_size=3, times=2)
        assert next(results) == dict(predictions=[[0], [2], [4]], visualization=[(0, 0), (1, 1), (2, 1)])
        assert next(results)['predictions'] == [[6], [8], [10]]
        assert next(numbers) == 6
        results.close()
        assert inferencer.show_progress

    def test_progress(self, inferencer, capsys):
        inferencer([1, 2, 3])
        assert capsys.readouterr().out == ''
        inferencer.show_progress = True
        inferencer([1, 2, 3], batch_size=2)
        assert re.search(r'Inference .*100%', capsys.readouterr().out)
        assert inferencer(iter([1, 2]))['predictions'] == [[2], [4]]


class TestArguments:
    def test_each_step_gets_its_own(self, inferencer):
        result = inferencer([[1., 2.], [3., 4.]], negate=False, times=2, pred_score_thr=5, digits=1)
        assert result == dict(predictions=[[2, 4], [6, 8]], visualization=[([1., 2.], 0), ([3., 4.], 2)])
        assert inferencer.model.sizes == [1, 1, 1, 1]
        assert inferencer([1], negate=True)['predictions'] == [[-2]]
        assert inferencer._dispatch_kwargs(digits=1, times=2) == ({}, {'times': 2}, {}, {'digits': 1})
        assert isinstance(inferencer([1], return_datasamples=True)['predictions'][0], BaseDataElement)

    def test_unknown(self, inferencer):
        with pytest.raises(ValueError, match=r"unknown argument 'pred_score_th' of ScalingInferencer\. 'pred_score_th':"
                                             r" Did you mean 'pred_score_thr'\? .*`visualize` takes pred_score_thr, s"):
            inferencer([1], pred_score_th=1)

    def test_an_argument_of_two_steps(self):
        with pytest.raises(AssertionError, match=r"Class define error! Wrong\.forward_kwargs and "
                                                 r"Wrong\.preprocess_kwargs both have 'a'"):
            type('Wrong', (BaseInferencer,), dict(preprocess_kwargs={'a'}, forward_kwargs={'a', 'b'}))

    def test_steps_that_are_not_written(self):
        with pytest.raises(TypeError, match='abstract'):
            type('Nothing', (BaseInferencer,), {})(CONFIG)

    def test_types_are_there_for_annotations(self):
        assert str in ModelType.__args__
        assert torch.Tensor in InputsType.__args__


class TestResults:
    ELEMENT = InstanceData(metainfo=dict(shape=(2, 3)), scores=torch.tensor([.5]), labels=np.array([1]))
    RESULTS = dict(predictions=[ELEMENT], picture=None, half=torch.tensor([1.5], dtype=torch.bfloat16),
                   score=np.float64(2))

    @pytest.mark.parametrize('suffix', ['json', 'yaml'])
    def test_as_text(self, tmp_path, suffix):
        dump_results(self.RESULTS, tmp_path / f'results.{suffix}')
        assert load(tmp_path / f'results.{suffix}') == dict(
            predictions=[dict(shape=[2, 3], scores=[.5], labels=[1])], picture=None, half=[1.5], score=2)

    def test_pickled(self, tmp_path):
        dump_results(self.RESULTS, str(tmp_path / 'results.pkl'))
        found = pickle.loads((tmp_path / 'results.pkl').read_bytes())
        assert isinstance(found['predictions'][0]['scores'], np.ndarray)
        assert found['predictions'][0]['labels'].tolist() == [1]
