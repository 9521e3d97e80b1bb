"""The pieces of `_pointwise.cpp`, built once per machine with its own C++ compiler.

Building takes a second or two, opening what was built a few milliseconds.
"""

from __future__ import annotations

import ctypes
import hashlib
import platform
import shutil
import subprocess
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from luthier.core import cache

_SOURCE = Path(__file__).with_name("_pointwise.cpp")
_VECTORS = ("-fno-math-errno", "-fno-trapping-math")  # roots and comparisons become vectors
_FLAGS = ("-O3", "-march=native", "-std=gnu++17", "-fPIC", "-fopenmp", *_VECTORS)
_NUM_STRIDES = 3
_DTYPES = (torch.bfloat16, torch.float32)

Piece = Callable[..., None]


def hindrance() -> str:
    """Why the pieces cannot be had on this machine; empty when they can (and then are built)."""
    return _open()[1]


def native(name: str, fallback: Piece) -> Piece:
    """The piece called `name`; types and devices that it does not know run through `fallback`."""
    library, reason = _open()
    if library is None:
        raise RuntimeError(reason)
    function = getattr(library, f"luthier_{name}")

    def run(*arguments: Any) -> None:
        first: Tensor = arguments[0]
        if first.dtype not in _DTYPES or first.device.type != "cpu":
            return fallback(*arguments)
        tensors = [argument for argument in arguments if isinstance(argument, Tensor)]
        numbers = [argument for argument in arguments if not isinstance(argument, Tensor)]
        views = [value for tensor in tensors for value in _view(tensor)]
        sizes = _SIZES[name](*tensors)
        return function(
            int(first.dtype == torch.bfloat16),
            (ctypes.c_int64 * len(sizes))(*sizes),
            (ctypes.c_int64 * len(views))(*views),
            ctypes.c_double(*numbers),
        )

    return run


def _rows(x: Tensor, *_: Tensor) -> tuple[int, ...]:
    return (len(x), x.shape[1] if x.ndim == 3 else 1, x.shape[-1])


def _plain(x: Tensor, *_: Tensor) -> tuple[int, ...]:
    return tuple(x.shape)


def _heads(q_KNGE: Tensor) -> tuple[int, ...]:
    heads, tokens, groups, width = q_KNGE.shape
    return tokens, heads, groups, width


_SIZES: dict[str, Callable[..., tuple[int, ...]]] = {
    "norm": _rows,
    "norm_backward": _rows,
    "renorm": _plain,
    "swiglu": _plain,
    "swiglu_backward": _plain,
    "rotate": lambda _qkv, _cos, _sin, q, *_: _heads(q),
    "rotate_backward": lambda dq, *_: _heads(dq),
}
"""What each piece gets as `size`."""


def _view(tensor: Tensor) -> list[int]:
    """Where a tensor lies: address, and strides of all axes but the last."""
    strides = tensor.stride()
    if strides[-1] != 1 and tensor.shape[-1] > 1:
        raise ValueError(f"the last axis must be contiguous, got strides {strides}")
    return [tensor.data_ptr(), *strides[:-1], *[0] * (_NUM_STRIDES + 1 - len(strides))]


def _open() -> tuple[ctypes.CDLL | None, str]:
    compiler = shutil.which("g++")
    if compiler is None:
        return None, "no C++ compiler here (g++)"
    return _opened(compiler, cache.root() / "compiled")


@lru_cache(maxsize=1)
def _opened(compiler: str, folder: Path) -> tuple[ctypes.CDLL | None, str]:
    threads = _openmp()
    if threads is None:
        return None, "torch runs its threads without GNU OpenMP here"
    path = folder / f"{_key(compiler, threads)}.so"
    try:
        reason = "" if path.is_file() else _build(compiler, threads, path)
        return (None, reason) if reason else (ctypes.CDLL(str(path)), "")
    except OSError as error:
        return None, f"{path} cannot be written or opened ({error})"


def _build(compiler: str, threads: Path, path: Path) -> str:
    """What went wrong; empty when `path` is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent) as folder:
        part, whole = Path(folder) / "part.o", Path(folder) / "whole.so"
        for command in (
            [compiler, *_FLAGS, "-c", str(_SOURCE), "-o", str(part)],
            # the very library that torch has loaded: a second pool of threads would fight with it
            [compiler, "-shared", str(part), str(threads), "-o", str(whole)],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                words = (done.stderr.strip().splitlines() or ["without a word"])[0]
                return f"{compiler} failed: {words[:200]}"
        whole.replace(path)
    return ""


def _openmp() -> Path | None:
    """The OpenMP library of this process."""
    try:
        maps = Path("/proc/self/maps").read_text()
    except OSError:
        return None
    paths = {line.split(maxsplit=5)[5] for line in maps.splitlines() if "libgomp" in line}
    return Path(min(paths)) if paths else None


def _key(compiler: str, threads: Path) -> str:
    """Changes with whatever the result depends on; a home folder may be shared by machines."""
    said = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
    content = [_SOURCE.read_text(), *_FLAGS, said, str(threads), platform.machine(), _features()]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()[:32]


def _features() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")
