"""Pictures that cannot be opened."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar

from luthier.core.config import ComponentConfig
from luthier.data.cleaning import cleaners
from luthier.data.cleaning.contract import Change
from luthier.data.damaged import damaged
from luthier.data.rows import Row


class Config(ComponentConfig):
    """Nothing can be chosen."""


@cleaners.add
class DamagedPictures:
    """Leaves out rows whose picture is cut off, is no picture, or has colours for printing."""

    Config = Config
    short: ClassVar[str] = ""
    rank: ClassVar[int] = 3  # what cannot be opened is not compared with anything
    harm: ClassVar[str] = "a training ends at the first of them, before it begins"
    weight: ClassVar[float] = 1.0
    stops_from: ClassVar[float] = math.inf
    is_usual: ClassVar[bool] = True
    elsewhere: ClassVar[str] = "a training ends at them, and no row is left out of given files"
    opens_files: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        del config

    def changes(self, rows: Sequence[Row], beside: Sequence[Row]) -> Iterator[Change]:
        """Rows whose picture cannot be opened."""
        del beside
        for at, why in damaged(rows):
            yield Change(at, "a picture that cannot be opened", found=why.partition("\n")[0])
