"""Strict settings: frozen pydantic models whose problems are reported all at once, in one line each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from luthier.core.errors import RecipeError
from luthier.core.hints import did_you_mean

Auto = Literal["auto"]
"""A setting that is chosen from the data, the model and the machine, and recorded with its reason."""


class ComponentConfig(BaseModel):
    """Settings of one section or component: frozen, unknown keys refused, docstrings are descriptions."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )


C = TypeVar("C", bound=BaseModel)


def build(config: type[C], values: Mapping[str, Any], *, where: str) -> C:
    """`values` as a validated config.

    Args: where: the dotted place of these values in the recipe, used in messages.
    Raises: RecipeError: every problem, one line each, with the nearest known key.
    """
    try:
        return config.model_validate(dict(values))
    except ValidationError as error:
        raise RecipeError("\n".join(problems(config, error, where=where))) from None


def problems(config: type[BaseModel], error: ValidationError, *, where: str) -> list[str]:
    """One line per problem: place, what came, what was expected."""
    lines: list[str] = []
    for item in error.errors():
        place = ".".join([where, *(str(part) for part in item["loc"] if _is_key(part))]).strip(".")
        if item["type"] == "extra_forbidden":
            known = _fields_at(config, item["loc"][:-1])
            lines.append(f"recipe {place}: unknown key{did_you_mean(str(item['loc'][-1]), known)}")
        else:
            text = item["msg"][0].lower() + item["msg"][1:]
            lines.append(f"recipe {place}: got {item['input']!r}; {text}")
    return list(dict.fromkeys(lines))


def _is_key(part: object) -> bool:
    # pydantic adds the member of a union to the place; a user never typed it
    return isinstance(part, int) or (str(part).isidentifier() and not str(part)[0].isupper())


def _fields_at(config: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    here: Any = config
    for part in loc:
        if not (isinstance(here, type) and issubclass(here, BaseModel)):
            break
        if part not in here.model_fields:
            continue
        here = _model_in(here.model_fields[str(part)].annotation)
    return list(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


def _model_in(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, type(int | str)):
        for member in get_args(annotation):
            if isinstance(member, type) and issubclass(member, BaseModel):
                return member
    return annotation
