"""What an inferencer is made of: config, model with its weights, collation, visualizer."""
from __future__ import annotations

import copy
import itertools
import logging
import os.path as osp
import time
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from mmengine.checkpoint.loader import _load_checkpoint, _load_checkpoint_to_model
from mmengine.config import Config, ConfigDict
from mmengine.config.external import indexed_models
from mmengine.hub import get_config
from mmengine.infer.checkpoint_config import config_in
from mmengine.infer.model_index import find_model, index_folder, matching_names
from mmengine.logging import print_log
from mmengine.registry import MODELS, VISUALIZERS, DefaultScope
from mmengine.runner.build_dataloader import build_collate
from mmengine.visualization import Visualizer

ConfigType = Config | ConfigDict
ModelType = dict[str, Any] | ConfigType | str

_FILES = ('.py', '.json', '.yaml', '.yml')
_counter = itertools.count()


class InferencerParts:
    """Builds the parts of an inferencer from a config, a checkpoint, or a name in the model index of a library."""

    scope: str | None
    trust_checkpoint: bool
    _checkpoint: tuple[str, Any] | None

    def _find_config(self, model: ModelType | None, weights: str | None) -> tuple[Config, str | None]:
        if model is None:
            if weights is None:
                raise ValueError('If model is None, the weights must be specified since the config needs to be loaded '
                                 'from the weights')
            return config_in(self._read_weights(weights), weights, self.trust_checkpoint), weights
        if isinstance(model, str):
            if osp.isfile(model) or osp.splitext(model)[1] in _FILES:
                named: tuple[Config, str | None] = get_config(model) if '::' in model else Config.fromfile(model), None
            else:
                named = self._load_model_from_metafile(model)
            return named[0], weights if weights is not None else named[1]
        if isinstance(model, Config):
            return copy.deepcopy(model), weights
        if isinstance(model, dict):
            return Config(copy.deepcopy(dict(model))), weights
        raise TypeError(f'model must be a filepath, a name or any ConfigType object, but got {type(model)}')

    @staticmethod
    def _without_pretrained(cfg: Config) -> Config:
        """Leave out weights that would be overwritten by those of the checkpoint."""
        if cfg.get('model') is None:
            raise ValueError(f'the config {cfg.filename or ""} has no `model`: it has {", ".join(map(str, cfg))}')
        model = cfg.model
        if isinstance(model, dict) and model.get('pretrained') is not None:
            del model['pretrained']
        return cfg

    def _read_weights(self, weights: str) -> Any:
        if self._checkpoint is None or self._checkpoint[0] != weights:
            checkpoint = _load_checkpoint(weights, map_location='cpu', logger='current', trusted=self.trust_checkpoint)
            self._checkpoint = weights, checkpoint
        return self._checkpoint[1]

    def _init_model(self, cfg: ConfigType, weights: str | None, device: str = 'cpu') -> Any:
        """Build the model of a config, and load its weights.

        Args:
            cfg: The config, with a `model`.
            weights: Path or URL of the checkpoint.
            device: Device of the model.

        Returns:
            The model in evaluation mode; its attribute `cfg` is the config.
        """
        checkpoint = None if weights is None else self._read_weights(weights)
        model = MODELS.build(cfg.model)
        model.cfg = cfg
        self._load_weights_to_model(model, checkpoint, cfg)
        return model.to(device).eval()

    def _load_weights_to_model(self, model: nn.Module, checkpoint: Any, cfg: ConfigType | None) -> None:
        """Load weights, and the facts about the data set that the checkpoint has.

        Args:
            model: The model; its `dataset_meta` is set.
            checkpoint: What the checkpoint holds, None without one.
            cfg: The config.
        """
        if checkpoint is None:
            print_log('Checkpoint is not loaded, and the inference result is calculated by the randomly initialized '
                      'model!', logger='current', level=logging.WARNING)
            return
        _load_checkpoint_to_model(model, checkpoint, logger='current')
        meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
        if isinstance(meta, dict) and meta.get('dataset_meta') is not None:
            model.dataset_meta = meta['dataset_meta']

    def _init_collate(self, cfg: ConfigType) -> Callable[[list[Any]], Any]:
        """Build the function that makes a batch of samples: that of `test_dataloader`, or `pseudo_collate`."""
        loader = cfg.get('test_dataloader')
        return build_collate(dict(loader) if isinstance(loader, dict) else {})  # type: ignore[no-any-return]  # a callable

    def _init_visualizer(self, cfg: ConfigType) -> Visualizer | None:
        """Build the visualizer of a config under a name of its own, None if the config has none.

        Args:
            cfg: The config.
        """
        if cfg.get('visualizer') is None:
            return None
        settings = dict(cfg.visualizer)
        settings.setdefault('name', f'inferencer{time.time_ns()}_{next(_counter)}')
        visualizer: Visualizer = VISUALIZERS.build(settings)
        meta = getattr(getattr(self, 'model', None), 'dataset_meta', None)
        if meta is not None and hasattr(visualizer, 'dataset_meta'):
            visualizer.dataset_meta = meta
        return visualizer

    # -- models by name ---------------------------------------------------------------------------------------------

    def _load_model_from_metafile(self, model: str) -> tuple[Config, str | None]:
        """Find config and weights of a model of the library `scope`.

        Args:
            model: Its name or an alias.
        """
        folder = self._get_repo_or_mim_dir(_with_scope(self.scope))
        return find_model(model, self._get_models_from_metafile(folder), folder, str(self.scope))

    @staticmethod
    def _get_repo_or_mim_dir(scope: str) -> str:
        """Find the folder of the model index of a library."""
        return index_folder(scope)

    @staticmethod
    def _get_models_from_metafile(dir: str) -> Iterator[dict[str, Any]]:
        """Give what the model index in a folder says of each model."""
        return indexed_models(dir)

    @staticmethod
    def list_models(scope: str | None = None, patterns: str = r'.*') -> list[str]:
        """List the names of models in the index of a library.

        Args:
            scope: Import name of the library, by default the scope in force.
            patterns: Regular expression that the beginning of a name has to match.

        Raises:
            AssertionError: There is no scope.
            ImportError: The library is not installed.
        """
        current = DefaultScope.get_current_instance()
        scope = _with_scope(scope if scope is not None or current is None else current.scope_name)
        return matching_names(InferencerParts._get_models_from_metafile(index_folder(scope)), patterns)


def _with_scope(scope: str | None) -> str:
    if scope is None:
        raise AssertionError('scope should be initialized if you want to load config from metafile: '
                             "give the import name of the library, scope='mmdet' for example")
    return scope
