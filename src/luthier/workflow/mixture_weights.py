"""How many rows of each other source an update takes: as they say, or from how many they have."""

from __future__ import annotations

from collections.abc import Sequence

from luthier.core.errors import RecipeError
from luthier.recipe.data_section import MixtureSource
from luthier.recipe.resolve import Settled

_KEY, _TEMPERATURE = "data.mixture_weights", "data.mixture_temperature"


def settle_weights(
    settled: Settled, sources: Sequence[MixtureSource], *, num_rows: int, sizes: Sequence[int]
) -> list[float]:
    """Rows of each source for every row of train.

    With a temperature T these are weight * (rows of it / rows of train) ** (1 / T): 1 mixes by
    size, and the higher T is, the more alike the sources are. Source: Raffel et al. 2020,
    arXiv:1910.10683, section 3.5.2, relative to train; without their limit to sizes.
    Raises: RecipeError: a temperature without sources, or other weights beside it; not one weight
        for each source.
    """
    temperature = float(settled.get(_TEMPERATURE))
    if temperature and not sources:
        raise RecipeError(
            f"recipe {_TEMPERATURE}: got {temperature:g}, but data.mixture names no source to weigh"
            ". Name some, or leave it out"
        )
    weights, why = [source.weight for source in sources], "as the sources say"
    if temperature:
        pairs = zip(weights, sizes, strict=True)
        weights = [weight * (size / num_rows) ** (1 / temperature) for weight, size in pairs]
        shown = ", ".join(f"{size:,}" for size in sizes)
        why = f"temperature {temperature:g}, {shown} rows beside {num_rows:,} of data.train"
    settled.settle(_KEY, weights, why if sources else "no other sources")
    given: list[float] = settled.get(_KEY)
    is_said = not settled.origins[_KEY].startswith("auto")
    if is_said and temperature:
        raise RecipeError(
            f"recipe {_KEY}: got {given} beside {_TEMPERATURE}={temperature:g}, from which weights "
            "follow. Leave one of the two out"
        )
    if len(given) != len(sources):
        raise RecipeError(
            f"recipe {_KEY}: got {len(given)} weights for {len(sources)} sources of data.mixture. "
            "Give one for each, or leave it out"
        )
    return given
