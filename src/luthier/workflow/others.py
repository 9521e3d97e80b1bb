"""Models beside the one that learns: compared by their tokens, opened when they are looked at."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from luthier.core.errors import RecipeError
from luthier.models import today
from luthier.models.blueprint import blueprint
from luthier.models.bundle import Bundle, Codec, Source
from luthier.models.codec import open_codec
from luthier.models.load import open_model
from luthier.models.sources import fetch
from luthier.objectives import Objective, Other, View, others_of
from luthier.recipe.schema import Recipe
from luthier.workflow.device import device_name
from luthier.workflow.opening import compute_dtype


def find_others(objective: Objective, codec: Codec) -> dict[str, Source]:
    """Where the models are that the objective's settings name, by role. No weights are read.

    Raises: RecipeError: the tokens of one are not those of the model that learns.
    """
    found: dict[str, Source] = {}
    for role, other in others_of(objective).items():
        found[role] = fetch(other.model)
        refuse_other_tokens(open_codec(found[role].folder), codec, role=role, other=other)
    return found


def refuse_other_tokens(theirs: Codec, ours: Codec, *, role: str, other: Other) -> None:
    """Nothing, when both have the same tokens with the same numbers.

    Raises: RecipeError: they differ; what a model says of other tokens says nothing of these.
    """
    their_tokens, our_tokens = theirs.tokenizer.get_vocab(), ours.tokenizer.get_vocab()
    if their_tokens == our_tokens:
        return
    differing = sorted(
        token
        for token in their_tokens.keys() | our_tokens.keys()
        if their_tokens.get(token) != our_tokens.get(token)
    )
    first = differing[0]
    new = " What tuner.tokens adds it has not." if their_tokens.items() < our_tokens.items() else ""
    raise RecipeError(
        f"recipe objective.{role}: {other.model} has other tokens than the model that learns: "
        f"{len(their_tokens)} and {len(our_tokens)}, {len(differing)} of them differ, such as "
        f"{first!r} (number {their_tokens.get(first, 'none')} and {our_tokens.get(first, 'none')})."
        f" Distributions over different tokens cannot be compared.{new} {other.instead}"
    )


def refuse_short(others: Mapping[str, Source], max_length: int) -> None:
    """Nothing, when each of the models reads rows of so many tokens.

    Raises: RecipeError: one was made for fewer; what it says of later ones is noise.
    """
    for role, source in others.items():
        context = blueprint(source.folder).facts.context_length
        if context < max_length:
            raise RecipeError(
                f"recipe objective.{role}: {source.reference} reads at most {context} tokens, and "
                f"rows of up to {max_length} are to be learned. Make them shorter (training."
                f"max_length={context} and data.on_overflow; objective.max_new_tokens where the "
                "model writes), or name a model with a longer context."
            )


@contextmanager
def asked(sources: Mapping[str, Source], recipe: Recipe) -> Generator[dict[str, View]]:
    """Views of the models, each opened at the first look and gone at the end."""
    opened: dict[str, list[Bundle]] = {role: [] for role in sources}
    try:
        yield {role: view_of(source, recipe, opened[role]) for role, source in sources.items()}
    finally:
        for held in opened.values():
            held.clear()


def view_of(source: Source, recipe: Recipe, held: list[Bundle]) -> View:
    """A view of a model, which is opened at the first look.

    Args: held: empty; holds the model from then on.
    """

    @contextmanager
    def view() -> Generator[Bundle]:
        if not held:
            found = open_model(
                source.reference,
                kinds=frozenset({"causal_lm"}),
                dtype=compute_dtype(recipe),
                device=device_name(),
            )
            today.tell(found.codec.tokenizer, recipe.data.today)
            held.append(found)
        yield held[0]

    return view
