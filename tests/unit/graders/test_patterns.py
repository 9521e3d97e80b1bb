"""Patterns of a JSON Schema have a limit of time, wherever they stand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from luthier.core.errors import RecipeError
from luthier.graders import Answer, build_grader

ENDLESS = "^(a|aa)+$"
TEXT = "a" * 40 + "!"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
NESTED = {"$schema": DRAFT, "items": {"$ref": "#"}, "pattern": ENDLESS}
NAMES: dict[str, Any] = {"propertyNames": {"pattern": ENDLESS}}
OF_NAMES: dict[str, Any] = {"patternProperties": {ENDLESS: {"type": "integer"}}}
DEEP = {"$schema": DRAFT, "type": "object", "additionalProperties": {"$ref": "#"}}
OTHERS: dict[str, Any] = {"additionalProperties": False, **OF_NAMES}


def allowed(value: Any, rules: dict[str, Any]) -> bool:
    grader = build_grader({"name": "json_schema", "rules": rules})
    item = Answer(messages=(), completion=json.dumps(value), origin="rows.jsonl line 4")
    return bool(grader.grade([item])[0].value)


@pytest.mark.parametrize(
    ("value", "rules"),
    [
        (TEXT, {"pattern": ENDLESS}),
        ([TEXT], {"items": {"$schema": DRAFT, "pattern": ENDLESS}}),
        ([TEXT], NESTED),
        ({TEXT: 1}, NAMES),
        ({TEXT: 1}, OF_NAMES),
        ({TEXT: 1}, OTHERS),
        ({TEXT: 1}, {"$schema": "http://json-schema.org/draft-07/schema#", **OTHERS}),
    ],
)
def test_a_pattern_without_end_is_refused_by_name(
    value: Any, rules: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("luthier.graders._patterns.SECONDS", 0.1)
    with pytest.raises(RecipeError, match=r"line 4\): pattern '\^\(.* more than 0.1 s on a text"):
        allowed(value, rules)


@pytest.mark.parametrize(
    ("value", "rules", "expected"),
    [
        ("ab-c", {"pattern": "^([a-z]+-?)+$"}, True),
        ("AB", {"pattern": "^([a-z]+-?)+$"}, False),
        (3, {"pattern": "^a"}, True),
        ({"x1": 1, "y": "z"}, {"patternProperties": {"^x": {"type": "integer"}}}, True),
        ({"x1": "1"}, {"patternProperties": {"^x": {"type": "integer"}}}, False),
        ([3], {"patternProperties": {"^x": False}, "additionalProperties": False}, True),
        ({"aa": 1, "x": 2}, {"properties": {"x": {}}, **OTHERS}, True),
        ({"x": 1}, OTHERS, False),
        ({"b": 1}, {"properties": {"a": {}}, "additionalProperties": {"type": "string"}}, False),
        ({"b": 1}, {"properties": {"a": {}}, "additionalProperties": True}, True),
        ({"a": {"b": 1}}, DEEP, False),
        ({"a": {"b": {}}}, DEEP, True),
        ({"$schema": "x"}, {"properties": {"$schema": {"const": "x"}}}, True),
    ],
)
def test_patterns_mean_what_they_say(value: Any, rules: dict[str, Any], *, expected: bool) -> None:
    assert allowed(value, rules) == expected


def test_what_cannot_be_limited_is_refused_before_anything_is_graded() -> None:
    rules = {"unevaluatedProperties": False, "patternProperties": {"^x": {}}}
    with pytest.raises(RecipeError, match="Say additionalProperties, or name the properties"):
        build_grader({"name": "json_schema", "rules": rules})
    assert not allowed({"b": 1}, {"unevaluatedProperties": False, "properties": {"a": {}}})
