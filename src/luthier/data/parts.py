"""The parts of a data set that names tell: train, validation and test."""

from __future__ import annotations

import re
from collections.abc import Mapping

from luthier.core.errors import DataError
from luthier.recipe.data_section import DataSection

_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
PARTS = {word: part for part, words in _WORDS.items() for word in words}
"""Word of a name -> train, validation or test."""
_BETWEEN = re.compile(r"[-._ /0-9]+")


class Parted(DataError):
    """One name stands for several parts of the data, which are not to be learned together.

    Args: names: train, validation or test -> the name of that part alone; empty: these cannot be
        told. others: what else stands there, such as "1 other sheet"; empty: nothing.
    """

    def __init__(self, message: str, *, names: Mapping[str, str], others: str = "") -> None:
        super().__init__(message)
        self.names, self.others = dict(names), others


def part_of(name: str) -> str:
    """train, validation or test, as in `data/train-00000-of-00002.parquet`; empty: not said."""
    found = [PARTS[word] for word in _BETWEEN.split(name.lower()) if word in PARTS]
    return found[-1] if found else ""


def by_word(names: Mapping[str, str]) -> dict[str, str]:
    """Those of some names that are words for parts, and what each stands for.

    Args: names: such as "val" -> "rows.json#val".
    Returns: none where two are words for one part, or nothing is there to be learned beside others.
    """
    known = {word: PARTS[word.lower()] for word in names if word.lower() in PARTS}
    found = {part: names[word] for word, part in known.items()}
    return found if len(known) == len(found) > 1 and "train" in found else {}


def as_splits(section: DataSection, parted: Parted) -> tuple[DataSection, str]:
    """The section with the parts of what `data.train` names as its splits, and a line that says so.

    Of a split that the section names itself the part is left out.

    Raises: Parted: the parts cannot be told, or other files are named beside them.
    """
    if not parted.names or not isinstance(section.train_files, str):
        raise parted
    own = [part for part in ("validation", "test") if getattr(section, part) != "auto"]
    names = {part: name for part, name in parted.names.items() if part not in own}
    said = ", ".join(names[part] for part in _WORDS if part in names)
    unread = [parted.names[part] for part in own if part in parted.names]
    unread += [parted.others] if parted.others else []
    beside = f"; {', '.join(unread)} beside them: not read" if unread else ""
    line = f"{section.train_files}: its parts are taken as the splits: {said}{beside}"
    return section.model_copy(update=names), line
