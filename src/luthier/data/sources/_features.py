"""What Hugging Face's `datasets` says of columns, in a file or beside it: names of classes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from luthier.core.errors import DataError
from luthier.data.sources.contract import Record

_KEY = b"huggingface"
_MOST_SHOWN = 5
_WHOLE = re.compile(r"(-?\d{1,9})(?:\.0{1,9})?")
"""A number of a class as tables have it: pandas writes 1.0 where a column has gaps."""


@dataclass(frozen=True, slots=True)
class Features:
    """Column -> names of the classes whose numbers stand in it, alone or in lists."""

    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    source: str = "the file"
    """Who says so."""

    @classmethod
    def of(cls, metadata: Mapping[bytes, bytes] | None) -> Features:
        """As a schema has it; none where it says nothing, or something else."""
        try:
            return cls.told_by(json.loads((metadata or {})[_KEY])["info"]["features"])
        except (KeyError, ValueError, TypeError):
            return cls()

    @classmethod
    def told_by(cls, features: Any, *, source: str = "the file") -> Features:
        """As `datasets` writes them: an object, or the list of a card; none in anything else."""
        held = cast("Any", _listed(features) if isinstance(features, list) else features)
        if not isinstance(held, Mapping):
            return cls()
        told = cast("Mapping[str, Any]", held)
        found = {str(name): _class_names(feature) for name, feature in told.items()}
        return cls({name: names for name, names in found.items() if names}, source)

    def named(self, record: Record, *, where: str) -> Record:
        """The record with names for numbers; -1 is no class.

        Raises: DataError: a number that no class has.
        """
        for column, names in self.names.items():
            if column in record:
                record[column] = self._named(record[column], names, f"{where}, {column}")
        return record

    def told(self) -> str:
        """What is read so, in words; empty: nothing."""
        return "".join(
            f"; numbers of '{column}' are read as the names that {self.source} has for them "
            f"({', '.join(names[:_MOST_SHOWN])}{', ...' if len(names) > _MOST_SHOWN else ''})"
            for column, names in self.names.items()
        )

    def _named(self, value: Any, names: tuple[str, ...], where: str) -> Any:
        if isinstance(value, list):
            return [self._named(item, names, where) for item in cast("list[Any]", value)]
        number = number_of(value, names)
        if number is None:
            return value
        if number < -1 or number >= len(names):
            raise DataError(
                f"{where}: got {value!r}, expected the number of a class, 0 to {len(names) - 1} "
                f"or -1: {self.source} names {len(names)} of them.\n"
                "    Correct the row, or the names there"
            )
        return names[number] if number >= 0 else None


def number_of(value: Any, names: Sequence[str]) -> int | None:
    """The number of a class that a value is; None: it is a name, missing, or something else."""
    if isinstance(value, str):
        found = None if value.strip() in names else _WHOLE.fullmatch(value.strip())
        return int(found[1]) if found else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _listed(features: list[Any]) -> dict[str, Any]:
    """The list of a card as an object."""
    named = [item for item in features if isinstance(item, Mapping) and "name" in item]
    return {str(item["name"]): item for item in cast("list[Mapping[str, Any]]", named)}


def _class_names(feature: Any) -> tuple[str, ...]:
    """Of a column of classes, or of lists of them; empty for any other."""
    if isinstance(feature, list) and len(cast("list[Any]", feature)) == 1:
        return _class_names(feature[0])
    if not isinstance(feature, Mapping):
        return ()
    told = cast("Mapping[str, Any]", feature)
    if told.get("_type") == "ClassLabel" or "names" in told:
        return _ordered(told.get("names"))
    inner = ("feature", "class_label", "dtype", "sequence", "list")
    return next((names for key in inner if (names := _class_names(told.get(key)))), ())


def _ordered(names: Any) -> tuple[str, ...]:
    """As a list has them; or as an object, by their numbers."""
    if isinstance(names, list):
        return tuple(str(name) for name in cast("list[Any]", names))
    if not isinstance(names, Mapping):
        return ()
    held = {str(number): str(name) for number, name in cast("Mapping[Any, Any]", names).items()}
    every = [held.get(str(number)) for number in range(len(held))]
    return tuple(name for name in every if name is not None) if None not in every else ()
