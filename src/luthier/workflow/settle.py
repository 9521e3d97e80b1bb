"""Choosing every "auto": one rule per setting, each with the reason that is recorded."""

from __future__ import annotations

import math
from collections.abc import Sequence

from luthier.core.config import defaults_of
from luthier.core.errors import RecipeError
from luthier.data.splits.divide import USUAL_SHARE
from luthier.engine import compilation, precision
from luthier.engine.curriculum import sorted_by
from luthier.engine.horizon import per_epoch, steps_within
from luthier.models.blueprint import Blueprint
from luthier.models.bundle import Facts, Kind
from luthier.objectives import Windowed, objectives
from luthier.recipe.resolve import Settled
from luthier.tuners import tuners

UNUSUAL = 100
"""A learning rate this many times the usual one is worth a warning."""

SMALL_ENCODER = 300_000_000
"""Up to so many parameters an encoder is fully trained by default: it fits, and it scores best."""


def settle_objective(settled: Settled, shape: str) -> None:
    """The objective that is meant for rows of this shape, where the recipe names none, and windows
    that are no longer than rows may be.

    Raises: RecipeError: several may be, and none says that it is.
    """
    if settled.get("objective.name") == "auto":
        settled.settle("objective.name", objective_for(shape), f"the rows are {shape}")
    kind, most = objectives.get(settled.get("objective.name")), settled.get("training.max_length")
    if isinstance(kind, Windowed) and most != "auto":
        usual = defaults_of(kind.Config)[kind.windowed_by]
        if most < usual:
            key = f"objective.{kind.windowed_by}"
            settled.settle(key, most, f"training.max_length={most}; usual is {usual}")


def settle_validation(settled: Settled) -> None:
    """The share of rows to choose by, before any is read."""
    name = settled.get("objective.name")
    if name == "auto" or objectives.get(name).usual.validates:
        settled.settle("data.validation_share", USUAL_SHARE, "usual")
    else:
        why = f"{name} is for a handful of rows: all of them train"
        settled.settle("data.validation_share", 0.0, why)


def objective_for(shape: str) -> str:
    """The objective that says it is the default for rows of this shape.

    Raises: RecipeError: there is none.
    """
    fitting = {name: kind for name, kind in objectives.items() if kind.row.shape() == shape}
    meant = [name for name, kind in fitting.items() if kind.is_default]
    if not meant:
        raise RecipeError(
            f"recipe objective.name: the rows are {shape}, and nothing says what is to be learned "
            f"from them. Name one: {', '.join(fitting) or 'no objective here takes such rows'}."
        )
    return meant[0]


def settle_tuner(settled: Settled, facts: Facts, *, kind: Kind) -> None:
    """Full fine-tuning for small encoders, LoRA for everything else."""
    if kind != "causal_lm" and facts.num_parameters <= SMALL_ENCODER:
        why = f"only {facts.num_parameters / 1e6:.0f} M parameters, and it need not write"
        settled.settle("tuner.name", "full", why)
    else:
        settled.settle("tuner.name", "lora", "little memory, keeps the base, near full quality")


