"""Strict settings: frozen pydantic models whose problems are all reported at once, a line each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from luthier.core.errors import RecipeError
from luthier.core.expectation import expectation, field_at, fields_at, user_place
from luthier.core.hints import did_you_mean

Auto = Literal["auto"]
"""A setting chosen from the data, the model and the machine, and recorded with its reason."""


class ComponentConfig(BaseModel):
    """Settings of a section or component: frozen, no unknown keys, docstrings are descriptions."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with some settings: the place as a user would type it, and the rest."""

    place: tuple[str, ...]
    text: str


C = TypeVar("C", bound=BaseModel)


def build(config: type[C], values: Mapping[str, Any], *, where: str) -> C:
    """`values` as a validated config. Types are strict: no "3" for 3, no true for 1.

    Args: where: the dotted place of these values in the recipe, used in messages.
    Raises: RecipeError: every problem, one line each, with the nearest known key.
    """
    try:
        return validate(config, values)
    except ValidationError as error:
        raise RecipeError("\n".join(problems(config, error, where=where))) from None


def validate(config: type[C], values: Mapping[str, Any]) -> C:
    """`values` as a validated config.

    Raises: ValidationError: pydantic's own; `find_problems` turns it into sentences.
    """
    # strict rules for JSON, not for Python objects: there a list may still become a tuple
    return config.model_validate_json(json.dumps(dict(values), default=str), strict=True)


def problems(config: type[BaseModel], error: ValidationError, *, where: str) -> list[str]:
    """One line per problem: place, what came, what was expected."""
    lines: list[str] = []
    for problem in find_problems(config, error):
        place = ".".join([part for part in (where, *problem.place) if part])
        lines.append(f"recipe {place}: {problem.text}")
    return lines


def find_problems(config: type[BaseModel], error: ValidationError) -> list[Problem]:
    """One problem per place, whatever number of union members pydantic tried there."""
    found: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for item in error.errors():
        found.setdefault(user_place(config, item["loc"]), []).append(item)
    # what is wrong inside a value is not said of the whole of it once more
    whole = {place[:length] for place in found for length in range(len(place))}
    problems = ((place, items) for place, items in found.items() if place not in whole)
    return [Problem(place, _text(config, place, items)) for place, items in problems]


def shown(value: object) -> str:
    """A value as a message quotes it: short, on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _text(config: type[BaseModel], place: tuple[str, ...], items: list[ErrorDetails]) -> str:
    kinds = {item["type"] for item in items}
    if "extra_forbidden" in kinds:
        return f"unknown key{did_you_mean(place[-1], fields_at(config, place[:-1]))}"
    field = field_at(config, place)
    if "missing" in kinds:
        meaning = f"; {field.description}" if field is not None and field.description else ""
        return f"missing{meaning}"
    got = f"got {shown(items[0]['input'])}"
    for item in items:
        if item["type"] == "value_error":
            return f"{got}, {item['msg'].removeprefix('Value error, ')}"
    if field is not None:
        is_inside = field_at(config, place[:-1]) is field
        return f"{got}, expected {expectation(field, is_inside=is_inside)}"
    return f"{got}; {items[0]['msg'][0].lower()}{items[0]['msg'][1:]}"


def defaults_of(config: type[ComponentConfig]) -> dict[str, Any]:
    """What a section holds, ready for JSON, where nothing is said; without what must be said."""
    fields = config.model_fields.items()
    values = {
        name: field.get_default(call_default_factory=True)
        for name, field in fields
        if not field.is_required()
    }
    return config.model_construct(**values).model_dump(mode="json", include=set(values))
