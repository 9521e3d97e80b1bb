"""The parts of a data set that names tell: train, validation and test."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager

from luthier.core.errors import DataError
from luthier.recipe.data_section import DataSection

_WORDS = {
    "train": ("train", "training", "trainset"),
    "validation": ("validation", "valid", "val", "valset"),
    "dev": ("dev", "devset"),
    "test": ("test", "testing", "testset"),
    "eval": ("eval", "evaluation"),
}
_FAMILIES = {word: family for family, words in _WORDS.items() for word in words}
_MEANT = {"dev": "validation", "eval": "test"}
PARTS = {word: _MEANT.get(family, family) for word, family in _FAMILIES.items()}
"""Word of a name -> train, validation or test."""
_ORDER = ("train", "validation", "test")
_BETWEEN = re.compile(r"[-._ /0-9]+|(?<=[a-z])(?=[A-Z])")
_SHARD = frozenset({"", "of"})


class Parted(DataError):
    """One name stands for several parts of the data, which are not to be learned together.

    Args: one: the name of a part, as it is shown. names: train, validation or test -> the name of
        that part alone; empty: these cannot be told. others: what else stands there, such as
        "1 other sheet"; empty: nothing. setting: what the name was given for; empty: an argument.
    """

    def __init__(
        self,
        message: str,
        *,
        one: str,
        names: Mapping[str, str],
        others: str = "",
        setting: str = "data.train",
    ) -> None:
        super().__init__(f"{message}\n    Name one: {setting}{' = ' if setting else ''}{one}")
        self.names, self.others = dict(names), others
        self._message, self._one = message, one

    def given_for(self, setting: str) -> Parted:
        """The same of what was given for another setting, with the part that is called so."""
        one = self.names.get(setting.removeprefix("data."), self._one)
        return Parted(self._message, one=one, names=self.names, others=self.others, setting=setting)


def word_of(name: str) -> str:
    """The word that says the part: "train" of `data/Train-00000-of-00002.parquet`; empty: none."""
    found = [word for word in _words(name) if word in PARTS]
    return found[-1] if found else ""


def part_of(name: str) -> str:
    """train, validation or test; empty: not said."""
    return PARTS.get(word_of(name), "")


def says_only(name: str) -> str:
    """The part of a file or of a folder around it that is called nothing else, such as `test.csv`,
    but not `test of brakes.csv`; empty: of none."""
    stems = [step.partition(".")[0] for step in name.split("/")]
    alone = [[word for word in _words(stem) if word not in _SHARD] for stem in stems]
    found = [PARTS[words[0]] for words in alone if len(words) == 1 and words[0] in PARTS]
    return found[-1] if found else ""


def are_alike(words: Iterable[str]) -> bool:
    """Whether two different words stand for one part, as dev beside validation."""
    families = {_FAMILIES[word] for word in words}
    return len(families) > len({_MEANT.get(family, family) for family in families})


def _words(name: str) -> list[str]:
    return [word.lower() for word in _BETWEEN.split(name)]


def by_word(names: Mapping[str, str]) -> dict[str, str]:
    """Those of some names that are words for parts, and what each stands for.

    Args: names: such as "val" -> "rows.json#val".
    Returns: none where two are words for one part, or nothing is there to be learned beside others.
    """
    words = {name: name.strip().lower() for name in names}
    known = {name: PARTS[word] for name, word in words.items() if word in PARTS}
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
    said = ", ".join(names[part] for part in _ORDER if part in names)
    unread = [parted.names[part] for part in own if part in parted.names]
    unread = [name for name in unread if name not in (section.validation, section.test)]
    unread += [parted.others] if parted.others else []
    beside = f"; {', '.join(unread)} beside them: not read" if unread else ""
    line = f"{section.train_files}: its parts are taken as the splits: {said}{beside}"
    return section.model_copy(update=names), line


@contextmanager
def beside(others: bool) -> Generator[None]:
    """Within it one file of several is opened, where `others`: what parts it has are not the parts
    of all of them, so that these are to be named.

    Raises: DataError: instead of `Parted`.
    """
    try:
        yield
    except Parted as parted:
        if not others:
            raise
        raise DataError(f"{parted}, and the other files beside it") from parted
