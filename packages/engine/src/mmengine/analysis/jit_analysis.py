"""Statistics of the operations of a forward pass, by module and by operation."""
from __future__ import annotations

import copy
import logging
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import nn
from torch.jit._trace import TracerWarning

from mmengine.analysis.jit_handles import _IGNORED_OPS, Handle
from mmengine.analysis.recording import Inputs, Operation, Recording, record
from mmengine.logging import print_log
from mmengine.utils.suggest import did_you_mean

Analysis = TypeVar('Analysis', bound='JitModelAnalysis')

_ANCESTOR_MODES = ('owner', 'caller')
_TRACER_WARNINGS = ('all', 'none', 'no_tracer_warning')


@dataclass
class Statistics:
    """What an analysis has found.

    Attributes:
        counts: For each module, by the name of an operation, what its handle counted in the module and below.
        unsupported_ops: For each module, how often an operation without a handle happened in it and below.
        uncalled_mods: Names of the modules that did not run.
    """

    counts: dict[str, Counter[str]]
    unsupported_ops: dict[str, Counter[str]]
    uncalled_mods: set[str]


class JitModelAnalysis:
    """Counts what the operations of a forward pass cost, by the handles that are set.

    The pass runs when a result is asked for first, without gradients; buffers and torch's random generators are
    afterwards as before. A module that is used in several places goes by its first name.

    The name comes from upstream, which traced models with `torch.jit`. Here a model only has to run: its outputs may be
    anything, and its course may depend on the data.

    Args:
        model: The model, in training or evaluation mode; on the device 'meta' nothing is computed.
        inputs: Arguments of its `forward`: a tensor, a sequence of arguments, or a dict of them by keyword.
    """

    def __init__(self, model: nn.Module, inputs: Inputs) -> None:
        self._model = model
        self._inputs = inputs
        self._op_handles: dict[str, Handle | None] = {}
        self._names: dict[nn.Module, str] = {module: name for name, module in model.named_modules()}
        self._aliases = {name: self._names[module] for name, module in model.named_modules(remove_duplicate=False)}
        self._stats: Statistics | None = None
        self._ancestor_mode = 'owner'
        self._warn_trace = 'no_tracer_warning'
        self._enable_warn_unsupported_ops = True
        self._enable_warn_uncalled_mods = True

    def total(self, module_name: str = '') -> int | float:
        """Count all that happens in a module and below.

        Args:
            module_name: Name of the module, '' for the model.

        Raises:
            KeyError: There is no such module.
        """
        return sum(self.by_operator(module_name).values())

    def by_operator(self, module_name: str = '') -> Counter[str]:
        """Count by the name of the operation, without its namespace, all that happens in a module and below.

        Args:
            module_name: Name of the module, '' for the model.

        Raises:
            KeyError: There is no such module.
        """
        return self._analyze().counts[self.canonical_module_name(module_name)]

    def by_module_and_operator(self) -> dict[str, Counter[str]]:
        """Count by the name of the module and that of the operation."""
        return self._analyze().counts

    def by_module(self) -> Counter[str]:
        """Count by the name of the module; what happens below a module is included."""
        return Counter({name: sum(counts.values()) for name, counts in self._analyze().counts.items()})

    def unsupported_ops(self, module_name: str = '') -> Counter[str]:
        """Count how often operations without a handle happen in a module and below.

        Args:
            module_name: Name of the module, '' for the model.

        Returns:
            Numbers by full name, 'aten::add' for example. Operations that only move data are left out.

        Raises:
            KeyError: There is no such module.
        """
        return self._analyze().unsupported_ops[self.canonical_module_name(module_name)]

    def uncalled_modules(self) -> set[str]:
        """Give the names of the modules that do not run, containers such as `nn.ModuleList` among them."""
        return self._analyze().uncalled_mods

    def set_op_handle(self: Analysis, *args: Any, **kwargs: Handle | None) -> Analysis:
        """Set handles, and give the analysis back.

        Args:
            *args: Full names, 'aten::relu' for example, and handles in turn. A handle is a function of the inputs and
                the outputs of an operation, two lists of `mmengine.analysis.values.Value`, to a number or a counter of
                numbers by name. The handle None means that the operation costs nothing.
            **kwargs: Handles by full name: `**{'aten::relu': handle}`.

        Raises:
            TypeError: Names and handles do not come in pairs.
        """
        if len(args) % 2 or not all(isinstance(name, str) for name in args[::2]):
            raise TypeError(f'set_op_handle should be called with pairs of names and handles, but got {args}')
        handles = {**dict(zip(args[::2], args[1::2], strict=True)), **kwargs}
        for name, handle in handles.items():
            if handle is not None and not callable(handle):
                raise TypeError(f'the handle of {name!r} should be a function or None, but got {handle!r}')
        self._op_handles.update(handles)
        self._stats = None
        return self

    def clear_op_handles(self: Analysis) -> Analysis:
        """Forget all handles, and give the analysis back."""
        self._op_handles = {}
        self._stats = None
        return self

    def canonical_module_name(self, name: str) -> str:
        """Give the first name of a module, under which it is counted.

        Args:
            name: Any of its names.

        Raises:
            KeyError: There is no such module.
        """
        if name not in self._aliases:
            raise KeyError(f'Requested module name {name!r} is not among the descendants of the analyzed model.'
                           f'{did_you_mean(name, self._aliases)}')
        return self._aliases[name]

    def copy(self: Analysis, new_model: nn.Module | None = None, new_inputs: Inputs | None = None) -> Analysis:
        """Make an analysis with the same settings.

        Args:
            new_model: Another model, by default the same.
            new_inputs: Other inputs, by default the same.
        """
        other = copy.copy(self)
        JitModelAnalysis.__init__(other, self._model if new_model is None else new_model,
                                  self._inputs if new_inputs is None else new_inputs)
        other._op_handles = dict(self._op_handles)
        for setting in ('_ancestor_mode', '_warn_trace', '_enable_warn_unsupported_ops', '_enable_warn_uncalled_mods'):
            setattr(other, setting, getattr(self, setting))
        return other

    def tracer_warnings(self: Analysis, mode: str) -> Analysis:
        """Set which warnings of the forward pass are shown, and give the analysis back.

        Args:
            mode: 'all', 'no_tracer_warning' (those of torch's tracer are left out), or 'none'.

        Raises:
            ValueError: There is no such mode.
        """
        self._warn_trace = _one_of(mode, _TRACER_WARNINGS, 'tracer warning mode')
        return self

    def ancestor_mode(self: Analysis, mode: str) -> Analysis:
        """Set for which modules an operation counts beside the one in which it happens; give the analysis back.

        Args:
            mode: 'owner', those whose name that one's begins with; or 'caller', those that were running.

        Raises:
            ValueError: There is no such mode.
        """
        self._ancestor_mode = _one_of(mode, _ANCESTOR_MODES, 'ancestor mode')
        self._stats = None
        return self

    def unsupported_ops_warnings(self: Analysis, enabled: bool) -> Analysis:
        """Set whether operations without a handle are logged, and give the analysis back.

        Args:
            enabled: Whether they are logged.
        """
        self._enable_warn_unsupported_ops = enabled
        return self

    def uncalled_modules_warnings(self: Analysis, enabled: bool) -> Analysis:
        """Set whether modules that do not run are logged, and give the analysis back.

        Args:
            enabled: Whether they are logged.
        """
        self._enable_warn_uncalled_mods = enabled
        return self

    def record(self) -> Recording:
        """Run the model once, and give what it did."""
        with _shown(self._warn_trace):
            return record(self._model, self._inputs, self._names)

    def _analyze(self) -> Statistics:
        if self._stats is None:
            self.summarize(self.record())
        assert self._stats is not None
        return self._stats

    def summarize(self, recording: Recording) -> None:
        """Take the results from a forward pass that has been recorded, and log what they lack.

        Args:
            recording: A pass of the same model, see `record`.
        """
        counts: dict[str, Counter[str]] = {name: Counter() for name in self._names.values()}
        unsupported: dict[str, Counter[str]] = {name: Counter() for name in self._names.values()}
        for operation in recording.operations:
            if operation.kind in self._op_handles:
                handle = self._op_handles[operation.kind]
                found = _count(operation, handle) if handle is not None else Counter()
                target = counts
            elif operation.kind not in _IGNORED_OPS:
                found, target = Counter({operation.kind: 1}), unsupported
            else:
                continue
            for name in self._ancestors(operation.modules):
                target[name].update(found)
        self._stats = Statistics(counts, unsupported, self._uncalled(recording))
        self._warn_unsupported_ops(unsupported[''])
        self._warn_uncalled_mods(self._stats.uncalled_mods)

    def _uncalled(self, recording: Recording) -> set[str]:
        ran = recording.called
        if self._ancestor_mode == 'owner':
            ran = ran.union(*(_prefixes(name) for name in ran))
        return {name for name in self._names.values() if name not in ran}

    def _ancestors(self, modules: tuple[str, ...]) -> set[str]:
        return set(modules) if self._ancestor_mode == 'caller' else _prefixes(modules[-1])

    def _warn_unsupported_ops(self, ops: Counter[str]) -> None:
        if self._enable_warn_unsupported_ops:
            for name, times in ops.items():
                _warn(f'Unsupported operator {name} encountered {times} time(s)')

    def _warn_uncalled_mods(self, uncalled_mods: set[str]) -> None:
        if not self._enable_warn_uncalled_mods:
            return
        modules = {name: module for module, name in self._names.items()}
        silent = {name for name in uncalled_mods if _has_forward(modules[name])}
        for name in modules:
            if name in silent and not silent & (_prefixes(name) - {name}):
                _warn(f'Module never called: {name}. It is not used, or its methods are called directly: then what it '
                      f'does counts for its caller')


def _count(operation: Operation, handle: Handle) -> Counter[str]:
    found: Any = handle(operation.inputs, operation.outputs)
    return found if isinstance(found, Counter) else Counter({operation.kind.rpartition('::')[2]: found})


def _prefixes(name: str) -> set[str]:
    parts = name.split('.') if name else []
    return {'.'.join(parts[:end]) for end in range(len(parts) + 1)}


def _has_forward(module: nn.Module) -> bool:
    return type(module).forward is not nn.Module.forward and not isinstance(module, (nn.ModuleList, nn.ModuleDict))


def _one_of(mode: str, modes: Iterable[str], what: str) -> str:
    if mode not in modes:
        raise ValueError(f'Unrecognized {what}: {mode!r}, expected one of {", ".join(map(repr, modes))}')
    return mode


def _warn(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)


@contextmanager
def _shown(mode: str) -> Iterator[None]:
    with warnings.catch_warnings():
        if mode == 'none':
            warnings.simplefilter('ignore')
        elif mode == 'no_tracer_warning':
            warnings.filterwarnings('ignore', category=TracerWarning)
        yield
