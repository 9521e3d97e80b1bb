"""Where rows came from, in words that are made when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from luthier.data.rows import Row


class Origins(Sequence[str]):
    """The place of each of some rows; memory holds none."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [str(row.origin) for row in self._rows[index]]
        return str(self._rows[index].origin)
