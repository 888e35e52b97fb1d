"""The frame of an inferencer: preprocess, forward, visualize, postprocess."""
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmengine.checkpoint.loader import _load_checkpoint as _load_checkpoint
from mmengine.checkpoint.loader import _load_checkpoint_to_model as _load_checkpoint_to_model
from mmengine.config.utils import MODULE2PACKAGE as MODULE2PACKAGE
from mmengine.device import get_device
from mmengine.infer.arguments import InferencerMeta as InferencerMeta
from mmengine.infer.arguments import dispatch
from mmengine.infer.inputs import Remembered, chunks, files_in
from mmengine.infer.parts import ConfigType as ConfigType
from mmengine.infer.parts import InferencerParts
from mmengine.infer.parts import ModelType as ModelType
from mmengine.registry import DefaultScope, init_default_scope
from mmengine.structures import InstanceData

InstanceList = list[InstanceData]
InputType = str | np.ndarray[Any, Any] | torch.Tensor
InputsType = InputType | Sequence[InputType]
ImgType = np.ndarray[Any, Any] | Sequence[np.ndarray[Any, Any]]
ResType = dict[str, Any] | list[dict[str, Any]]


class BaseInferencer(InferencerParts, metaclass=InferencerMeta):
    """Runs a model on inputs of any number and kind, in four steps.

    ```text
    inputs ─ preprocess ─ forward ─ predictions ─ visualize ─ postprocess ─ results
             batches of   model.test_step         pictures    a dict
             samples
    ```

    A subclass implements `_init_pipeline`, `visualize` and `postprocess`, and names in `preprocess_kwargs`,
    `forward_kwargs`, `visualize_kwargs` and `postprocess_kwargs` the keyword arguments of a call that each step takes.

    Args:
        model: A config (its path, a dict, `Config` or `ConfigDict`), a config of an installed library
            (`'mmdet::path.py'`), or the name of a model in the index of the library `scope`. Without it, the config in
            the checkpoint is taken.
        weights: Path or URL of a checkpoint; by default, of a model of the index, its own. Without one a warning says
            that the weights are random.
        device: Device of the model, by default the accelerator if there is one.
        scope: Import name of the library in which names are looked up, by default the scope in force.
        show_progress: Whether a bar shows how many batches are done.
        trust_checkpoint: Whether the checkpoint may hold any object, or a config that is code; reading it may then run
            any code.

    Raises:
        TypeError: `model` is something else.
        ValueError: There is neither a model nor weights; or no model of that name; or no config in the checkpoint.
        FileNotFoundError: There is no such config or checkpoint.
        UnsafeCheckpointError: The checkpoint is not just data, and not trusted.
        AssertionError: A model is given by name, and there is no scope. At the definition of a class: two steps take
            the same argument.

    Examples:
        >>> class Doubler(BaseInferencer):
        ...     postprocess_kwargs = {'digits'}
        ...     def _init_pipeline(self, cfg):
        ...         return lambda number: dict(inputs=torch.tensor([float(number)]))
        ...     def visualize(self, inputs, preds, show=False):
        ...         return []
        ...     def postprocess(self, preds, visualization, return_datasample=False, digits=2):
        ...         return dict(predictions=[round(float(pred), digits) for pred in preds])
        >>> doubler = Doubler('config.py', 'epoch_10.pth')  # doctest: +SKIP
        >>> doubler([1, 2, 3], batch_size=2)  # doctest: +SKIP
        {'predictions': [2.0, 4.0, 6.0]}
    """

    preprocess_kwargs: set[str] = set()
    forward_kwargs: set[str] = set()
    visualize_kwargs: set[str] = set()
    postprocess_kwargs: set[str] = set()

    def __init__(self, model: ModelType | None = None, weights: str | None = None, device: str | None = None,
                 scope: str | None = None, show_progress: bool = True, *, trust_checkpoint: bool = False) -> None:
        current = DefaultScope.get_current_instance()
        self.scope = scope if scope is not None or current is None else current.scope_name
        if self.scope is not None:
            init_default_scope(self.scope)
        self.trust_checkpoint = trust_checkpoint
        self._checkpoint: tuple[str, Any] | None = None
        cfg, weights = self._find_config(model, weights)
        self.cfg = self._without_pretrained(cfg)
        self.model = self._init_model(cfg, weights, device or get_device())
        self._checkpoint = None
        self.pipeline = self._init_pipeline(cfg)
        self.collate_fn = self._init_collate(cfg)
        self.visualizer = self._init_visualizer(cfg)
        self.show_progress = show_progress

    # -- call -------------------------------------------------------------------------------------------------------

    def __call__(self, inputs: Any, return_datasamples: bool = False, batch_size: int = 1, **kwargs: Any) -> Any:
        """Infer.

        Args:
            inputs: One input, a list or tuple of inputs, the path of a folder (its files, in the order of their names),
                or an iterator, which is read batch by batch.
            return_datasamples: Whether predictions are returned as data elements, and not as plain values.
            batch_size: How many inputs are given to the model at a time.
            **kwargs: Arguments of `preprocess`, `forward`, `visualize` and `postprocess`.

        Returns:
            What `postprocess` makes of the predictions of all inputs and their pictures.

        Raises:
            ValueError: No step takes an argument.
        """
        preprocess, forward, visualize, postprocess = self._dispatch_kwargs(**kwargs)
        listed: Any = self._inputs_to_list(inputs)
        if not isinstance(listed, Sized):
            listed = Remembered(listed)
        preds: list[Any] = []
        batches = self.preprocess(listed, batch_size=batch_size, **preprocess)
        for batch in self._with_progress(batches, listed, batch_size):
            preds.extend(self.forward(batch, **forward))
        originals = listed.items if isinstance(listed, Remembered) else listed
        pictures = self.visualize(originals, preds, **visualize)
        return self.postprocess(preds, pictures, return_datasamples, **postprocess)

    def stream(self, inputs: Iterable[Any], return_datasamples: bool = False, batch_size: int = 1,
               **kwargs: Any) -> Iterator[Any]:
        """Infer an endless or long stream, whose results come batch by batch while nothing is kept.

        Args:
            inputs: The inputs, as in a call.
            return_datasamples: As in a call.
            batch_size: As in a call.
            **kwargs: As in a call.

        Returns:
            An iterator of what a call returns for each batch.
        """
        shown, self.show_progress = self.show_progress, False
        try:
            for chunk in chunks(self._inputs_to_list(inputs), batch_size):
                yield self(chunk, return_datasamples, batch_size, **kwargs)
        finally:
            self.show_progress = shown

    def _with_progress(self, batches: Iterable[Any], inputs: Any, batch_size: int) -> Iterable[Any]:
        if not self.show_progress:
            return batches
        from rich.progress import track  # takes long to import
        total = -(-len(inputs) // batch_size) if isinstance(inputs, Sized) else None
        return track(batches, description='Inference', total=total)

    def _inputs_to_list(self, inputs: Any) -> Any:
        """Make a list of the inputs; an iterator stays one."""
        if isinstance(inputs, (str, Path)):
            files = files_in(inputs)
            return [inputs] if files is None else files
        if isinstance(inputs, Iterator):
            return inputs
        return list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]

    # -- steps ------------------------------------------------------------------------------------------------------

    def preprocess(self, inputs: Any, batch_size: int = 1, **kwargs: Any) -> Iterator[Any]:
        """Run the pipeline on each input, and collate batches, as they are asked for.

        Args:
            inputs: The inputs, one by one.
            batch_size: How many inputs make a batch.
            **kwargs: Arguments named in `preprocess_kwargs`, for a subclass.

        Returns:
            An iterator of batches.
        """
        return map(self.collate_fn, self._get_chunk_data(map(self.pipeline, inputs), batch_size))

    @torch.no_grad()
    def forward(self, inputs: dict[str, Any] | tuple[Any, ...], **kwargs: Any) -> Any:
        """Predict a batch.

        Args:
            inputs: The batch.
            **kwargs: Arguments named in `forward_kwargs`, for a subclass.

        Returns:
            A sequence of predictions, one for each input.

        Raises:
            TypeError: The model has no `test_step`.
        """
        step = getattr(self.model, 'test_step', None)
        if not callable(step):
            raise TypeError(f'{type(self.model).__name__} has no `test_step`, which inference calls: derive it from '
                            f'BaseModel, or override `forward` of {type(self).__name__}')
        return step(inputs)

    @abstractmethod
    def visualize(self, inputs: list[Any], preds: Any, show: bool = False, **kwargs: Any) -> Any:
        """Draw predictions.

        Args:
            inputs: The inputs, as they were given.
            preds: Predictions of all of them.
            show: Whether pictures are shown in a window.
            **kwargs: Arguments named in `visualize_kwargs`.

        Returns:
            Pictures of shape (H, W, 3), one for each input, or None.
        """

    @abstractmethod
    def postprocess(self, preds: Any, visualization: Any, return_datasample: bool = False, **kwargs: Any) -> Any:
        """Make the result of a call.

        Args:
            preds: Predictions of all inputs.
            visualization: What `visualize` returned.
            return_datasample: Whether predictions are wanted as they are, and not as plain values.
            **kwargs: Arguments named in `postprocess_kwargs`.

        Returns:
            A dict, by convention of 'predictions' and 'visualization'.
        """

    # -- parts ------------------------------------------------------------------------------------------------------

    @abstractmethod
    def _init_pipeline(self, cfg: ConfigType) -> Callable[..., Any]:
        """Build the function that makes a sample of an input.

        Args:
            cfg: The config.
        """

    def _get_chunk_data(self, inputs: Iterable[Any], chunk_size: int) -> Iterator[list[Any]]:
        """Cut samples into lists.

        Args:
            inputs: The samples; they are made as lists are asked for.
            chunk_size: Length of a list; the last may be shorter.
        """
        return chunks(inputs, chunk_size)

    def _dispatch_kwargs(self, **kwargs: Any) -> tuple[dict[str, Any], ...]:
        """Sort the arguments of a call by the step that takes them.

        Raises:
            ValueError: No step takes an argument.
        """
        return dispatch(self, kwargs)
