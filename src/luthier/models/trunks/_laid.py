"""How sequences lie before the layer that turns their tokens into vectors.

A trunk may sort them by length or put a trained prompt before each, which no batch says.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

_lengths: ContextVar[tuple[int, ...]] = ContextVar("lengths", default=())


@contextmanager
def laid(lengths: Sequence[int]) -> Generator[None]:
    """Within it tokens are read of sequences of these lengths, end to end or padded."""
    token = _lengths.set(tuple(lengths))
    try:
        yield
    finally:
        _lengths.reset(token)


def laid_lengths() -> tuple[int, ...]:
    """Lengths of the sequences that a trunk is reading, in its order; none outside of one."""
    return _lengths.get()
