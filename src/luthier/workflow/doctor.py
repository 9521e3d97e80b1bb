"""Is this machine ready, and what could be better? One check per line, each with advice."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import psutil
import torch

from luthier.core import cache
from luthier.engine import precision
from luthier.models.trunks import hindrance
from luthier.workflow.device import device_name

GIB = 2**30
EXTRAS = {"tensorboard": "trackers", "selenium": "test"}


def doctor() -> dict[str, Any]:
    """{"ok", "checks": [{"name", "ok", "detail", "advice"}]}; not ok when training cannot work."""
    checks = [_device(), _precision(), _memory(), _disk(), _cache(), _pieces(), *_extras()]
    return {"ok": all(item["ok"] or item["optional"] for item in checks), "checks": checks}


def _check(
    name: str, ok: bool, detail: str, advice: str = "", *, optional: bool = False
) -> dict[str, Any]:
    shown = "" if ok else advice
    return {"name": name, "ok": ok, "detail": detail, "advice": shown, "optional": optional}


def _device() -> dict[str, Any]:
    if device_name() == "cuda":
        detail = f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    else:
        detail = f"CPU, {os.cpu_count()} cores, torch {torch.__version__}"
    return _check("device", True, detail)


def _precision() -> dict[str, Any]:
    chosen, why = precision.choose(device_name())
    advice = "Training works in float32, four times slower than on a processor with avx512_bf16."
    return _check("precision", chosen == "bfloat16", f"{chosen}: {why}", advice, optional=True)


def _memory() -> dict[str, Any]:
    free = psutil.virtual_memory().available
    advice = "A 135 M model needs about 2 GiB; close other programs."
    return _check("memory", free > 2.5 * GIB, f"{free / GIB:.1f} GiB free", advice)


def _disk() -> dict[str, Any]:
    free = shutil.disk_usage(Path.cwd()).free
    advice = "Free some space: checkpoints and exports of a small model need about 1 GiB."
    return _check("disk", free > 2 * GIB, f"{free / GIB:.1f} GiB free here", advice)


def _cache() -> dict[str, Any]:
    folder = cache.root()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        advice = "Set LUTHIER_CACHE to a folder you can write to."
        return _check("model cache", False, f"{folder}: {error.strerror}", advice)
    return _check("model cache", True, str(folder))


def _pieces() -> dict[str, Any]:
    reason = hindrance()
    advice = "Install g++: decoders train about a fifth faster with it."
    return _check("compiled pieces", not reason, reason or "yes", advice, optional=True)


def _extras() -> list[dict[str, Any]]:
    return [
        _check(
            name,
            importlib.util.find_spec(name) is not None,
            f"optional, extra '{extra}'",
            f"pip install 'luthier[{extra}]'",
            optional=True,
        )
        for name, extra in EXTRAS.items()
    ]
