"""What a settings field accepts, in words, and where in nested settings a problem is."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    NoneType: "nothing",
}
_BOUNDS = (
    (Ge, "ge", "of at least"),
    (Gt, "gt", "above"),
    (Le, "le", "at most"),
    (Lt, "lt", "below"),
)


def expectation(field: FieldInfo, *, is_inside: bool = False) -> str:
    """Such as "a number of at least 0 and below 1", or "a whole number or auto".

    Args: is_inside: it is said of the value of a key, where the field has keys with values.
    """
    if is_inside and get_origin(field.annotation) is dict:
        return in_words(get_args(field.annotation)[1])
    return _bounded(in_words(field.annotation), field.metadata)


def in_words(annotation: Any) -> str:
    """A type as a user would say it."""
    origin, members = get_origin(annotation), get_args(annotation)
    if origin is None and annotation in _WORDS:
        return _WORDS[annotation]
    if origin is Annotated:
        rules = [rule for said in members[1:] for rule in getattr(said, "metadata", [said])]
        return _bounded(in_words(members[0]), rules)
    if annotation is bool:
        return "true or false"
    if origin in (Union, UnionType):
        words = ["true, false" if member is bool else in_words(member) for member in members]
        return _either(words)
    if origin is Literal:
        return _either([_said(member) for member in members])
    if origin in (list, tuple, set, frozenset):
        items = [member for member in members if member is not Ellipsis]
        return f"a list of {in_words(items[0])}" if items else "a list"
    if origin is dict or annotation is dict or _model_in(annotation) is not None:
        return "keys with values"
    return "another value"


def _said(value: Any) -> str:
    """A value as it is written in a recipe."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def user_place(config: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """pydantic's location without the union members and key marks that no user ever typed."""
    place: list[str] = []
    here: Any = config
    for part in loc:
        model = _model_in(here)
        member = _member_in(here, part)
        if member is not None:
            here = member
        elif model is not None:
            place.append(str(part))
            known = model.model_fields.get(str(part))
            here = known.annotation if known is not None else None
        elif here is None or _holds(here, part):
            place.append(str(part))
            here = None if here is None else _item_of(here) if isinstance(part, int) else Any
    return tuple(place)


def field_at(config: type[BaseModel], place: tuple[str, ...]) -> FieldInfo | None:
    """The field that a place names; the container's field for a place inside a list or mapping."""
    field: FieldInfo | None = None
    model: type[BaseModel] | None = config
    for part in place:
        if model is None:
            return field
        if field is not None and part.isdigit():  # one of a list of sections
            continue
        field = model.model_fields.get(part)
        model = _section_in(field.annotation) if field is not None else None
    return field


def fields_at(config: type[BaseModel], place: tuple[str, ...]) -> list[str]:
    """Names of the fields of the section that a place names."""
    if not place:
        return list(config.model_fields)
    field = field_at(config, place)
    model = _section_in(field.annotation) if field is not None else None
    return list(model.model_fields) if model is not None else []


def _bounded(words: str, rules: Sequence[Any]) -> str:
    bounds = [
        f"{word} {getattr(rule, name)}"
        for rule in rules
        for kind, name, word in _BOUNDS
        if isinstance(rule, kind)
    ]
    return " ".join(part for part in (words, " and ".join(bounds)) if part)


def _either(words: list[str]) -> str:
    words = list(dict.fromkeys(words))
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _holds(annotation: Any, part: int | str) -> bool:
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else [annotation]
    kinds = [get_origin(member) or member for member in members]
    if isinstance(part, int):
        return any(kind in (list, tuple, set, frozenset) for kind in kinds)
    return dict in kinds and part != "[key]" and not part.startswith(("dict[", "list[", "literal["))


def _member_in(annotation: Any, part: int | str) -> Any:
    """The member of a union with a section that pydantic names by its type."""
    if get_origin(annotation) not in (Union, UnionType) or _model_in(annotation) is None:
        return None
    return next((one for one in get_args(annotation) if getattr(one, "__name__", "") == part), None)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else [annotation]
    for member in members:
        if isinstance(member, type) and issubclass(member, BaseModel):
            return member
    return None


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The section that a field is, or that each item of its list is."""
    return _model_in(annotation) or _model_in(_item_of(annotation))


def _item_of(annotation: Any) -> Any:
    """What a list holds; anything where it does not say."""
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else [annotation]
    kinds = (get_args(member)[:1] for member in members if get_origin(member) in (list, tuple))
    return next((kind[0] for kind in kinds if kind), Any)
