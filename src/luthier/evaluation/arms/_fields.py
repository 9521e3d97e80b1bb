"""JSON answers for methods that only name classes: field by field, where a field has few values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from luthier.data.rows import Row
from luthier.evaluation.bench import Bench
from luthier.evaluation.instruction import is_few
from luthier.evaluation.outcome import Outcome
from luthier.evaluation.text import json_object, leaves, normalised

ABSENT = ""
"""The name for "this row has no such field"; the JSON text of a value is never empty."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Training rows whose answer is a JSON object, as one column of names per field."""

    rows: list[Row]
    columns: dict[str, list[str]]
    """By path of a field with few values: its value as JSON text, or ABSENT, row by row."""
    left_out: list[str]
    """Paths of fields with many values: summaries, names, numbers."""

    def note(self) -> dict[str, str]:
        """What was answered and what was not, for the report."""
        found = {"fields": ", ".join(self.columns)}
        return found | ({"left empty": ", ".join(self.left_out)} if self.left_out else {})


def fields_of(train: Sequence[Row]) -> Fields:
    """The fields of the training answers; texts that count as the same are one value."""
    parsed = [(row, json_object(row.target())) for row in train]
    usable = [(row, leaves(found)) for row, found in parsed if found is not None]
    columns: dict[str, list[str]] = {}
    left_out: list[str] = []
    for path in dict.fromkeys(path for _, found in usable for path in found):
        names: dict[object, str] = {}
        column = [_name(found[path], names) if path in found else ABSENT for _, found in usable]
        present = [text for text in column if text != ABSENT]
        if is_few(len(set(present)), len(present)):
            columns[path] = column
        else:
            left_out.append(path)
    return Fields([row for row, _ in usable], columns, left_out)


def _name(value: Any, names: dict[object, str]) -> str:
    """JSON text of the first value seen that counts as the same."""
    text = json.dumps(value, ensure_ascii=False)
    key = (normalised(value),) if isinstance(value, str) else text
    return names.setdefault(key, text)


def filled(
    bench: Bench, answers: Mapping[str, Sequence[str]], *, seconds: float = 0.0
) -> list[Outcome]:
    """One JSON object per test row from the names chosen for each field, row by row."""
    lines = [
        {path: json.loads(names[index]) for path, names in answers.items() if names[index]}
        for index in range(len(bench.rows))
    ]
    return [
        Outcome(index, row.target(), json.dumps(nested(line), ensure_ascii=False), seconds=seconds)
        for index, (row, line) in enumerate(zip(bench.rows, lines, strict=True))
    ]


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Nested objects from dotted paths; a path that leads through a plain value stays as it is."""
    found: dict[str, Any] = {}
    for path, value in fields.items():
        *parents, last = path.split(".")
        place: Any = found
        for key in parents:
            place = place.setdefault(key, {}) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.setdefault(last, value)
        else:
            found[path] = value
    return found
