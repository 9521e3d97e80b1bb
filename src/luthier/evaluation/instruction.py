"""A good system prompt for a task, written from the shape of its training answers."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from luthier.evaluation.outcome import Frame
from luthier.evaluation.text import json_object, leaves, normalised

MAX_VALUES = 20
"""A JSON field with no more different values than this has them listed."""


def instruction_for(frame: Frame, answers: Sequence[str]) -> str:
    """What a careful user would tell the untrained model about the answers wanted."""
    if frame.is_json:
        return _json(answers)
    if frame.classes:
        names = ", ".join(frame.classes)
        return f"Answer with exactly one of these and nothing else: {names}."
    words = int(median([len(answer.split()) for answer in answers] or [50]))
    return f"Answer the user directly, in about {max(1, words)} words. Give only the answer."


def _json(answers: Sequence[str]) -> str:
    found: dict[str, list[Any]] = {}
    parsed = [item for item in map(json_object, answers) if item is not None]
    for item in parsed:
        for path, value in leaves(item).items():
            found.setdefault(path, []).append(value)
    lines = [f'- "{path}": {_field(values)}' for path, values in found.items()]
    head = "Answer with one JSON object and nothing else. It has these keys:"
    return "\n".join([head, *lines])


def _field(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values}
    if kinds <= {bool}:
        return "true or false"
    if kinds <= {int, float}:
        return "a number"
    if kinds <= {list}:
        return "a list"
    if not kinds <= {str}:
        return "text, or null where there is none"
    names = {normalised(value): value for value in values}
    if is_few(len(names), len(values)):
        return "one of " + ", ".join(f'"{names[key]}"' for key in sorted(names))
    return f"text of about {int(median(len(value.split()) for value in values))} words"


def is_few(num_different: int, num_values: int) -> bool:
    """A field with so many different values is filled from a list, not written."""
    return num_different <= MAX_VALUES and num_different * 3 <= num_values