def settle_training(
    settled: Settled, facts: Facts, *, kind: Kind, lengths: Sequence[int], exploring: int = 0
) -> None:
    """Learning rate, batch size, epochs and periods, for training rows of these tokens.

    Args: exploring: updates per batch of prompts, see `per_epoch`.
    Raises: RecipeError: the run would take no step.
    """
    num_rows = len(lengths)
    if not num_rows:
        raise RecipeError("The recipe leaves no row to train on, and so no step to take.")
    settled.settle("training.learning_rate", *_usual_rate(settled, facts, kind))
    settled.settle("training.batch_size", *_batch_size(settled, num_rows))
    if settled.get("training.batch_size") < _least_batch(settled):
        raise RecipeError(
            f"recipe training.batch_size: got 1, but objective '{settled.get('objective.name')}' "
            "compares the rows of a batch, and one alone has nothing to learn from. Use 2 or more, "
            "or leave it to auto."
        )
    settled.settle("training.epochs", *_epochs(settled, num_rows, exploring))
    total = num_steps(settled, lengths, exploring=exploring)
    often = max(1, min(_per_epoch(settled, num_rows, exploring), total) // 2)
    settled.settle("training.evaluate_every", often, "twice per epoch, and in a shorter run")
    settled.settle("training.save_every", max(10, math.ceil(total / 10)), "about ten per run")


def settle_compute(
    settled: Settled,
    blueprint: Blueprint,
    lengths: Sequence[int],
    device: str,
    *,
    exploring: int = 0,
) -> None:
    """Type of the products, and whether pieces are compiled, for training rows of these tokens."""
    settled.settle("training.precision", *precision.choose(device))
    settled.settle("training.cache_bytes", 16 << 30, "for layers that never move, if there are any")
    moves_base = tuners.get(settled.get("tuner.name")).moves_base
    if not blueprint.can_generate or moves_base:
        settled.settle("training.compile", "off", "only the fast path of decoders has such pieces")
        return
    examples = num_steps(settled, lengths, exploring=exploring) * settled.get("training.batch_size")
    tokens = examples * sum(lengths) / len(lengths)
    limit = settled.get("training.max_tokens")
    found = compilation.choose(
        blueprint.facts.flops_per_token(trained_weights=False)
        * (min(tokens, limit) if limit else tokens),
        precision=settled.get("training.precision"),
        device=device,
    )
    settled.settle("training.compile", *found)


def unusual_rate(settled: Settled, facts: Facts, *, kind: Kind) -> str:
    """A warning when the learning rate is far above what the tuner usually takes; else empty."""
    rate, (usual, _) = settled.get("training.learning_rate"), _usual_rate(settled, facts, kind)
    if rate <= UNUSUAL * usual:
        return ""
    return (
        f"training.learning_rate {rate:g} is {rate / usual:,.0f} times what tuner "
        f"'{settled.get('tuner.name')}' usually takes ({usual:g}): expect the loss to diverge. "
        "Leave it out to have it chosen; see docs/diverging.md"
    )


def idle_patience(settled: Settled, *, num_validation: int) -> str:
    """A warning where training was asked to stop early and has nothing to tell when; else empty."""
    if not settled.get("training.early_stopping_patience"):
        return ""
    why = "there are no validation rows"
    if num_validation:
        if settled.get("training.evaluate_every"):
            return ""
        why = "with training.evaluate_every=0 nothing is validated before the end"
    return f"training.early_stopping_patience has no effect: {why}"


def num_steps(settled: Settled, lengths: Sequence[int], *, exploring: int = 0) -> int:
    """Optimizer steps of the whole run, as the engine will count them; where rows go by their loss,
    which is not known yet, `training.max_tokens` may be met some steps earlier or later."""
    limits = ("batch_size", "epochs", "max_steps", "max_tokens")
    found = {name: settled.get(f"training.{name}") for name in limits}
    found["easy_first"] = sorted_by(lengths) if settled.get("training.order") == "length" else ()
    return steps_within(lengths, seed=settled.get("seed"), exploring=exploring, **found)[0]


def _usual_rate(settled: Settled, facts: Facts, kind: Kind) -> tuple[float, str]:
    rate, why = tuners.get(settled.get("tuner.name")).usual_rate(facts, kind)
    name = settled.get("objective.name")
    share = objectives.get(name).usual.rate
    return rate * share, why if share == 1 else f"{why}, times {share:g} for {name}"


def _batch_size(settled: Settled, num_rows: int) -> tuple[int, str]:
    """The objective's own (an answer holds many targets, a label is one), bounded by the rows."""
    name = settled.get("objective.name")
    usual = objectives.get(name).usual
    most = int(num_rows * usual.batch_share)
    size = max(_least_batch(settled), min(usual.batch_size, most))
    return size, f"usual for {name}, at most {usual.batch_share:.0%} of the rows"


def _least_batch(settled: Settled) -> int:
    """Where rows interact, one alone has nothing to learn from."""
    return 1 if objectives.get(settled.get("objective.name")).additive else 2


def _epochs(settled: Settled, num_rows: int, exploring: int) -> tuple[float, str]:
    """As many as the steps that were asked for take. Else few rows want more passes: as many as
    make the objective's usual steps, within its limits. Of prompts that several updates are made
    with each pass is that many times as long, and there are so many times fewer."""
    asked = settled.get("training.max_steps")
    if asked:
        passes = math.ceil(asked / _per_epoch(settled, num_rows, exploring))
        return float(passes), f"training.max_steps={asked} of {num_rows} rows"
    usual = objectives.get(settled.get("objective.name")).usual
    steps_per_epoch = max(1, num_rows // settled.get("training.batch_size"))
    fewest, most = usual.epochs
    passes = min(most, max(fewest, round(usual.steps / steps_per_epoch)))
    if exploring > 1:
        return passes / exploring, f"{num_rows} rows, {exploring} updates with each batch of them"
    return float(passes), f"{num_rows} rows"


def _per_epoch(settled: Settled, num_rows: int, exploring: int) -> int:
    batch_size = settled.get("training.batch_size")
    return per_epoch(num_rows, batch_size=batch_size, exploring=exploring)
