"""What moves a batch to the model's device and prepares it."""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn import functional

from mmengine.model.batching import stack_batch
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement

Preprocessor = TypeVar('Preprocessor', bound='BaseDataPreprocessor')


def _are_there(values: tuple[Any, ...], device: torch.device) -> bool:
    """Tell whether these are all tensors on the device."""
    for value in values:  # noqa: SIM110  # a generator would take longer than the answer
        if type(value) is not torch.Tensor or value.device != device:
            return False
    return True


@MODELS.register_module()
class BaseDataPreprocessor(nn.Module):
    """Moves all tensors and data elements of a batch to the device of the model.

    Args:
        non_blocking: Whether copies may overlap with computation, which works from pinned memory.
    """

    def __init__(self, non_blocking: bool | None = False) -> None:
        super().__init__()
        self._non_blocking = bool(non_blocking)
        self._device = torch.device('cpu')

    def cast_data(self, data: Any) -> Any:
        """Move the tensors and data elements in nested containers; what is neither stays as it is.

        Args:
            data: Dicts, lists and tuples of tensors of any shape and dtype, data elements, and anything else.

        Returns:
            The same containers anew, with copies on the device of the model; a tuple of tensors that are there is
            given as it is.
        """
        kind = type(data)
        if kind is tuple or kind is list:
            # A batch is often a few tensors that are where they should be: that is seen here, without calls.
            device = self._device
            if kind is tuple and _are_there(data, device):
                return data
            cast = [value if type(value) is torch.Tensor and value.device == device else self.cast_data(value)
                    for value in data]
            return cast if kind is list else tuple(cast)
        if isinstance(data, torch.Tensor):
            return data if data.device == self._device else data.to(self.device, non_blocking=self._non_blocking)
        if isinstance(data, Mapping):
            return {key: self.cast_data(value) for key, value in data.items()}
        if isinstance(data, (str, bytes)) or data is None:
            return data
        if isinstance(data, tuple) and hasattr(data, '_fields'):
            return type(data)(*(self.cast_data(value) for value in data))
        if isinstance(data, Sequence):
            return type(data)(self.cast_data(value) for value in data)  # type: ignore[call-arg]  # a list or tuple
        if isinstance(data, BaseDataElement):
            return data.to(self.device, non_blocking=self._non_blocking)
        return data

    def forward(self, data: Any, training: bool = False) -> Any:
        """Prepare a batch.

        Args:
            data: A batch from the data loader.
            training: Whether it is for training, which augmentations on batches ask for.
        """
        return self.cast_data(data)

    @property
    def device(self) -> torch.device:
        """The device that batches are moved to."""
        return self._device

    def to(self: Preprocessor, *args: Any, **kwargs: Any) -> Preprocessor:
        """Set the device, and move or cast the buffers; the arguments are those of `torch.nn.Module.to`."""
        # The parser that `torch.nn.Module.to` itself uses; there is no public one.
        device = torch._C._nn._parse_to(*args, **kwargs)[0]
        if device is not None:
            self._device = torch.device(device)
        return super().to(*args, **kwargs)

    def cuda(self: Preprocessor, *args: Any, **kwargs: Any) -> Preprocessor:
        """Set the device to a CUDA device, by default the current one."""
        self._device = torch.device('cuda', torch.cuda.current_device())
        if args and args[0] is not None:
            self._device = torch.device('cuda', args[0]) if isinstance(args[0], int) else torch.device(args[0])
        return super().cuda(*args, **kwargs)

    def npu(self: Preprocessor, *args: Any, **kwargs: Any) -> Preprocessor:
        """Set the device to the current NPU."""
        return self._to_backend('npu')

    def mlu(self: Preprocessor, *args: Any, **kwargs: Any) -> Preprocessor:
        """Set the device to the current MLU."""
        return self._to_backend('mlu')

    def musa(self: Preprocessor, *args: Any, **kwargs: Any) -> Preprocessor:
        """Set the device to the current MUSA device."""
        return self._to_backend('musa')

    def cpu(self: Preprocessor, *args: Any, **kwargs: Any) -> Preprocessor:
        """Set the device to the CPU."""
        self._device = torch.device('cpu')
        return super().cpu()

    def _to_backend(self: Preprocessor, backend: str) -> Preprocessor:
        return self.to(torch.device(backend, getattr(torch, backend).current_device()))


