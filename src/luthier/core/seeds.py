"""Named random streams: the same (seed, names) always gives the same numbers, on any machine."""

from __future__ import annotations

import hashlib
import random


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed that is a pure function of `seed` and `names`.

    Example: torch.manual_seed(derive(recipe.seed, "dropout", step, micro_batch))
    """
    text = "\x1f".join([str(seed), *(str(name) for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *names: str | int) -> random.Random:
    """A private generator for one purpose; the global generator is never touched."""
    return random.Random(derive(seed, *names))
