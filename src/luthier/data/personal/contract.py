"""What a kind of personal data is: it finds where in a text such data stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Protocol


class Kind(Protocol):
    """Stateless; built without arguments; cheap for texts that hold nothing of the kind."""

    mark: ClassVar[str]
    """The word of its mask, such as "EMAIL"."""
    is_grave: ClassVar[bool]
    """Whether nobody wants to train with it."""
    rank: ClassVar[int]
    """Where two kinds claim the same characters, the smaller one has them."""

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Character ranges [start, end), in order, not overlapping."""
        ...
