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
    # every new shape of a product makes a oneDNN kernel, from 250 KB to some MB each; oneDNN and
    # torch's layer above it (ideep) would keep 1024 of them each, and packs need a few dozen
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
    os.environ.setdefault("LRU_CACHE_CAPACITY", "64")
    done.append(f"threads: {os.environ['OMP_NUM_THREADS']}")
    return done


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
