"""Text that was read in the wrong encoding and saved so, whole again, by ftfy."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

import ftfy

from luthier.core.config import ComponentConfig
from luthier.data.cleaning import cleaners
from luthier.data.cleaning._texts import rewritten
from luthier.data.cleaning.contract import Change
from luthier.data.edits import Edit
from luthier.data.rows import Row

_WORD = re.compile(r"[^ \n]+")
_LETTER = re.compile(r"[\x00-\x7f]*[^\x00-\x9f][\x00-\x7f]*")
"""With one letter beyond ASCII: broken ones are two characters and more, or a control character."""


class Config(ComponentConfig):
    """Nothing is to be set."""


@cleaners.add
class Mojibake:
    """Repairs encodings and nothing else of what ftfy can: quotes and widths stay as they are.

    Source: ftfy (Robyn Speer, 2019, doi:10.5281/zenodo.2591652), `fix_encoding`.
    """

    Config = Config
    short: ClassVar[str] = ""
    rank: ClassVar[int] = 5  # before control characters go, of which such text is made
    harm: ClassVar[str] = "the model learns to write broken characters"
    weight: ClassVar[float] = 0.1
    stops_from: ClassVar[float] = math.inf
    is_usual: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        del config

    def changes(self, rows: Sequence[Row], beside: Sequence[Row]) -> Iterator[Change]:
        """Texts with their characters put right."""
        del beside
        return rewritten(rows, _edits, "characters read in the wrong encoding")


def _edits(text: str) -> Iterator[Edit]:
    """Word by word, so that places in the text follow."""
    if text.isascii():
        return
    fixed = ftfy.fix_encoding(text, restore_byte_a0=False)  # of which clean text has some
    if fixed == text:
        return
    old, new = list(_WORD.finditer(text)), _WORD.findall(fixed)
    if len(old) != len(new) or _WORD.sub("", text) != _WORD.sub("", fixed):
        yield _between(text, fixed)
        return
    for word, put in zip(old, new, strict=True):
        if word[0] != put and not _LETTER.fullmatch(word[0]):
            yield Edit(word.start(), word.end(), put)


def _between(text: str, fixed: str) -> Edit:
    """All from the first character that differs to the last."""
    least = min(len(text), len(fixed))
    start = next((at for at in range(least) if text[at] != fixed[at]), least)
    most = least - start
    end = next((at for at in range(most) if text[-1 - at] != fixed[-1 - at]), most)
    return Edit(start, len(text) - end, fixed[start : len(fixed) - end])
