"""The operations of a forward pass, with the modules in which they happen.

A pass is run and watched at torch's dispatcher, below autograd, where an operation such as a matrix product or an
attention comes as a whole. Nothing is traced or compiled, so that any model that runs can be recorded, also on the
device 'meta'.
"""
from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from mmengine.analysis.values import Value

Inputs = torch.Tensor | Sequence[Any] | Mapping[str, Any]

#: Operations that are looked into: what they are made of is counted, as in a trace (of some of them).
_OPENED = {f'aten::{name}' for name in (
    'conv1d', 'conv2d', 'conv3d', 'conv_transpose1d', 'conv_transpose2d', 'conv_transpose3d', '_convolution_mode',
    'lstm_cell', 'gru_cell', 'rnn_tanh_cell', 'rnn_relu_cell')}
_CONVOLUTION = 'aten::convolution'


@dataclass
class Operation:
    """An operation of a forward pass.

    Attributes:
        kind: Its name, 'aten::linear' for example.
        modules: Names of the modules that were running, the outermost first.
        inputs: What it takes.
        outputs: What it gives.
    """

    kind: str
    modules: tuple[str, ...]
    inputs: list[Value]
    outputs: list[Value]


@dataclass
class Recording:
    """A forward pass.

    Attributes:
        operations: What it did, in order.
        called: Names of the modules that ran.
    """

    operations: list[Operation] = field(default_factory=list)
    called: set[str] = field(default_factory=set)


def record(model: nn.Module, inputs: Inputs, names: Mapping[nn.Module, str]) -> Recording:
    """Run a model once, without gradients, and leave its buffers and torch's random generators as they were.

    Args:
        model: Model to run, in whichever mode (training or evaluation) it is.
        inputs: A tensor, a sequence of positional arguments or a mapping of keyword arguments of its `forward`.
        names: The name of each module, '' for the model.
    """
    recorder = _Recorder()
    replicated = isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel))
    target: Any = model.module if replicated else model  # replicas run in threads, where nothing is seen
    with ExitStack() as stack:
        for module, name in names.items():
            stack.enter_context(_entering(module, name, recorder))
        if replicated:
            recorder.enter(names[model])
        stack.enter_context(_undisturbed(model))
        stack.enter_context(_opaque_calls(recorder))
        stack.enter_context(torch.no_grad())
        # Not inference mode: tensors that a model keeps for later could not be trained with.
        stack.enter_context(torch._C._AutoDispatchBelowAutograd())
        stack.enter_context(recorder)
        if isinstance(inputs, Mapping):
            target(**inputs)
        else:
            target(*((inputs,) if isinstance(inputs, torch.Tensor) else inputs))
    return recorder.recording


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's __init_subclass__
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's own
        self.recording = Recording()
        self.thread = threading.get_ident()
        self._modules: list[str] = []
        self._paused = 0

    def enter(self, name: str) -> None:
        self._modules.append(name)
        self.recording.called.add(name)

    def leave(self) -> None:
        self._modules.pop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        self._paused += 1
        try:
            yield
        finally:
            self._paused -= 1

    def add(self, kind: str, inputs: Sequence[Any], outputs: Any) -> None:
        if not self._paused:
            results = outputs if isinstance(outputs, (tuple, list)) else [outputs]
            self.recording.operations.append(Operation(kind, tuple(self._modules), [Value(item) for item in inputs],
                                                       [Value(item) for item in results]))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would import its compiler in order to leave this out, seconds for nothing

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name
        if name in _OPENED:
            with self:
                opened = func.decompose(*args, **kwargs)
            if opened is not NotImplemented:
                return opened
        outputs = func(*args, **kwargs)
        arguments = _all_arguments(func, args, kwargs)
        if name == _CONVOLUTION:  # under the name, and with the arguments, that handles know from traces
            cudnn = torch.backends.cudnn
            name = 'aten::_convolution'
            arguments += [cudnn.benchmark, cudnn.deterministic, cudnn.enabled, cudnn.allow_tf32]
        self.add(name, arguments, outputs)
        return outputs


def _all_arguments(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """List the arguments in the order of the schema, with the defaults that the dispatcher leaves out."""
    rest = func._schema.arguments[len(args):]
    return [*args, *(kwargs.get(argument.name, argument.default_value) for argument in rest)]


@contextmanager
def _entering(module: nn.Module, name: str, recorder: _Recorder) -> Iterator[None]:
    """Tell the recorder when a module starts and ends."""
    if isinstance(module, torch.jit.ScriptModule):  # takes no hooks; its operations belong to its caller
        yield
        return

    def before(module: nn.Module, args: Any) -> None:
        if threading.get_ident() == recorder.thread:
            recorder.enter(name)

    def after(module: nn.Module, args: Any, output: Any) -> None:
        if threading.get_ident() == recorder.thread:
            recorder.leave()

    handles = [module.register_forward_pre_hook(before, prepend=True),
               module.register_forward_hook(after, always_call=True)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _undisturbed(model: nn.Module) -> Iterator[None]:
    """Give buffers and random generators back as they were; and let no fused path hide what a model does."""
    kept = [(module, name, buffer, buffer.detach().clone()) for module in model.modules()
            for name, buffer in module._buffers.items() if buffer is not None]
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.random.fork_rng(enabled=True), _uncompiled():
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
            with torch.no_grad():
                for module, name, buffer, content in kept:
                    if not buffer.is_meta:
                        buffer.copy_(content)
                    module._buffers[name] = buffer


@contextmanager
def _uncompiled() -> Iterator[None]:
    if 'torch._dynamo' not in sys.modules:  # nothing is compiled, and its import is slow
        yield
        return
    with torch.compiler.set_stance('force_eager'):
        yield


@contextmanager
def _opaque_calls(recorder: _Recorder) -> Iterator[None]:
    """Record a `torch.autograd.Function` and a scripted function as one operation each: a handle can say what it costs.

    Activation checkpointing is such a function as well, but the modules in it are the model's.
    """
    function: Any = torch.autograd.Function
    scripted: Any = torch.jit.ScriptFunction
    apply, call = function.__dict__['apply'], scripted.__call__

    def recorded(kind: str, run: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        with recorder.paused():
            outputs = run(*args, **kwargs)
        recorder.add(kind, [*args, *kwargs.values()], outputs)
        return outputs

    def patched_apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        run = apply.__get__(None, cls)
        if threading.get_ident() != recorder.thread or cls.__module__ == 'torch.utils.checkpoint':
            return run(*args, **kwargs)
        return recorded(f'prim::PythonOp.{cls.__name__}', run, args, kwargs)

    def patched_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        run = call.__get__(self)
        if threading.get_ident() != recorder.thread:
            return run(*args, **kwargs)
        return recorded('prim::CallFunction', run, args, kwargs)

    function.apply, scripted.__call__ = classmethod(patched_apply), patched_call
    try:
        yield
    finally:
        function.apply, scripted.__call__ = apply, call
