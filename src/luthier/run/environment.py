"""The machine and the versions a run was made with: no names of users or hosts, no variables."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

PACKAGES = (
    "luthier",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "peft",
    "numpy",
    "scikit-learn",
)
CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16", "sve")
"""Flags that decide which products are fast."""


def environment(*, device: str = "cpu") -> dict[str, Any]:
    """The document `environment.json`. torch is asked only where it is loaded already."""
    torch: Any = sys.modules.get("torch")
    found: dict[str, Any] = {
        "format_version": 1,
        "versions": {"python": platform.python_version(), **_versions()},
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cpu": _cpu(),
        "memory_bytes": psutil.virtual_memory().total,
        "device": device,
    }
    if torch is not None:
        found["threads"] = torch.get_num_threads()
        if device.startswith("cuda"):
            found["gpu"] = torch.cuda.get_device_name(device)
            found["gpu_bytes"] = torch.cuda.get_device_properties(device).total_memory
    return found


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _cpu() -> dict[str, Any]:
    text = _cpuinfo()
    flags = set(text.get("flags", text.get("features", "")).split())
    return {
        "name": text.get("model name", platform.processor() or platform.machine()),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "physical_cores": psutil.cpu_count(logical=False),
        "flags": [flag for flag in CPU_FLAGS if flag in flags],
    }


def _cpuinfo() -> dict[str, str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
