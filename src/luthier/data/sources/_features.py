"""What Hugging Face's `datasets` says of columns within Parquet and Arrow: names of classes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from luthier.data.sources.contract import Record

_KEY = b"huggingface"
_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Features:
    """Column -> names of the classes whose numbers stand in it, alone or in lists."""

    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @classmethod
    def of(cls, metadata: Mapping[bytes, bytes] | None) -> Features:
        """As a schema has it; none where it says nothing, or something else."""
        try:
            held: Any = json.loads((metadata or {})[_KEY])["info"]["features"].items()
        except (KeyError, ValueError, TypeError, AttributeError):
            return cls()
        found = {str(name): _class_names(feature) for name, feature in held}
        return cls({name: names for name, names in found.items() if names})

    def named(self, record: Record) -> Record:
        """The record with names for numbers; -1 is no class."""
        for column, names in self.names.items():
            if column in record:
                record[column] = _named(record[column], names)
        return record

    def told(self) -> str:
        """What is read so, in words; empty: nothing."""
        return "".join(
            f"; numbers of '{column}' are read as the names that the file has for them "
            f"({', '.join(names[:_MOST_SHOWN])}{', ...' if len(names) > _MOST_SHOWN else ''})"
            for column, names in self.names.items()
        )


def _class_names(feature: Any) -> tuple[str, ...]:
    """Of a column of classes, or of lists of them; empty for any other."""
    if isinstance(feature, list) and len(cast("list[Any]", feature)) == 1:
        return _class_names(feature[0])
    if not isinstance(feature, Mapping):
        return ()
    told = cast("Mapping[str, Any]", feature)
    if told.get("_type") == "ClassLabel" and isinstance(told.get("names"), list):
        return tuple(str(name) for name in told["names"])
    return _class_names(told["feature"]) if "feature" in told else ()


def _named(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_named(item, names) for item in cast("list[Any]", value)]
    if not isinstance(value, int) or isinstance(value, bool) or value >= len(names):
        return value
    return names[value] if value >= 0 else None
