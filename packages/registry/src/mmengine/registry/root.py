"""The registries at the top of the trees: one for each kind of thing that a config can name.

`locations` are the modules that register their members; they are imported when a name is missing, not before, and
those that are not installed are passed over.
"""
from __future__ import annotations

from mmengine.registry.build_functions import build_model_from_cfg, build_runner_from_cfg, build_scheduler_from_cfg
from mmengine.registry.registry import Registry

#: Runners, that train, validate and test a model.
RUNNERS = Registry('runner', build_func=build_runner_from_cfg, locations=['mmengine.runner'])
#: Constructors of runners.
RUNNER_CONSTRUCTORS = Registry('runner constructor', locations=['mmengine.runner'])
#: Loops of training, validation and testing.
LOOPS = Registry('loop', locations=['mmengine.runner'])
#: Hooks, called at the stages of a run.
HOOKS = Registry('hook', locations=['mmengine.hooks'], entry_points='mmengine.hooks')
#: Strategies, that place a run on its devices.
STRATEGIES = Registry('strategy', locations=['mmengine._strategy'])

#: Data sets and their wrappers.
DATASETS = Registry('dataset', locations=['mmengine.dataset'])
#: Samplers, that give the order of the samples.
DATA_SAMPLERS = Registry('data sampler', locations=['mmengine.dataset'])
#: Steps of a data pipeline.
TRANSFORMS = Registry('transform', locations=['mmengine.dataset'])

#: Models and their pieces.
MODELS = Registry('model', build_func=build_model_from_cfg, locations=['mmengine.model'])
#: Wrappers around a model, of distributed training for example.
MODEL_WRAPPERS = Registry('model_wrapper', locations=['mmengine.model', 'mmengine._strategy'])
#: Initialisers of weights.
WEIGHT_INITIALIZERS = Registry('weight initializer', locations=['mmengine.model'])

#: Optimizers.
OPTIMIZERS = Registry('optimizer', locations=['mmengine.optim', 'mmengine._strategy'])
#: Wrappers of optimizers.
OPTIM_WRAPPERS = Registry('optim_wrapper', locations=['mmengine.optim', 'mmengine._strategy'])
#: Constructors of wrappers of optimizers.
OPTIM_WRAPPER_CONSTRUCTORS = Registry('optimizer wrapper constructor', locations=['mmengine.optim'])
#: Schedulers of learning rate, momentum and other parameters of an optimizer.
PARAM_SCHEDULERS = Registry('parameter scheduler', build_func=build_scheduler_from_cfg, locations=['mmengine.optim'])

#: Metrics.
METRICS = Registry('metric', locations=['mmengine.evaluator'])
#: Evaluators, that hold metrics.
EVALUATOR = Registry('evaluator', locations=['mmengine.evaluator'])

#: Task-specific pieces: box coders, anchor generators, assigners.
TASK_UTILS = Registry('task util')

#: Visualizers.
VISUALIZERS = Registry('visualizer', locations=['mmengine.visualization'])
#: Recorders and trackers behind a visualizer.
VISBACKENDS = Registry('vis_backend', locations=['mmengine.visualization'], entry_points='mmengine.vis_backends')

#: Processors of the log.
LOG_PROCESSORS = Registry('log_processor', locations=['mmengine.runner'])
#: Inferencers.
INFERENCERS = Registry('inferencer', locations=['mmengine.infer'])
#: Functions: those that collate samples into a batch, for example.
FUNCTIONS = Registry('function', locations=['mmengine.dataset', 'mmengine.model'])
