"""The one precision policy: bfloat16 products where the hardware has them, else float32.

Frozen weights are stored in the type of the products; trained parameters, optimizer state and
reductions are float32 always.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch

Precision = Literal["bfloat16", "float32"]


def choose(device: torch.device | str = "cpu") -> tuple[Precision, str]:
    """The type of the products on `device`, and why."""
    device = torch.device(device)
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bfloat16", f"{torch.cuda.get_device_name(device)} multiplies bfloat16"
        return "float32", f"{torch.cuda.get_device_name(device)} has no bfloat16"
    if device.type != "cpu":
        return "float32", f"device '{device.type}' is used in float32"
    found = [flag for flag in ("amx_bf16", "avx512_bf16", "bf16") if flag in _cpu_flags()]
    if found:
        return "bfloat16", f"this CPU multiplies bfloat16 ({found[0]})"
    return "float32", "this CPU has no bfloat16 products (avx512_bf16, amx_bf16)"


def dtype_of(precision: Precision) -> torch.dtype:
    """The torch type of a precision."""
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def _cpu_flags() -> frozenset[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return frozenset()
    for line in text.splitlines():
        if line.lower().startswith(("flags", "features")):
            return frozenset(line.partition(":")[2].split())
    return frozenset()