@MODELS.register_module()
class ImgDataPreprocessor(BaseDataPreprocessor):
    """Moves images to the device, normalises them, and pads them to one size, right and below, as one tensor.

    A batch is a dict with `inputs`: a list of tensors of shape (C, H, W), or a tensor of shape (N, C, H, W). What
    comes out holds `inputs` of shape (N, C, H, W) and dtype float32, and `data_samples` as they were (or None).

    Args:
        mean: Means of the channels, 1 or 3, in the order after conversion.
        std: Standard deviations of the channels, 1 or 3.
        pad_size_divisor: Height and width are padded to multiples of this.
        pad_value: Value of padded pixels.
        bgr_to_rgb: Whether the order of channels is reversed.
        rgb_to_bgr: Whether the order of channels is reversed.
        non_blocking: Whether copies may overlap with computation.

    Raises:
        AssertionError: Arguments contradict each other.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: Sequence[float | int] | None = None, std: Sequence[float | int] | None = None,
                 pad_size_divisor: int = 1, pad_value: float | int = 0, bgr_to_rgb: bool = False,
                 rgb_to_bgr: bool = False, non_blocking: bool | None = False) -> None:
        super().__init__(non_blocking)
        if bgr_to_rgb and rgb_to_bgr:
            raise AssertionError('`bgr2rgb` and `rgb2bgr` cannot be set to True at the same time')
        if (mean is None) != (std is None):
            raise AssertionError(f'mean and std should be both None or tuple, but got mean={mean!r} and std={std!r}')
        self._enable_normalize = mean is not None
        if mean is not None and std is not None:
            for name, values in (('mean', mean), ('std', std)):
                if len(values) not in (1, 3):
                    raise AssertionError(f'`{name}` should have 1 or 3 values, to be compatible with RGB or gray '
                                         f'image, but got {len(values)} values')
                self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)
        self._channel_conversion = rgb_to_bgr or bgr_to_rgb
        self.pad_size_divisor = pad_size_divisor
        self.pad_value = pad_value

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any] | list[Any]:
        """Prepare a batch of images.

        Args:
            data: A batch with `inputs` and maybe `data_samples`.
            training: Whether it is for training; makes no difference here.

        Raises:
            AssertionError: An image has another shape than asked for.
            TypeError: The inputs are neither a list of tensors nor a tensor.
        """
        batch = self.cast_data(data)
        inputs = batch['inputs']
        if isinstance(inputs, torch.Tensor):
            batch['inputs'] = self._from_tensor(inputs)
        elif isinstance(inputs, Sequence) and inputs and all(isinstance(image, torch.Tensor) for image in inputs):
            images = [self._normalized(image, image.shape[0], 3) for image in inputs]
            batch['inputs'] = stack_batch(images, self.pad_size_divisor, self.pad_value)
        else:
            raise TypeError(f'Output of `cast_data` should be a dict of list/tuple with inputs and data_samples, '
                            f'but got {type(data)}: {data}')
        batch.setdefault('data_samples', None)
        return batch  # type: ignore[no-any-return]  # of a dict, `cast_data` makes a dict

    def _from_tensor(self, images: torch.Tensor) -> torch.Tensor:
        if images.dim() != 4:
            raise AssertionError(f'The input of `ImgDataPreprocessor` should be a NCHW tensor or a list of tensor, '
                                 f'but got a tensor with shape: {tuple(images.shape)}')
        images = self._normalized(images, images.shape[1], 4)
        height, width = (math.ceil(size / self.pad_size_divisor) * self.pad_size_divisor for size in images.shape[2:])
        return functional.pad(images, (0, width - images.shape[3], 0, height - images.shape[2]), 'constant',
                              self.pad_value)

    def _normalized(self, images: torch.Tensor, channels: int, dims: int) -> torch.Tensor:
        if self._channel_conversion:
            images = images.flip(-3)
        images = images.float()
        if not self._enable_normalize:
            return images
        if self.mean.shape[0] == 3 and (images.dim() != dims or channels != 3):
            raise AssertionError(f'If the mean has 3 values, the input tensor should in shape of (3, H, W), '
                                 f'but got the tensor with shape {tuple(images.shape)}')
        return (images - self.mean) / self.std
