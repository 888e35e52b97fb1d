"""Models that predict several augmentations of a sample and merge the predictions."""
from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import nn

from mmengine.model.base_model import BaseModel
from mmengine.registry import MODELS


@MODELS.register_module()
class BaseTTAModel(BaseModel):
    """Wraps a model for test-time augmentation; a subclass implements `merge_preds`.

    Args:
        module: The model, or its config.
        data_preprocessor: Not used: the model's own prepares each augmentation.

    Raises:
        TypeError: `module` is something else.
    """

    def __init__(self, module: dict[str, Any] | nn.Module, data_preprocessor: dict[str, Any] | None = None) -> None:
        super().__init__()
        if isinstance(module, dict):
            module = MODELS.build(module)
        if not isinstance(module, nn.Module):
            raise TypeError(f'The type of module should be a `nn.Module` instance or a dict, but got {type(module)}')
        self.module: Any = module
        if not hasattr(self.module, 'test_step'):
            raise AssertionError(f'Model wrapped by BaseTTAModel must implement `test_step`!, '
                                 f'but {type(module).__name__} has none')

    @abstractmethod
    def merge_preds(self, data_samples_list: list[list[Any]]) -> list[Any]:
        """Merge the predictions of each sample.

        Args:
            data_samples_list: For each sample, the predictions of its augmentations.

        Returns:
            A prediction per sample.
        """

    def test_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> list[Any]:
        """Predict all augmentations of a batch and merge them.

        Args:
            data: A batch in which each value is a list over augmentations, each with a list over samples.

        Returns:
            A prediction per sample.
        """
        with torch.no_grad():
            predictions = [self.module.test_step(augmented) for augmented in _augmentations(data)]
        return self.merge_preds([list(sample) for sample in zip(*predictions, strict=True)])

    def forward(self, inputs: Any, data_samples: list[Any] | None = None, mode: str = 'tensor') -> Any:
        """Is not there: only testing makes sense here."""
        raise NotImplementedError('`BaseTTAModel.forward` will not be called during testing: use `test_step`')


def _augmentations(data: Any) -> list[Any]:
    """Turn a batch of augmentations into a list of batches."""
    if isinstance(data, dict):
        count = len(next(iter(data.values())))
        return [{key: value[index] for key, value in data.items()} for index in range(count)]
    if isinstance(data, (tuple, list)):
        return [[value[index] for value in data] for index in range(len(data[0]))]
    raise TypeError(f'data given by dataLoader should be a dict, tuple or a list, but got {type(data)}')
