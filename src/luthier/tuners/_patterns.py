"""Values that hold for some layers only, by patterns of their names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

from luthier.core.errors import RecipeError
from luthier.core.hints import did_you_mean

T = TypeVar("T")


def value_for(name: str, patterns: Mapping[str, T], default: T) -> T:
    """The value of the first pattern that means the layer `name`; otherwise `default`."""
    pattern = pattern_for(name, patterns)
    return default if pattern is None else patterns[pattern]


def pattern_for(name: str, patterns: Iterable[str]) -> str | None:
    """The first pattern that means the layer `name`.

    A pattern is the end of a name from a dot on, a glob of a whole name, or, as in PEFT, a regular
    expression for such an end: whichever of these means it.
    """
    return next((pattern for pattern in patterns if _means(pattern, name)), None)


def check(patterns: Iterable[str], names: Collection[str], *, where: str) -> None:
    """Raises: RecipeError: a pattern that means none of the layers, or cannot be read."""
    for pattern in patterns:
        try:
            is_of_use = any(_means(pattern, name) for name in names)
        except re.error as error:
            raise RecipeError(
                f"recipe {where}: '{pattern}' is no regular expression: {error}"
            ) from None
        if not is_of_use:
            hint = did_you_mean(pattern, {name.rpartition(".")[2] for name in names})
            raise RecipeError(f"recipe {where}: '{pattern}' means none of the adapted layers{hint}")


def shortest(values: Mapping[str, T], default: T) -> dict[str, T]:
    """Patterns that give every layer its value, without those that have `default`: last parts of
    names where all layers that end so agree, else whole names."""
    by_leaf: dict[str, set[T]] = {}
    for name, value in values.items():
        by_leaf.setdefault(name.rpartition(".")[2], set()).add(value)
    found: dict[str, T] = {}
    for name, value in values.items():
        leaf = name.rpartition(".")[2]
        if value != default:
            found[leaf if len(by_leaf[leaf]) == 1 else name] = value
    return found


def _means(pattern: str, name: str) -> bool:
    if pattern == name or name.endswith("." + pattern):
        return True
    is_glob = any(sign in pattern for sign in "*?[")
    if is_glob and fnmatchcase(name, pattern):
        return True
    try:
        return re.match(rf"(.*\.)?({pattern})$", name) is not None
    except re.error:
        if is_glob:  # such as *.self_attn.*
            return False
        raise
