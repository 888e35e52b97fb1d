"""Whether a model is being traced."""
from __future__ import annotations

import torch


def is_jit_tracing() -> bool:
    """Tell whether `torch.jit.trace` is running this code."""
    return bool(torch.jit.is_tracing())  # type: ignore[attr-defined, no-untyped-call]  # torch's own
