"""How many operations per second a device can do at most, as its vendor says."""
from __future__ import annotations

import re

from mmengine.device import device_module, get_device

#: Device name -> dense 16-bit (BF16 or FP16, FP32 accumulation) matrix operations per second; the first match counts.
_PEAKS = (
    (r'GB200', 2500e12),
    (r'B200', 2250e12),
    (r'H200 NVL', 835.5e12),
    (r'GH200|H200', 989.5e12),
    (r'H100 NVL', 835.5e12),
    (r'H100 PCIe', 756.5e12),
    (r'H100', 989.5e12),
    (r'A100|A800', 312e12),
    (r'A40', 149.7e12),
    (r'A30', 165e12),
    (r'A10', 125e12),
    (r'L40S', 362.05e12),
    (r'L40', 181.05e12),
    (r'L4', 121e12),
    (r'V100.(PCIE|FHHL)', 112e12),
    (r'V100', 125e12),
    (r'T4', 65e12),
    (r'RTX A6000', 154.8e12),
    (r'RTX 6000 Ada', 364.2e12),
    (r'RTX 4090$', 165.2e12),
    (r'RTX 3090$', 71e12),
    (r'MI300X|MI325X', 1307.4e12),
    (r'MI250X', 191.5e12),
    (r'MI210', 181e12),
)


def peak_flops_of(name: str) -> float | None:
    """Give the peak of a device by its name, in dense 16-bit operations per second; None if it is not known.

    The figures are those of the vendors' data sheets; where these count operations on sparse matrices, half of it:

    - "NVIDIA Blackwell" and "NVIDIA GB200 NVL72" data sheets: B200, GB200 (per GPU).
    - "NVIDIA H100 Tensor Core GPU", "NVIDIA H200 Tensor Core GPU" and "NVIDIA GH200 Grace Hopper Superchip" data
      sheets: H100 SXM, PCIe and NVL, H200 SXM and NVL, GH200.
    - "NVIDIA A100", "A30", "A40", "A10" and "NVIDIA RTX A6000" data sheets; A800 has the compute of A100.
    - "NVIDIA L4", "L40", "L40S" and "NVIDIA RTX 6000 Ada Generation" data sheets.
    - "NVIDIA V100" and "NVIDIA T4" data sheets (FP16).
    - "NVIDIA Ada GPU Architecture" and "NVIDIA Ampere GA102 GPU Architecture" white papers: GeForce RTX 4090 and 3090,
      with accumulation in FP32.
    - "AMD Instinct MI300X", "MI325X", "MI250X" (half of the card, which appears as two devices) and "MI210" data
      sheets.

    Args:
        name: As `torch.cuda.get_device_name` gives it. A part of a device (MIG) has no figure.

    Examples:
        >>> peak_flops_of('NVIDIA A100-SXM4-80GB')
        312000000000000.0
    """
    if re.search(r'\bMIG\b', name):
        return None
    return next((peak for pattern, peak in _PEAKS if re.search(rf'\b(?:{pattern})(?![A-Za-z0-9])', name)), None)


def device_name() -> str:
    """Give the name of the device that this process computes on, its type where it has no name."""
    kind = get_device()
    name = getattr(device_module(kind), 'get_device_name', None)
    return str(name()) if name is not None else kind
