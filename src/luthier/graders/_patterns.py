"""Validators of JSON Schema whose patterns have a limit of time.

Source: JSON Schema, draft 2020-12, sections 6.3.3 (pattern), 10.3.2.2 (patternProperties) and
10.3.2.3 (additionalProperties).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import regex
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

SECONDS = 1.0
"""A pattern that takes longer on one text would hold up training."""


@cache
def limited(kind: Any) -> Any:
    """The validator class of a draft, in which a pattern that takes too long raises
    `TimeoutError`."""
    rest_of = kind.VALIDATORS.get("additionalProperties")

    def others(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not validator.is_type(instance, "object"):
            return
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        rest = {
            name: value
            for name, value in instance.items()
            if name not in known and not any(_fits(pattern, name) for pattern in patterns)
        }
        yield from rest_of(validator, rule, rest, {}) or ()

    mine = {"pattern": _pattern, "patternProperties": _named, "additionalProperties": others}
    return extend(kind, {name: rule for name, rule in mine.items() if name in kind.VALIDATORS})


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    del schema
    if validator.is_type(instance, "string") and not _fits(pattern, instance):
        yield ValidationError(f"does not match {pattern!r}")


def _named(validator: Any, rules: Mapping[str, Any], instance: Any, schema: Any) -> Iterator[Any]:
    del schema
    if not validator.is_type(instance, "object"):
        return
    pairs = ((pattern, name) for pattern in rules for name in instance if _fits(pattern, name))
    for pattern, name in pairs:
        yield from validator.descend(instance[name], rules[pattern], path=name, schema_path=pattern)


def _fits(pattern: str, text: str) -> bool:
    try:
        return regex.search(pattern, text, timeout=SECONDS) is not None
    except TimeoutError:
        raise TimeoutError(
            f"pattern {pattern!r} took more than {SECONDS:g} s on a text of {len(text)} characters"
        ) from None
