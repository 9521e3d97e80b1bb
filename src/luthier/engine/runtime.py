"""The allocator and the threads, set once when the process starts.

glibc hands every large block back to the kernel, and training takes the same blocks again a moment
later: millions of page faults. Keeping them is worth a third of the time on a CPU. No torch here.
"""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_TOP_PAD_BYTES = 64 * 2**20
_NEVER = 2**31 - 1

FEW, MANY = 64, 256
"""Kernels that are kept. Every new shape of a product makes one; oneDNN, and torch's layer above
it (ideep), would keep 1024 each. A decoder's take up to some MB each and packs need a few dozen; an
encoder's are small (15 MiB for all that it needs), and making them anew took a seventh of a step.
"""
_KERNELS = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
_ours: set[str] = set()


def prepare(threads: int = 0) -> list[str]:
    """Keep freed memory in the process, and set thread counts; call before importing torch.

    Args: threads: computing threads; 0: as many as the process may run on.
    Returns: what was set, for the record; values the user set in the environment are respected.
    """
    done = [_keep_memory()]
    threads = threads or _usable_cpus()
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    # torch takes as many threads as MKL has: another number here would undo what the user set
    os.environ.setdefault("MKL_NUM_THREADS", os.environ["OMP_NUM_THREADS"])
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for name in _KERNELS:
        if name not in os.environ:
            os.environ[name] = str(FEW)
            _ours.add(name)
    done.append(f"threads: {os.environ['OMP_NUM_THREADS']}")
    return done


def keep_kernels(*, decoder: bool) -> None:
    """As many kernels as the packs of the model need; call before anything is computed with torch,
    which asks once. What the user set in the environment, and a process not prepared, stay.
    """
    for name in _ours:
        os.environ[name] = str(FEW if decoder else MANY)


def _keep_memory() -> str:
    if not sys.platform.startswith("linux"):
        return "allocator: the system's"
    if "jemalloc" in os.environ.get("LD_PRELOAD", "") or "MALLOC_TRIM_THRESHOLD_" in os.environ:
        return "allocator: as set in the environment"
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return "allocator: the system's (no mallopt)"
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER), (_TOP_PAD, _TOP_PAD_BYTES))
    taken = [bool(mallopt(option, value)) for option, value in settings]
    return "allocator: glibc, memory kept" if all(taken) else "allocator: glibc, as it is"


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
