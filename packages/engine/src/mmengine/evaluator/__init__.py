"""Metrics, and what runs them over predictions."""
from mmengine.evaluator.evaluator import Evaluator as Evaluator
from mmengine.evaluator.metric import BaseMetric as BaseMetric
from mmengine.evaluator.metric import DumpResults as DumpResults
from mmengine.evaluator.utils import get_metric_value as get_metric_value
