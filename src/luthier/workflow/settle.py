"""Choosing every "auto": one rule per setting, each with the reason that is recorded."""

from __future__ import annotations

import math

from luthier.core.errors import RecipeError
from luthier.engine import compilation, precision
from luthier.models.blueprint import Blueprint
from luthier.models.bundle import Facts
from luthier.recipe.resolve import Settled

OBJECTIVE_OF_SHAPE = {"chat": "sft", "text": "lm", "labeled": "classify"}

UNUSUAL = 100
"""A learning rate this many times the usual one is worth a warning."""

SMALL_ENCODER = 300_000_000
"""Up to so many parameters an encoder is fully trained by default: it fits, and it scores best."""


def settle_objective(settled: Settled, shape: str) -> None:
    """The objective that eats the shape of the rows."""
    settled.settle("objective.name", OBJECTIVE_OF_SHAPE[shape], f"the rows are {shape}")


def settle_tuner(settled: Settled, facts: Facts, *, kind: str) -> None:
    """Full fine-tuning for small encoders, LoRA for everything else."""
    if kind == "sequence_classifier" and facts.num_parameters <= SMALL_ENCODER:
        millions = facts.num_parameters / 1e6
        settled.settle("tuner.name", "full", f"a classifier of only {millions:.0f} M parameters")
    else:
        settled.settle("tuner.name", "lora", "little memory, keeps the base, near full quality")


def settle_training(settled: Settled, facts: Facts, *, num_rows: int) -> None:
    """Learning rate, batch size, epochs and periods.

    Raises: RecipeError: the run would take no step.
    """
    settled.settle("training.learning_rate", *_usual_rate(settled, facts))
    settled.settle("training.batch_size", *_batch_size(settled, num_rows))
    settled.settle("training.epochs", *_epochs(settled, num_rows))
    total = num_steps(settled, num_rows)
    if total < 1:
        raise RecipeError("The recipe leaves no step to take: raise training.epochs or max_steps.")
    per_epoch = math.ceil(num_rows / settled.get("training.batch_size"))
    settled.settle("training.evaluate_every", max(1, per_epoch // 2), "twice per epoch")
    settled.settle("training.save_every", max(10, math.ceil(total / 10)), "about ten per run")


def settle_compute(settled: Settled, blueprint: Blueprint, lengths: list[int], device: str) -> None:
    """Type of the products, and whether pieces are compiled, for training rows of these tokens."""
    settled.settle("training.precision", *precision.choose(device))
    if not blueprint.can_generate or settled.get("tuner.name") == "full":
        settled.settle("training.compile", "off", "only the fast path of decoders has such pieces")
        return
    examples = num_steps(settled, len(lengths)) * settled.get("training.batch_size")
    tokens = examples * sum(lengths) / len(lengths)
    limit = settled.get("training.max_tokens")
    found = compilation.choose(
        blueprint.facts.flops_per_token(trained_weights=False)
        * (min(tokens, limit) if limit else tokens),
        precision=settled.get("training.precision"),
        device=device,
    )
    settled.settle("training.compile", *found)


def unusual_rate(settled: Settled, facts: Facts) -> str:
    """A warning when the learning rate is far above what the tuner usually takes; else empty."""
    rate, (usual, _) = settled.get("training.learning_rate"), _usual_rate(settled, facts)
    if rate <= UNUSUAL * usual:
        return ""
    return (
        f"training.learning_rate {rate:g} is {rate / usual:,.0f} times what tuner "
        f"'{settled.get('tuner.name')}' usually takes ({usual:g}): expect the loss to diverge. "
        "Leave it out to have it chosen; see docs/diverging.md"
    )


def num_steps(settled: Settled, num_rows: int) -> int:
    """Optimizer steps of the whole run, as far as epochs and max_steps bound them."""
    per_epoch = math.ceil(num_rows / settled.get("training.batch_size"))
    total = math.ceil(per_epoch * settled.get("training.epochs"))
    limit = settled.get("training.max_steps")
    return min(total, limit) if limit else total


def _usual_rate(settled: Settled, facts: Facts) -> tuple[float, str]:
    tuner, objective = settled.get("tuner.name"), settled.get("objective.name")
    if tuner != "full":
        return (5e-4 if objective == "classify" else 2e-4), f"usual for {tuner}"
    if facts.num_parameters < 50_000_000:
        return 2e-4, "full tuning of a model under 50 M"
    if objective == "classify":
        return 5e-5, "full tuning of an encoder"
    return 2e-5, "full tuning of a language model"


def _batch_size(settled: Settled, num_rows: int) -> tuple[int, str]:
    """32 for labels, 8 for tokens (an answer holds many targets), at most a quarter of the rows."""
    usual = 32 if settled.get("objective.name") == "classify" else 8
    size = max(1, min(usual, num_rows // 4))
    return size, f"usual for {settled.get('objective.name')}, at most a quarter of the rows"


def _epochs(settled: Settled, num_rows: int) -> tuple[float, str]:
    """Few rows want more passes: about 600 steps for labels and 100 for answers, within limits."""
    steps_per_epoch = max(1, num_rows // settled.get("training.batch_size"))
    if settled.get("objective.name") == "classify":
        return float(min(12, max(5, round(600 / steps_per_epoch)))), f"{num_rows} labelled rows"
    return float(min(4, max(1, round(100 / steps_per_epoch)))), f"{num_rows} rows"
