"""Metrics and evaluators."""
import logging
import pickle

import pytest
import torch

from mmengine.evaluator import BaseMetric, DumpResults, Evaluator, get_metric_value
from mmengine.logging import MMLogger
from mmengine.registry import EVALUATOR, METRICS
from mmengine.structures import BaseDataElement


class Accuracy(BaseMetric):
    default_prefix = 'toy'

    def process(self, data_batch, data_samples):
        self.results += [(sample['label'] == sample['pred']).float() for sample in data_samples]

    def compute_metrics(self, results):
        assert all(result.device.type == 'cpu' and not result.requires_grad for result in results)
        return {'accuracy': float(torch.stack(results).mean()), 'size': len(results)}


class Nameless(Accuracy):
    default_prefix = None


@pytest.fixture
def warned():
    records = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: records.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


def samples(*pairs):
    return [BaseDataElement(label=torch.tensor(label), pred=torch.tensor(pred)) for label, pred in pairs]


def test_evaluates_and_forgets():
    evaluator = Evaluator([Accuracy(), Accuracy(prefix='second')])
    evaluator.dataset_meta = {'classes': ['a']}
    assert all(metric.dataset_meta == {'classes': ['a']} for metric in evaluator.metrics)
    for _ in range(2):
        evaluator.process(samples((1, 1), (2, 1)))
        evaluator.process(data_samples=samples((1, 1)), data_batch={})
        assert evaluator.evaluate(2) == {'toy/accuracy': 0.5, 'toy/size': 2, 'second/accuracy': 0.5, 'second/size': 2}
        assert evaluator.metrics[0].results == []


def test_offline():
    pairs = [(1, 1), (2, 1), (3, 3), (4, 4)]
    seen = []

    class Remembering(Accuracy):
        def process(self, data_batch, data_samples):
            seen.append((data_batch, len(data_samples)))
            super().process(data_batch, data_samples)

    found = Evaluator(Remembering()).offline_evaluate(samples(*pairs), data=list('abcd'), chunk_size=3)
    assert found['toy/accuracy'] == 0.75
    assert seen == [(['a', 'b', 'c'], 3), (['d'], 1)]
    assert Evaluator(Accuracy()).offline_evaluate(samples(*pairs))['toy/size'] == 4
    with pytest.raises(AssertionError, match='data_samples and data should have the same length'):
        Evaluator(Accuracy()).offline_evaluate(samples(*pairs), data=[1])


def test_same_name_twice():
    evaluator = Evaluator([Accuracy(), Accuracy()])
    evaluator.process(samples((1, 1)))
    with pytest.raises(ValueError, match='There are multiple evaluation results with the same metric name'):
        evaluator.evaluate(1)


def test_prefix(warned):
    metric = Nameless()
    assert 'The prefix is not set in metric class Nameless' in warned[0]
    metric.process(None, [sample.to_dict() for sample in samples((1, 1))])
    assert set(metric.evaluate(1)) == {'accuracy', 'size'}


def test_empty_results_warn(warned):
    class Empty(Accuracy):
        def process(self, data_batch, data_samples):
            pass

        def compute_metrics(self, results):
            return {}

    Empty().evaluate(0)
    assert 'got empty `self.results`' in warned[0]


def test_failure_keeps_its_type():
    class Failing(Accuracy):
        def compute_metrics(self, results):
            raise KeyError('missing')

    metric = Failing()
    metric.results.append(1)
    with pytest.raises(KeyError, match='missing'):
        metric.evaluate(1)


def test_bad_metrics():
    with pytest.raises(TypeError, match=r"metrics\[1\] should be a BaseMetric or its config, but got <class 'int'>"):
        Evaluator([Accuracy(), 3])
    with pytest.raises(ValueError, match='chunk_size should be at least 1, but got 0'):
        Evaluator(Accuracy()).offline_evaluate([], chunk_size=0)

    class Number(Accuracy):
        def compute_metrics(self, results):
            return 3

    metric = Number()
    metric.results.append(1)
    with pytest.raises(TypeError, match=r"Number.compute_metrics should return a dict.*<class 'int'>"):
        metric.evaluate(1)


def test_bad_collect_dir():
    with pytest.raises(ValueError, match='collect_dir'):
        Accuracy(collect_device='gpu', collect_dir='folder')


def test_dump_results(tmp_path, capsys):
    path = tmp_path / 'results.pkl'
    evaluator = Evaluator({'type': 'DumpResults', 'out_file_path': str(path)})
    nested = BaseDataElement(x=torch.ones(2, requires_grad=True))
    evaluator.process([BaseDataElement(label=torch.tensor(1), nested=nested, pair=(torch.tensor(1), 'text'))])
    assert evaluator.evaluate(1) == {}
    results = pickle.loads(path.read_bytes())
    assert results[0]['label'] == 1
    assert not results[0]['nested']['x'].requires_grad
    with pytest.raises(ValueError, match=r'The output file must be a pkl file\.'):
        DumpResults('results.json')


def test_get_metric_value():
    metrics = {'coco/bbox_mAP': 1, 'a/acc': 2, 'b/acc': 3, 'loss': 4}
    assert get_metric_value('coco/bbox_mAP', metrics) == 1
    assert get_metric_value('bbox_mAP', metrics) == 1
    assert get_metric_value('loss', metrics) == 4
    for missing in ('coco/mAP', 'bbox_map'):
        with pytest.raises(ValueError, match='can not match any metric'):
            get_metric_value(missing, metrics)
    with pytest.raises(ValueError, match='matches multiple metrics'):
        get_metric_value('acc', metrics)


def test_registered():
    assert EVALUATOR.get('Evaluator') is Evaluator
    assert METRICS.get('DumpResults') is DumpResults
