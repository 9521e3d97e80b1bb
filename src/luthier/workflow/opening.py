"""The model of a recipe, opened alike for training, evaluation and use."""

from __future__ import annotations

import torch

from luthier.models import today, trunks
from luthier.models.bundle import Bundle, Cut, Trunk
from luthier.models.load import open_model
from luthier.objectives import Headed, Objective, labels_of
from luthier.recipe.resolve import Settled
from luthier.recipe.schema import Recipe
from luthier.tuners import Tuner, attach, tuners
from luthier.workflow.device import device_name


def compute_dtype(recipe: Recipe) -> torch.dtype:
    """Type of the matrix products."""
    return torch.bfloat16 if recipe.training.precision == "bfloat16" else torch.float32


def cut_of(settled: Settled) -> Cut:
    """What the training was told to do with rows that are too long."""
    policy, key = str(settled.get("data.on_overflow")), "training.max_length"
    # chosen from the rows it is the longest of them, which says nothing of others
    is_asked = not settled.origins.get(key, "default").startswith(("auto", "default"))
    is_cut = is_asked and policy.startswith("truncate")
    return Cut(settled.get(key) if is_cut else 0, keeps_end=policy == "truncate_prompt")


def open_base(recipe: Recipe, objective: Objective) -> Bundle:
    """The untouched model on the device of the run, ready to use."""
    bundle = open_weights(recipe, objective)
    bundle.trunk = build_trunk(recipe, bundle)
    return bundle


def open_weights(recipe: Recipe, objective: Objective) -> Bundle:
    """The untouched model for a tuner to be put on; how it will run is not settled yet.

    Its weights have the type of the products, or float32 where the tuner will move them.
    """
    moves = tuners.get(recipe.tuner["name"]).moves_base
    dtype = torch.float32 if moves else compute_dtype(recipe)
    return open_for(objective, recipe.model, recipe, dtype=dtype)


def open_for(objective: Objective, reference: str, recipe: Recipe, *, dtype: torch.dtype) -> Bundle:
    """The model of that reference with the head that the objective needs."""
    bundle = open_model(
        reference,
        kinds=objective.kinds,
        labels=labels_of(objective),
        problem=objective.problem if isinstance(objective, Headed) else "",
        dtype=dtype,
        device=device_name(),
        seed=recipe.seed,
    )
    today.tell(bundle.codec.tokenizer, recipe.data.today)
    return bundle


def tune(recipe: Recipe, tuner: Tuner, bundle: Bundle, *, trains: bool) -> Bundle:
    """The bundle with the tuner's parts in place. Args: trains: it is about to be trained."""
    bundle = attach(tuner, bundle, seed=recipe.seed, frozen=compute_dtype(recipe))
    bundle.trunk = build_trunk(recipe, bundle, trains=trains)
    return bundle


def build_trunk(recipe: Recipe, bundle: Bundle, *, trains: bool = False) -> Trunk:
    """The way to run the bundle that the recipe asks for, as it now is."""
    training = recipe.training
    return trunks.build(
        bundle.model,
        bundle.kind,
        prefer=training.path,
        compile=trains and training.compile == "on",
        gradient_checkpointing=trains and training.gradient_checkpointing is True,
        compute_dtype=compute_dtype(recipe),
    )
