"""What files beside the data say of it: names of classes in dataset_info.json or a card."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, cast

from luthier.core.errors import RecipeError
from luthier.data.sources._features import Features, number_of
from luthier.data.sources.contract import Record
from luthier.recipe import yaml_text

_LEVELS = 3
"""Folders looked into: that of the file, and those that it stands in."""
_CARD = "README.md"
_FRONT = re.compile(r"---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)
_MOST_CHARACTERS = 2_000_000
_PEEKED = 100
"""Records by which it is seen whether numbers stand in a column."""

Info = dict[str, Any]


def named_beside(
    records: Iterator[tuple[int, Record]], path: Path, *, name: str, counted: str = "line"
) -> tuple[Iterator[tuple[int, Record]], Features, list[str]]:
    """The records with names for the numbers of their classes, these names, and what is said.

    Args: name: of the file, for messages. counted: what the numbers of records count.
    Raises: DataError: a number that no class has, at once or while they are walked.
    """
    features, notes = _told(path)
    if not features.names:
        return records, features, notes
    head = list(islice(records, _PEEKED))
    used = {
        column: names
        for column, names in features.names.items()
        if any(_is_number(record.get(column), names) for _, record in head)
    }
    if not used:
        return chain(head, records), features, []
    numbered = Features(used, features.source)
    found = (
        (line, numbered.named(record, where=f"{name} {counted} {line}"))
        for line, record in chain(head, records)
    )
    return found, features, [numbered.told().removeprefix("; "), *notes]


def _is_number(value: Any, names: Sequence[str]) -> bool:
    if isinstance(value, list):
        return any(_is_number(item, names) for item in cast("list[Any]", value))
    return number_of(value, names) is not None


def _told(path: Path) -> tuple[Features, list[str]]:
    """The names that stand nearest to a file, and what cannot be used of them, in words."""
    for folder in islice(path.absolute().parents, _LEVELS):
        for kind, read in _READERS.items():
            file = folder / kind
            if not file.is_file():
                continue
            infos, problem = read(file, file.stat().st_mtime_ns)
            where = path.absolute().relative_to(folder)
            features, differing = _chosen(infos, where, source=kind)
            if differing:
                problem = f"{kind} names the classes of '{differing}' in several ways: none is used"
            if features.names or problem:
                return features, [problem] if problem else []
    return Features(), []


@lru_cache(64)
def _of_json(file: Path, changed: int) -> tuple[list[Info], str]:
    """What such a file says of each configuration; empty: it is about something else."""
    del changed
    try:
        held: Any = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return [], f"{file.name} beside it is not readable, so no names of classes are known"
    if not isinstance(held, Mapping):
        return [], ""
    told = cast("Mapping[str, Any]", held)
    if "features" in told:
        return [dict(told)], ""
    return [
        {"config_name": name, **cast("Info", info)}
        for name, info in told.items()
        if isinstance(info, Mapping) and "features" in info
    ], ""


@lru_cache(64)
def _of_card(file: Path, changed: int) -> tuple[list[Info], str]:
    """What the front matter of a card says of each configuration, with the files of each."""
    del changed
    try:
        with file.open(encoding="utf-8-sig") as held:
            front = _FRONT.match(held.read(_MOST_CHARACTERS))
        if front is None or "class_label" not in front[1]:
            return [], ""
        told: Any = yaml_text.parse(front[1], name=file.name).value
    except (OSError, ValueError, RecipeError):
        return [], f"{file.name} beside it is not readable, so no names of classes are known"
    found = told.get("dataset_info") if isinstance(told, Mapping) else None
    infos = cast("list[Any]", found) if isinstance(found, list) else [found]
    configs = {
        str(item.get("config_name")): item.get("data_files")
        for item in cast("list[Any]", told.get("configs") or [])
        if isinstance(item, Mapping)
    }
    kept = [cast("Info", info) for info in infos if isinstance(info, Mapping)]
    return [{**info, "files": configs.get(_config(info))} for info in kept], ""


_READERS = {"dataset_info.json": _of_json, "dataset_infos.json": _of_json, _CARD: _of_card}


def _config(info: Info) -> str:
    return str(info.get("config_name") or "default")


def _chosen(infos: Sequence[Info], where: Path, *, source: str) -> tuple[Features, str]:
    """What is said of a file: by the configuration that names it or its folder, else by all.

    Returns: with the first column of which they say different things; empty: none.
    """
    own = [info for info in infos if _config(info) in where.parts[:-1] or _has(info, where)]
    found = [Features.told_by(info.get("features")).names for info in own or infos]
    every = {column for names in found for column in names}
    ways = {column: {names[column] for names in found if column in names} for column in every}
    differing = sorted(column for column in ways if len(ways[column]) > 1)
    agreed = {column: next(iter(held)) for column, held in ways.items() if len(held) == 1}
    return Features(agreed, source), differing[0] if differing else ""


def _has(info: Info, where: Path) -> bool:
    """Whether a configuration names the file, by a path or a pattern."""
    return any(fnmatch(where.as_posix(), pattern) for pattern in _patterns(info.get("files")))


def _patterns(given: Any) -> Iterator[str]:
    if isinstance(given, str):
        yield given
    elif isinstance(given, Mapping):
        yield from _patterns(cast("Mapping[str, Any]", given).get("path"))
    elif isinstance(given, list):
        for item in cast("list[Any]", given):
            yield from _patterns(item)
