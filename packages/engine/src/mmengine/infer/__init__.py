"""From inputs to predictions: the frame that inferencers of libraries fill."""
from mmengine.infer.infer import BaseInferencer as BaseInferencer
from mmengine.infer.pipeline import PipelineInferencer as PipelineInferencer
from mmengine.infer.results import dump_results as dump_results
