"""The model that an objective learns from: compared by its tokenizer, opened while it is asked."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from luthier.core.errors import RecipeError
from luthier.models import today
from luthier.models.bundle import Bundle, Codec, Source
from luthier.models.codec import open_codec
from luthier.models.load import open_model
from luthier.models.sources import fetch
from luthier.objectives import Objective, View, needed
from luthier.recipe.schema import Recipe
from luthier.workflow.device import device_name
from luthier.workflow.opening import compute_dtype

ROLE = "teacher"


def find_teacher(objective: Objective, codec: Codec) -> Source | None:
    """Where the teacher is; None where the objective asks none. No weights are read.

    Raises: RecipeError: its tokens are not those of the model.
    """
    if ROLE not in needed(objective):
        return None
    source = fetch(objective.config.teacher)
    refuse_other_tokens(open_codec(source.folder), codec, name=objective.config.teacher)
    return source


def refuse_other_tokens(teacher: Codec, student: Codec, *, name: str) -> None:
    """Nothing, when both have the same tokens with the same numbers.

    Raises: RecipeError: they differ; a distribution over other tokens says nothing.
    """
    theirs, ours = teacher.tokenizer.get_vocab(), student.tokenizer.get_vocab()
    if theirs == ours:
        return
    differing = sorted(
        token for token in theirs.keys() | ours.keys() if theirs.get(token) != ours.get(token)
    )
    first = differing[0]
    raise RecipeError(
        f"recipe objective.teacher: {name} has other tokens than the model that learns: "
        f"{len(theirs)} and {len(ours)}, {len(differing)} of them differ, such as {first!r} "
        f"(number {theirs.get(first, 'none')} and {ours.get(first, 'none')}). Distributions over "
        "different tokens cannot be compared. Use a teacher of the same family, or let this one "
        "write answers (luthier answer FILE --model TEACHER --output NEW) and learn those with "
        "objective=sft."
    )


@contextmanager
def asked(source: Source | None, recipe: Recipe) -> Generator[View | None]:
    """A view of the teacher, which is opened at the first look and gone at the end."""
    if source is None:
        yield None
        return
    opened: list[Bundle] = []

    @contextmanager
    def view() -> Generator[Bundle]:
        if not opened:
            found = open_model(
                source.reference,
                kinds=frozenset({"causal_lm"}),
                dtype=compute_dtype(recipe),
                device=device_name(),
            )
            today.tell(found.codec.tokenizer, recipe.data.today)
            opened.append(found)
        yield opened[0]

    try:
        yield view
    finally:
        opened.clear()
