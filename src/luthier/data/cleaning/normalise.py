"""Unicode in its composed form, no control or invisible characters, no white space at the ends."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import ClassVar

from luthier.core.config import ComponentConfig
from luthier.data.cleaning import cleaners
from luthier.data.cleaning._texts import rewritten
from luthier.data.cleaning.contract import Change
from luthier.data.edits import Edit
from luthier.data.rows import Row

_GONE = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff\ufff9-\ufffb"
"""Control characters, soft hyphens and marks of no width; joiners carry meaning and stay."""
_SPACES = r"\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_ENDS = r"\r\x85\u2028\u2029"
"""What ends a line and is no line feed."""
_MARKS = r"\u0300-\u036f\u0591-\u05c7\u3099\u309a"
_SYLLABLE, _PARTS = r"\u1100-\u1112\uac00-\ud7a3", r"\u1161-\u11c2"
"""How a Korean syllable begins, and the parts that it may be joined with."""


class Config(ComponentConfig):
    """What is put in order."""

    unicode: bool = True
    """Letters and their marks become one character (NFC, Unicode Annex 15)."""
    characters: bool = True
    """Control and invisible characters go; spaces of all widths become plain ones; ends of lines
    become line feeds."""
    spaces: bool = False
    """Runs of spaces within a line become one; off, since code and tables are made of them."""


@cleaners.add
class Normalise:
    """Changes what looks the same and is not: for a tokenizer these are other words."""

    Config = Config
    short: ClassVar[str] = ""
    rank: ClassVar[int] = 10
    harm: ClassVar[str] = "the same word is two to the model, and what people type is neither"
    weight: ClassVar[float] = 0.02
    stops_from: ClassVar[float] = math.inf
    is_usual: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        odd = f"{_GONE}{_SPACES}" if config.characters else ""
        # each begins where its run does: a long one would be walked from every place in it
        parts = [
            rf"(?P<outer>\A[\s{odd}]+|(?<![\s{odd}])[\s{odd}]+\Z"
            rf"|(?<![ \t{odd}])[ \t{odd}]+(?=[\n{_ENDS}]))"
        ]
        if config.unicode:
            within = f"[{_GONE}]*" if config.characters else ""  # which go, and the mark is left
            syllable, mark = rf"[{_SYLLABLE}](?:{within}[{_PARTS}])+", rf"(?:{within}[{_MARKS}])"
            parts += [rf"(?P<marked>{syllable}{mark}*|[^\W\d_]{mark}+)"]
        if config.spaces:
            parts += [rf"(?P<run>(?<=[^\s{odd}])[ \t{odd}]{{2,}}(?=[^\s{odd}]))"]
        if config.characters:
            parts += [rf"(?P<end>\r\n?|[{_ENDS}])", rf"(?P<gone>[{_GONE}]+)"]
            parts += [rf"(?P<space>[{_SPACES}]+)"]
        self._pattern = re.compile("|".join(parts))
        self._gone = re.compile(f"[{_GONE}]+" if config.characters else r"(?!)")

    def changes(self, rows: Sequence[Row], beside: Sequence[Row]) -> Iterator[Change]:
        """Texts put in order."""
        del beside
        return rewritten(rows, self._find, "characters or white space out of order")

    def _find(self, text: str) -> Iterator[Edit]:
        for found in self._pattern.finditer(text):
            put = {"end": "\n", "space": " "}.get(str(found.lastgroup), "")
            if found.lastgroup in ("marked", "run"):
                left = self._gone.sub("", found[0])
                is_run = found.lastgroup == "run"
                put = _one(left) if is_run else unicodedata.normalize("NFC", left)
            yield Edit(found.start(), found.end(), put)


def _one(spaces: str) -> str:
    """What a run within a line becomes; a tab that stands alone stays."""
    return spaces if spaces in ("", "\t") else " "
