"""Marks of chat templates that got into texts, and answers that speak of being a model."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

from luthier.core.config import ComponentConfig
from luthier.data.cleaning import cleaners
from luthier.data.cleaning._texts import rewritten
from luthier.data.cleaning.contract import Change
from luthier.data.edits import Edit
from luthier.data.rows import Row

_MARKS = re.compile(
    r"(?:<\|start_header_id\|>\w+<\|end_header_id\|>|<\|im_start\|>(?:system|user|assistant|tool)?"
    r"|<\|[a-z_]{2,30}\|>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>(?:user|model)?"
    r"|<\uff5c[^<>\s]{2,30}\uff5c>)\n?"
)
PHRASES = re.compile(
    r"\bas an? (?:large )?(?:ai|artificial intelligence|language)(?: language)?"
    r"(?: model| assistant)?\b.{0,60}\b(?:i (?:do not|don't|cannot|can't|am not|am unable)|i'm)\b"
    r"|\bi(?:'m| am) (?:just |only )?an? (?:large )?(?:ai|language model)\b"
    r"|\bmy (?:knowledge cut-?off|training data)\b|\bopenai's (?:content )?polic",
    re.IGNORECASE | re.DOTALL,
)


class Config(ComponentConfig):
    """What is done about each."""

    marks: Literal["strip", "drop", "keep"] = "strip"
    """Marks such as `<|im_end|>`: taken out; or the row is left out."""
    phrases: Literal["drop", "keep"] = "drop"
    """Targets in which a model speaks of itself ("As an AI language model, I cannot"): left out."""


@cleaners.add
class Artefacts:
    """Finds what another model or its template left in the rows."""

    Config = Config
    short: ClassVar[str] = ""
    rank: ClassVar[int] = 20
    harm: ClassVar[str] = "the model learns to say them, and marks end its answers early"
    weight: ClassVar[float] = 0.5
    stops_from: ClassVar[float] = math.inf
    is_usual: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        self._config = config

    def changes(self, rows: Sequence[Row], beside: Sequence[Row]) -> Iterator[Change]:
        """Rows with marks in a text or phrases in the target."""
        del beside
        for at, row in enumerate(rows):
            phrase = PHRASES.search(row.target()) if self._config.phrases == "drop" else None
            if phrase:
                yield Change(at, "the target speaks of being a model", found=phrase[0])
            elif self._config.marks != "keep":
                for change in rewritten([row], _marks, "marks of a chat template"):
                    is_dropped = self._config.marks == "drop"
                    new = None if is_dropped else change.row
                    yield Change(at, change.why, new, found=change.found)


def _marks(text: str) -> Iterator[Edit]:
    if "<" in text or "[" in text:
        yield from (Edit(found.start(), found.end(), "") for found in _MARKS.finditer(text))
