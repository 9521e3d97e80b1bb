"""What a place is: it finds the files that a name in the recipe stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from luthier.core.errors import DataError
from luthier.data.opened import Opened


class Unreachable(DataError):
    """Whoever has the files does not give them.

    Args: why: in a few words. is_gone: there are none any more, as far as is known.
    """

    def __init__(self, message: str, *, why: str, is_gone: bool) -> None:
        super().__init__(message)
        self.why, self.is_gone = why, is_gone


class Place(Protocol):
    """Stateless; built without arguments. A name that no place holds is that of a missing file."""

    def holds(self, name: str) -> bool:
        """Whether the name is one of its own; no other place says so of it."""
        ...

    def find(self, name: str, *, encoding: str) -> list[Opened]:
        """What stands there, in an order that does not change. Names of what is found are held
        too, so that each can be asked for again.

        Raises: DataError: nothing with rows, or something that cannot be read.
        """
        ...

    def reads(self, name: str, path: Path) -> bool:
        """Whether a file of this machine is one that the name stands for, or would be once it is
        written. Raises: OSError: nobody can say."""
        ...

    def digest(self, name: str) -> str:
        """SHA-256 of what `find` gave that name, as `Opened.sha256`.

        Raises: Unreachable: whoever has it does not say. OSError, DataError: it is gone.
        """
        ...
