"""What an operation takes and gives, described without being held.

Handles are functions of such values. They were written against the values of a graph of `torch.jit`, so these here
answer to the same methods, also for handles of other libraries.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

_KINDS = {bool: 'BoolType', int: 'IntType', float: 'FloatType', str: 'StringType', type(None): 'NoneType'}


class ValueType:
    """The type of a value.

    Args:
        kind: 'TensorType', 'ListType', 'IntType' and so on, as `torch.jit` calls them.
        shape: Sizes of a tensor.
        dtype: Dtype of a tensor.
    """

    def __init__(self, kind: str, shape: Sequence[int] | None = None, dtype: torch.dtype | None = None) -> None:
        self._kind = kind
        self._shape = None if shape is None else [int(size) for size in shape]
        self._dtype = dtype

    def kind(self) -> str:
        """Name of the type."""
        return self._kind

    def sizes(self) -> list[int] | None:
        """Sizes of a tensor, None for anything else."""
        return self._shape

    def dim(self) -> int | None:
        """Number of dimensions of a tensor, None for anything else."""
        return None if self._shape is None else len(self._shape)

    def dtype(self) -> torch.dtype | None:
        """Dtype of a tensor, None for anything else."""
        return self._dtype


class ValueNode:
    """Where a value comes from.

    Args:
        kind: 'prim::ListConstruct' for a list, 'prim::Constant' for what is no tensor, 'prim::Param' for a tensor.
        members: Values of which a list is made.
    """

    def __init__(self, kind: str, members: list[Value]) -> None:
        self._kind = kind
        self._members = members

    def kind(self) -> str:
        """Name of the kind."""
        return self._kind

    def inputs(self) -> list[Value]:
        """Values of which a list is made."""
        return self._members


class Value:
    """An argument or a result of an operation; of a tensor only its shape and dtype are kept.

    Args:
        content: The argument or result.
    """

    def __init__(self, content: Any) -> None:
        self._constant: Any = None
        self._members: list[Value] = []
        if isinstance(content, torch.Tensor):
            self._type = ValueType('TensorType', content.shape, content.dtype)
        elif isinstance(content, (list, tuple)):
            self._type = ValueType('ListType')
            self._members = [Value(item) for item in content]
            if not any(_holds_tensor(member) for member in self._members):
                self._constant = list(content)
        else:
            self._type = ValueType(_KINDS.get(type(content), 'AnyType'))
            self._constant = content

    def __repr__(self) -> str:
        return f'Value({self._type.sizes() if self.isCompleteTensor() else self._members or self._constant})'

    def isCompleteTensor(self) -> bool:
        """Tell whether it is a tensor."""
        return self._type.sizes() is not None

    def type(self) -> ValueType:
        """Give its type."""
        return self._type

    def toIValue(self) -> Any:
        """Give the Python object, None for tensors and lists of them."""
        return self._constant

    def node(self) -> ValueNode:
        """Give where it comes from; the members of a list are the inputs of its node."""
        if self._type.kind() == 'ListType':
            return ValueNode('prim::ListConstruct', self._members)
        return ValueNode('prim::Param' if self.isCompleteTensor() else 'prim::Constant', [])


def _holds_tensor(value: Value) -> bool:
    return value.isCompleteTensor() or any(_holds_tensor(member) for member in value.node().inputs())
