"""Whether compiling the pointwise pieces pays within a run."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path
from typing import Literal

import torch

from luthier.engine.precision import Precision

_PAYS_SECONDS = 45.0
"""Compiling takes about 20 s once and 5 s from its cache, and saves a fifth of the training."""
_PER_THREAD = {"bfloat16": 2.0e11, "float32": 5.0e10}
"""Floating-point operations that a core does per second in a training step."""


def choose(
    flops: float, *, precision: Precision, device: torch.device | str = "cpu"
) -> tuple[Literal["on", "off"], str]:
    """on or off for a training of `flops` floating-point operations, and why."""
    if torch.device(device).type != "cpu":
        return "off", "measured on CPUs only"
    seconds = flops / (_PER_THREAD[precision] * torch.get_num_threads())
    if seconds < _PAYS_SECONDS:
        return "off", "it would cost more than it saves in a training this short"
    if hindrance := missing_tools():
        return "off", hindrance
    return "on", f"it saves about a fifth of a training of some {seconds / 60:.0f} min"


def missing_tools() -> str:
    """What compiling lacks on this machine; empty when nothing."""
    if not any(shutil.which(name) for name in ("g++", "clang++", "c++")):
        return "no C++ compiler here (g++ or clang++)"
    header = Path(sysconfig.get_path("include")) / "Python.h"
    return "" if header.exists() else f"no {header} here (Python's development headers)"
