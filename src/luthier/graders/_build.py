"""A grader from what a recipe says of it, and whether it can grade some rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from luthier.core.config import build, shown
from luthier.core.errors import DataError, RecipeError
from luthier.core.hints import did_you_mean
from luthier.graders._registry import graders
from luthier.graders.contract import Answer, Grader


def build_grader(values: Mapping[str, Any], *, where: str = "grader") -> Grader:
    """The grader called `values["name"]`, or in the Python file of that name, with its settings.

    Raises: RecipeError: unknown grader, or every problem with its settings.
    """
    name = values.get("name")
    if not isinstance(name, str) or not name:
        known = ", ".join(graders.names())
        raise RecipeError(
            f"recipe {where}.name: got {shown(name)}, expected the name of a grader ({known})"
        )
    if name.endswith(".py"):
        values, name = {"path": name, **values}, "python"
    if name.replace("-", "_") not in graders.names():
        hint = did_you_mean(name, graders.names())
        raise RecipeError(f"recipe {where}.name: got {shown(name)}, unknown grader{hint}")
    kind = graders.get(name)
    said = {key: value for key, value in values.items() if key != "name"}
    return kind(build(kind.Config, said, where=where))


def weight_of(value: Any, *, where: str) -> float:
    """A weight above 0.

    Raises: RecipeError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise RecipeError(f"recipe {where}.weight: got {shown(value)}, expected a number above 0")
    return float(value)


def check_grader(grader: Grader, rows: Sequence[Answer]) -> list[str]:
    """What a user should know before `grader` is used on these rows.

    Raises: DataError: a reference is needed and missing. LuthierError: as the grader says.
    """
    if grader.needs_reference:
        bare = [row for row in rows if not row.reference.strip()]
        if bare:
            name = type(grader).__module__.rpartition(".")[2]
            raise DataError(
                f"{bare[0].origin}: no right answer, which grader '{name}' compares with "
                f"({len(bare)} of {len(rows)} rows have none).\n"
                "    Name the column that holds it: data.columns = {reference: NAME}"
            )
    return grader.check(rows)
