"""`best:K`: the K parts of a model that the loss depends on most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from luthier.core.errors import RecipeError

BEST = "best:"


def number_of(target: object) -> int:
    """K of "best:K"; 0 for any other target.

    Raises: RecipeError: K is no number above 0, or it stands in a list.
    """
    items = cast("list[object]", target) if isinstance(target, list) else []
    if found := [item for item in items if isinstance(item, str) and item.startswith(BEST)]:
        raise RecipeError(
            f"recipe tuner.target: got '{found[0]}' in a list, expected it by itself "
            f"(tuner.target = {found[0]}), or names of layers"
        )
    if not isinstance(target, str) or not target.startswith(BEST):
        return 0
    text = target.removeprefix(BEST)
    if not text.isdigit() or not int(text):
        raise RecipeError(
            f"recipe tuner.target: got '{target}', expected best: and a number above 0, as best:24"
        )
    return int(text)


def meant(target: str | list[str], chosen: list[str] | str) -> str | list[str]:
    """The target itself, or of best:K the layers that were chosen.

    Raises: RecipeError: none were.
    """
    if not number_of(target):
        return target
    if isinstance(chosen, str):
        raise RecipeError(
            f"recipe tuner.target: {target} is measured on training rows, and there are none here. "
            "Name the layers in tuner.chosen."
        )
    return chosen


def refuse_more(number: int, available: int) -> None:
    """Raises: RecipeError: there are not so many parts."""
    if number > available:
        raise RecipeError(
            f"recipe tuner.target: got best:{number}, but there are {available} to choose from"
        )


def best(relevance: Mapping[str, float], number: int) -> tuple[list[str], str]:
    """The `number` parts of the highest relevance, in the order of the model, and why these."""
    order = sorted(relevance, key=lambda name: -relevance[name])
    chosen = set(order[:number])
    low = relevance[order[number - 1]]
    left = f", others at most {relevance[order[number]]:.3g}" if number < len(order) else ""
    why = (
        f"largest gradients of {len(relevance)}: {relevance[order[0]]:.3g} ({order[0]}) to "
        f"{low:.3g}{left}"
    )
    return [name for name in relevance if name in chosen], why
