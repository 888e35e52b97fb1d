"""Labels of one sample as a whole, of its class for example."""
from __future__ import annotations

import torch

from mmengine.structures.base_data_element import BaseDataElement


class LabelData(BaseDataElement):
    """Holds labels, and converts them between class numbers and one-hot vectors."""

    @staticmethod
    def onehot_to_label(onehot: torch.Tensor) -> torch.Tensor:
        """Convert a vector of zeros and ones to the numbers of the classes that are set.

        Args:
            onehot: Tensor of shape (num_classes,) of zeros and ones.

        Returns:
            Tensor of shape (number of ones,) and dtype int64.

        Raises:
            ValueError: The tensor is something else.
        """
        if not isinstance(onehot, torch.Tensor):
            raise AssertionError(f'onehot should be a torch.Tensor, but got {type(onehot)}')
        if onehot.ndim != 1 or not bool(((onehot == 0) | (onehot == 1)).all()):
            raise ValueError(f'input is not one-hot and can not convert to label: expected a vector of zeros and ones, '
                             f'but got shape {tuple(onehot.shape)}')
        return onehot.nonzero().squeeze(-1)

    @staticmethod
    def label_to_onehot(label: torch.Tensor, num_classes: int) -> torch.Tensor:
        """Convert the numbers of classes to a vector of zeros and ones.

        Args:
            label: Tensor of shape (number of labels,) and dtype int64, maybe empty.
            num_classes: Number of classes.

        Returns:
            Tensor of shape (num_classes,) and the dtype of `label`.

        Raises:
            AssertionError: A label is not below `num_classes`.
        """
        if not isinstance(label, torch.Tensor):
            raise AssertionError(f'label should be a torch.Tensor, but got {type(label)}')
        onehot = label.new_zeros((num_classes,))
        if label.numel():
            highest = int(label.max())
            if highest >= num_classes:
                raise AssertionError(f'The label {highest} is not below the number of classes {num_classes}')
            onehot[label] = 1
        return onehot
