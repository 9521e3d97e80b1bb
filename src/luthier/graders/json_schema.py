"""The completion is JSON of a given schema.

Source: JSON Schema, draft 2020-12 unless the schema names another ($schema).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for
from pydantic import Field, model_validator
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, specification_with

from luthier.core.answers import FENCE, is_same, json_object, leaves
from luthier.core.config import ComponentConfig
from luthier.core.errors import DataError, RecipeError
from luthier.graders._patterns import limited
from luthier.graders._registry import graders
from luthier.graders.contract import Answer, Score

_KNOWN = ("http://json-schema.org/", "https://json-schema.org/")
"""Schemas of schemas, which come with the library."""


class Config(ComponentConfig):
    """The schema, and what besides validity counts."""

    rules: dict[str, Any] = Field(default_factory=dict[str, Any])
    """The schema itself, such as {type: object, required: [name]}."""
    file: str = ""
    """A file with the schema, instead of `rules`."""
    column: str = ""
    """Column of the rows with a schema for each, instead of `rules`."""
    fence: Literal["allowed", "refused"] = "allowed"
    """Whether JSON may stand in one code fence."""
    values: float = Field(0.0, ge=0, le=1)
    """Share of the score that right values earn: fields equal to those of the reference."""

    @model_validator(mode="after")
    def _one_schema(self) -> Self:
        if sum(map(bool, (self.rules, self.file, self.column))) != 1:
            raise ValueError("expected one of rules, file and column, which says the schema")
        if self.rules:
            try:
                _check_schema(self.rules)
            except SchemaError as error:
                raise ValueError(f"rules are no JSON Schema: {_why(error)}") from None
            except Unresolvable as error:
                raise ValueError(f"rules: {_unresolved(error)}") from None
        return self


@graders.add
class JsonSchema:
    """1 where the completion is JSON that the schema allows; with `values` partly also how many
    fields are those of the reference. What is no JSON scores 0."""

    Config = Config
    needs_reference: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self._validators: dict[str, Any] = {}

    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0

    def check(self, rows: Sequence[Answer]) -> list[str]:
        """Raises: RecipeError: the file holds no schema. DataError: a row holds none, or no JSON
        object to compare values with."""
        if not self.config.column:
            self._validator(None)
        for row in rows:
            if self.config.column:
                self._validator(row)
            if self.config.values and json_object(row.reference) is None:
                raise DataError(
                    f"{row.origin}: the right answer {row.reference[:60]!r} is no JSON object, "
                    "which grader json_schema.values compares with. Correct it, or set values to 0"
                )
        return []

    def grade(self, answers: Sequence[Answer]) -> list[Score]:
        return [self._score(item) for item in answers]

    def files(self) -> list[Path]:
        return [Path(self.config.file).expanduser()] if self.config.file else []

    def close(self) -> None:
        """Nothing is open."""

    def _score(self, item: Answer) -> Score:
        found, is_json = _value(item.completion, fenced=self.config.fence == "allowed")
        valid = float(is_json and self._allows(item, found))
        if not self.config.values:
            return Score(valid)
        right = _right_share(found, item.reference) if is_json else 0.0
        share = self.config.values
        return Score((1 - share) * valid + share * right, parts={"valid": valid, "values": right})

    def _allows(self, item: Answer, found: Any) -> bool:
        try:
            return bool(self._validator(item).is_valid(found))
        except Unresolvable as error:  # behind a reference into a part that is no schema by itself
            raise RecipeError(f"grader json_schema ({item.origin}): {_unresolved(error)}") from None
        except TimeoutError as error:
            raise RecipeError(
                f"grader json_schema ({item.origin}): {error}. Nested repeats such as (a|aa)+ do "
                "that; write it without them"
            ) from None
        except RecursionError:  # nested as deep as the schema allows, which may be without end
            return False

    def _validator(self, item: Answer | None) -> Any:
        column = self.config.column
        given: Any = item.fields.get(column) if item is not None and column else self.config.rules
        key = json.dumps(given, sort_keys=True) if column else ""
        if key not in self._validators:
            where = f"{item.origin}, {column}" if item is not None and column else "grader"
            self._validators[key] = self._read(given, where)
        return self._validators[key]

    def _read(self, given: Any, where: str) -> Any:
        kind = DataError if self.config.column else RecipeError
        if self.config.file:
            where = self.config.file
            given = _file(Path(self.config.file).expanduser())
        try:
            schema = json.loads(given) if isinstance(given, str) else given
            if not isinstance(schema, Mapping):
                raise kind(f"{where}: got {str(given)[:60]!r}, expected a JSON Schema")
            return _check_schema(schema)
        except SchemaError as error:
            raise kind(f"{where}: no JSON Schema: {_why(error)}") from None
        except Unresolvable as error:
            raise kind(f"{where}: {_unresolved(error)}") from None
        except json.JSONDecodeError as error:
            raise kind(f"{where}: got {str(given)[:60]!r}, expected JSON ({error})") from None


def _check_schema(schema: Mapping[str, Any]) -> Any:
    """Its validator, which asks no other machine. Raises: SchemaError, Unresolvable."""
    kind: Any = validator_for(dict(schema))
    kind.check_schema(schema)
    dialect = specification_with(str(kind.ID_OF(kind.META_SCHEMA)), default=DRAFT202012)
    whole = dialect.create_resource(schema)
    nowhere: Registry[Any] = Registry()
    _resolve(whole, nowhere.resolver_with_root(whole))
    own = deepcopy(dict(schema))
    names = _unname(dialect.create_resource(own), kind)
    if {"patternProperties", "unevaluatedProperties"} <= names:
        raise SchemaError(
            "unevaluatedProperties beside patternProperties, whose patterns would have no limit of "
            "time then. Say additionalProperties, or name the properties"
        )
    return limited(kind)(own, registry=nowhere)


def _unname(part: Any, kind: Any) -> set[str]:
    """All keywords of a schema, out of which the draft is taken where it is the same anyway: for a
    part that names one the library takes its own validator, whose patterns have no limit."""
    held: Any = part.contents
    if isinstance(held, dict) and "$schema" in held and validator_for(held, default=kind) is kind:
        del held["$schema"]
    own: set[str] = set(held) if isinstance(held, dict) else set()
    return own.union(*(_unname(smaller, kind) for smaller in part.subresources()))


def _resolve(part: Any, resolver: Any) -> None:
    """Nothing, when every reference in a part of a schema leads somewhere.

    Raises: Unresolvable.
    """
    held: Any = part.contents
    reference = held.get("$ref") if isinstance(held, Mapping) else None
    if isinstance(reference, str) and not reference.startswith(_KNOWN):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            raise Unresolvable(ref=reference) from None  # as it is written
    for smaller in part.subresources():
        _resolve(smaller, resolver.in_subresource(smaller))


def _unresolved(error: Unresolvable) -> str:
    return (
        f"$ref {error.ref!r} leads nowhere in the schema, and nothing is fetched from elsewhere. "
        "Correct it, or copy what it means into $defs"
    )


def _why(error: SchemaError) -> str:
    place = "".join(f".{part}" for part in error.absolute_path)
    return f"{place.removeprefix('.') or 'schema'}: {error.message}"


def _file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RecipeError(f"{path}: the schema cannot be read ({reason})") from None


def _value(text: str, *, fenced: bool) -> tuple[Any, bool]:
    """The JSON value that `text` is, or that its only code fence holds."""
    fences = FENCE.findall(text) if fenced else []
    for candidate in (text, *(fences if len(fences) == 1 else ())):
        try:
            return json.loads(candidate, parse_constant=_refused), True
        except (ValueError, RecursionError):
            continue
    return None, False


def _refused(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _right_share(found: Any, reference: str) -> float:
    wanted = leaves(json_object(reference) or {})
    said = leaves(found) if isinstance(found, dict) else {}
    right = sum(name in said and is_same(said[name], value) for name, value in wanted.items())
    return right / max(1, len(wanted.keys() | said.keys()))
