"""Personal data and secrets in texts: masked, their rows left out, or only named by a check."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from luthier.core.config import ComponentConfig
from luthier.core.hints import did_you_mean
from luthier.data.assisted import Finder, Helpers, Places
from luthier.data.cleaning import cleaners
from luthier.data.cleaning._texts import rewritten
from luthier.data.cleaning.contract import Change
from luthier.data.edits import Edit
from luthier.data.personal import kinds
from luthier.data.rows import Row

NAME = "NAME"
"""The word of the mask of a person's name."""
NAMES_KIND = "name"
"""What names of persons are called among the kinds."""
CAUTION = (
    "names are what {by} takes for them: of 100 names in news such taggers found 72 to 90, and of "
    "100 that they named 10 to 20 were none"
)
_AT_ONCE = 256
"""Rows whose texts a tagger is given together."""


class Config(ComponentConfig):
    """Which kinds are looked for, and what is done."""

    action: Literal["mask", "drop", "report"] = "mask"
    """Each becomes its kind and a number, such as [EMAIL_1], the same wherever it stands in the
    row; or the row is left out; or rows stay as they are, and checks name those."""
    kinds: list[str] = Field(default_factory=list[str])
    """Such as [email, iban]; empty: all. [name]: names of persons and nothing else."""
    names: str = ""
    """A run of objective `tag` whose entities are persons too, or a model that tags them: what it
    names becomes [NAME_1]. For `luthier data check`, `clean`, `split` and `augment`; empty: no
    names."""

    @field_validator("kinds")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        known = [*kinds.names(), NAMES_KIND]
        unknown = [f"'{name}'{did_you_mean(name, known)}" for name in value if name not in known]
        if unknown:
            raise ValueError(f"unknown kind {', and '.join(unknown)}")
        return value

    @model_validator(mode="after")
    def _has_tagger(self) -> Config:
        if NAMES_KIND in self.kinds and not self.names:
            raise ValueError(
                f"kinds holds '{NAMES_KIND}', and names have no form to be found by; expected who "
                "finds them, a run of objective tag or a token classifier: names=RUN"
            )
        return self


@cleaners.add
class Personal:
    """Finds by form and check digit: e-mail, phone, IBAN, card, ids of countries, IP, secrets.

    Names have no form: they are found where a tagger is named. Addresses are not found.
    """

    elsewhere: ClassVar[str] = "whoever reads the answers to them reads these too"

    Config = Config
    short: ClassVar[str] = "action"
    rank: ClassVar[int] = 30
    harm: ClassVar[str] = "the model may say them to anyone who asks"
    weight: ClassVar[float] = 2.0
    stops_from: ClassVar[float] = math.inf
    is_usual: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self._config = config
        self.only_looks = config.action == "report"
        self.needs = "a tagger of persons" if config.names else ""
        self.command = _command(config)
        self._persons: Finder | None = None
        self._helpers: Helpers | None = None
        formed = [name for name in config.kinds if name != NAMES_KIND]
        chosen = formed if config.kinds else kinds.names()
        found = [kinds.get(name)() for name in chosen]
        self._kinds = sorted(found, key=lambda kind: kind.rank)
        self._grave = {kind.mark for kind in found if kind.is_grave}

    def assist(self, helpers: Helpers) -> None:
        """The tagger that names persons."""
        self._persons = helpers.persons(self._config.names)
        self._helpers = helpers

    def changes(self, rows: Sequence[Row], beside: Sequence[Row]) -> Iterator[Change]:
        """Rows with something found in them."""
        del beside
        for start in range(0, len(rows), _AT_ONCE):
            block = rows[start : start + _AT_ONCE]
            persons = self._named(block)
            for at, row in enumerate(block, start):
                yield from self._changed(at, row, persons)
            if self._helpers:
                self._helpers.progress("looking for names", start + len(block), len(rows))

    def _named(self, rows: Sequence[Row]) -> Mapping[str, Places]:
        """Where persons are named in the texts of some rows."""
        if self._persons is None:
            return {}
        texts: dict[str, None] = {}

        def note(text: str) -> Iterator[Edit]:
            texts[text] = None
            return iter(())

        for row in rows:
            row.rewritten(note)
        return dict(zip(texts, self._persons(list(texts)), strict=True))

    def _changed(self, at: int, row: Row, persons: Mapping[str, Places]) -> Iterator[Change]:
        numbers: dict[tuple[str, str], int] = {}
        last = Counter[str]()

        def find(text: str) -> Iterator[Edit]:
            for start, end, mark in self.found(text, persons.get(text, [])):
                if (mark, text[start:end]) not in numbers:
                    last[mark] += 1
                    numbers[mark, text[start:end]] = last[mark]
                yield Edit(start, end, f"[{mark}_{numbers[mark, text[start:end]]}]")

        for change in rewritten([row], find, ""):
            marks = ", ".join(sorted({mark for mark, _ in numbers}))
            new = change.row if self._config.action == "mask" else None
            is_grave = any(mark in self._grave for mark, _ in numbers)
            caution = CAUTION.format(by=self._config.names) if marks == NAME else ""
            yield Change(
                at,
                f"personal data ({marks})",
                new,
                found=change.found,
                is_grave=is_grave,
                caution=caution,
            )

    def found(self, text: str, persons: Places | None = None) -> list[tuple[int, int, str]]:
        """Places in a text and what stands there, in order; none over another.

        Args: persons: where some are named.
        """
        taken: list[tuple[int, int, str]] = []
        for kind in self._kinds:
            _take(taken, kind.find(text), kind.mark)
        _take(taken, persons or [], NAME)
        return taken


def _command(config: Config) -> str:
    """What looks for names, or takes them out, with the same settings."""
    said = f"data.clean.personal.names={config.names}"
    if config.kinds:
        said += f" 'data.clean.personal.kinds=[{', '.join(config.kinds)}]'"
    if config.action == "report":
        return f"luthier data check DATA {said}"
    said += " data.clean.personal.action=drop" if config.action == "drop" else ""
    return f"luthier data clean DATA {said} --output FOLDER"


def _take(taken: list[tuple[int, int, str]], places: Iterable[tuple[int, int]], mark: str) -> None:
    """Put places among those that are taken, where nothing stands yet."""
    for start, end in places:
        at = bisect_left(taken, (start,))
        is_free = at == 0 or taken[at - 1][1] <= start
        if is_free and (at == len(taken) or taken[at][0] >= end):
            taken.insert(at, (start, end, mark))
