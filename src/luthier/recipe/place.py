"""Where a typed key belongs: canonical names, short keys, aliases, and the batch of other tools."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from luthier.core.config import shown
from luthier.core.hints import nearest
from luthier.recipe.aliases import ACCUMULATION, ALIASES, BATCH_PARTS, REFUSED, ROWS_AT_A_TIME
from luthier.recipe.schema import DataSection, EvaluationSection, Recipe, TrainingSection

SECTIONS = {"data": DataSection, "training": TrainingSection, "evaluation": EvaluationSection}
COMPONENTS = ("objective", "tuner")
OPTIONS = "keep"
"""The section whose keys are components themselves."""
CLEANING, AUGMENTING = "data.clean", "data.augment"
"""The settings whose keys are components."""
BATCH = ("training", "batch_size")

_COUNT = Counter(name for section in SECTIONS.values() for name in section.model_fields)
SHORT = {
    name: (section, name)
    for section, model in SECTIONS.items()
    for name in model.model_fields
    if _COUNT[name] == 1 and name not in Recipe.model_fields
}
"""Keys that stand in one section only and may be written without it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting as somebody gave it."""

    key: tuple[str, ...]
    value: Any
    origin: str
    """Who gave it, such as "user: recipe.yaml"; a run's recipe keeps who gave it then."""
    where: str
    """Where it stands, for messages, such as "recipe.yaml line 7"."""
    source: str
    """What was read: "recipe.yaml" or "command line"; of two sources the later one wins."""
    alias: str = ""
    """The other tool's name that was typed instead of `key`."""


@dataclass(slots=True)
class Placed:
    """Settings under their canonical keys, and what could not be placed."""

    entries: list[Entry] = field(default_factory=list[Entry])
    problems: list[str] = field(default_factory=list[str])


def place(entries: list[Entry]) -> Placed:
    """Every entry under its canonical key; all problems, not just the first."""
    found, batch = Placed(), list[Entry]()
    for entry in entries:
        key = _canonical_spelling(entry.key)
        if key[-1] in BATCH_PARTS and key[0] not in COMPONENTS:
            batch.append(replace(entry, key=key[-1:]))
            continue
        home = _home(key)
        if isinstance(home, str):
            found.problems.append(f"recipe {'.'.join(key)}: {home} ({entry.where})")
        else:
            is_alias = key[-1] in ALIASES and home[-1] != key[-1]
            alias = ".".join(entry.key) if is_alias else ""
            found.entries.append(replace(entry, key=home, alias=alias))
    _place_batch(batch, found)
    return found


def _canonical_spelling(key: tuple[str, ...]) -> tuple[str, ...]:
    # deeper keys are names in the user's data and keep their dashes
    return (*(part.replace("-", "_") for part in key[:2]), *key[2:])


def _home(key: tuple[str, ...]) -> tuple[str, ...] | str:
    """The canonical key, or what is wrong."""
    if len(key) == 1:
        return _home_of_short(key[0])
    section, name = key[:2]
    if section in ("objective", OPTIONS):
        return key
    if section == "tuner":
        alias = ALIASES.get(name, "")
        return tuple(alias.split(".")) if alias.startswith("tuner.") else key
    if section not in SECTIONS:
        return _elsewhere(name, f"unknown section '{section}'")
    if name in SECTIONS[section].model_fields:
        return key
    return _elsewhere(name, "unknown key")


def _home_of_short(name: str) -> tuple[str, ...] | str:
    if name in COMPONENTS:
        return (name, "name")
    if name in Recipe.model_fields:
        return (name,)
    if name in SHORT:
        return SHORT[name]
    if _COUNT[name] > 1:
        choices = [
            f"{section}.{name}" for section in SECTIONS if name in SECTIONS[section].model_fields
        ]
        return f"stands in several sections; say {' or '.join(choices)}"
    return _elsewhere(name, "unknown key")


def _elsewhere(name: str, wrong: str) -> tuple[str, ...] | str:
    if name in ALIASES:
        return tuple(ALIASES[name].split("."))
    if name in REFUSED:
        return REFUSED[name]
    full = [*Recipe.model_fields]
    for section, model in SECTIONS.items():
        full += [f"{section}.{known}" for known in model.model_fields]
    by_name = {known.rpartition(".")[2]: known for known in reversed(full)} | dict(ALIASES)
    guess = nearest(name, by_name)
    if guess is None:
        return f"{wrong}; `luthier schema` lists all keys"
    return f"{wrong}; did you mean '{by_name[guess]}'?"


def _place_batch(batch: list[Entry], found: Placed) -> None:
    """Other tools say rows at a time and accumulation; their product is our batch size."""
    if not batch:
        return
    given = {entry.key[0]: entry for entry in batch}
    if any(entry.key == BATCH for entry in found.entries):
        found.problems += [
            f"recipe {entry.key[0]}: leave it out, training.batch_size says it all ({entry.where})"
            for entry in batch
        ]
        return
    rows = next((given[name] for name in ROWS_AT_A_TIME if name in given), None)
    accumulation = given.get(ACCUMULATION)
    if rows is None or (accumulation is None and rows.key[0] == "micro_batch_size"):
        lonely = accumulation or batch[0]
        reason = REFUSED.get(lonely.key[0], "expected training.batch_size")
        found.problems.append(f"recipe {lonely.key[0]}: {reason} ({lonely.where})")
        return
    parts = [rows, *([accumulation] if accumulation is not None else [])]
    wrong = [part for part in parts if not _is_count(part.value)]
    for part in wrong:
        found.problems.append(
            f"recipe {part.key[0]}: got {shown(part.value)}, expected a whole number of at least 1 "
            f"({part.where})"
        )
    if not wrong:
        product = math.prod(part.value for part in parts)
        names = " x ".join(part.key[0] for part in parts)
        found.entries.append(replace(rows, key=BATCH, value=product, alias=names))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
