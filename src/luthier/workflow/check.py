"""Do objective, model and engine fit together? Compares declared facts; holds no table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from luthier.core.errors import RecipeError
from luthier.data.rows import Chat, Preference, Prompt, Rated, Row
from luthier.evaluation.tasks import Reading, tasks
from luthier.models import vectors
from luthier.models.blocks import frozen_of
from luthier.models.blueprint import writes
from luthier.models.bundle import Bundle, Codec, Kind, Outline
from luthier.models.kinds import OPENINGS
from luthier.objectives import (
    Explorer,
    Objective,
    Roles,
    Specialist,
    Windowed,
    needed,
    objectives,
    others_of,
    roles_of,
)
from luthier.tuners import Tuner, tuners
from luthier.tuners.contract import Calibrating, Checking, Choosing, Limited

_CONVERSATIONS = (Chat, Preference, Prompt, Rated)
"""Rows that a chat template renders."""


def fits(objective: Objective, *, name: str, possible: Sequence[Kind], reference: str) -> Kind:
    """The model kind the objective will train on this model: what it was made for comes first.

    Args: possible: kinds that the model can be opened as.
    Raises: RecipeError: none of the objective's kinds can be had from this model, it needs a role
        that nobody fills, or evaluation could not read its answers.
    """
    _refuse_roles(objective, name)
    _refuse_unread(objective, name)
    for kind in possible:
        if kind in objective.kinds:
            return kind
    others = [key for key, item in objectives.items() if item.kinds & set(possible)]
    wanted = " or ".join(f"one that {OPENINGS[kind].words}" for kind in sorted(objective.kinds))
    raise RecipeError(
        f"recipe objective.name: '{name}' trains {', '.join(sorted(objective.kinds))}, {wanted}, "
        f"but {reference} opens as {' or '.join(possible) or 'nothing known here'}. Use another "
        f"model (smollm2-135m writes, minilm-l6 reads), or an objective that fits this one: "
        f"{', '.join(others)}."
    )


def _refuse_roles(objective: Objective, name: str) -> None:
    filled = {field.name for field in fields(Roles)}
    missing = sorted(needed(objective) - filled)
    if missing:
        fitting = [key for key, item in objectives.items() if needed(item) <= filled]
        raise RecipeError(
            f"recipe objective.name: '{name}' needs a model in the role of {', '.join(missing)}, "
            f"which nothing here provides (only {', '.join(sorted(filled))}). Use one of: "
            f"{', '.join(fitting)}."
        )


def _refuse_unread(objective: Objective, name: str) -> None:
    reading = [item for _, item in tasks.items() if item.row is objective.row]
    for task in reading:
        if isinstance(task, Reading) and not isinstance(objective, task.reads):
            likes = [(key, item) for key, item in objectives.items() if item.row is task.row]
            fitting = [key for key, item in likes if isinstance(item, task.reads)]
            raise RecipeError(
                f"recipe objective.name: answers to '{task.row.shape()}' rows are evaluated as the "
                f"objective reads them off the model, so it must be a {task.reads.__name__}, which "
                f"'{name}' is not. Use one of: {', '.join(fitting)}."
            )


def lacks(tuner: type[Tuner], kind: Kind) -> bool:
    """Whether a model of this kind has nothing that the tuner could train."""
    return isinstance(tuner, Limited) and kind not in tuner.kinds


def refuse_kind(tuner: type[Tuner], kind: Kind, *, names: tuple[str, str]) -> None:
    """Nothing, unless the tuner has nothing to train in such a model.

    Args: names: of objective and tuner.
    Raises: RecipeError: with the tuners that have.
    """
    if lacks(tuner, kind):
        others = ", ".join(key for key, item in tuners.items() if not lacks(item, kind))
        raise RecipeError(
            f"recipe tuner.name: objective '{names[0]}' opens the model as one that "
            f"{OPENINGS[kind].words}, in which tuner '{names[1]}' has nothing to train. Use one "
            f"of: {others}."
        )


def refuse_lost_base(
    objective: Objective | type[Objective], tuner: type[Tuner], *, names: tuple[str, str]
) -> None:
    """Nothing, unless the objective looks at the base while it trains and the tuner loses it.

    Args: names: of objective and tuner.
    Raises: RecipeError: with the tuners that keep it.
    """
    if "reference" in roles_of(objective) - others_of(objective).keys() and not tuner.keeps_base:
        keeping = ", ".join(key for key, item in tuners.items() if item.keeps_base)
        raise RecipeError(
            f"recipe tuner.name: objective '{names[0]}' compares with the model before tuning while"
            f" it trains, and tuner '{names[1]}' does not keep it. Use one that does: {keeping}; or"
            " name a model to hold beside it: objective.reference."
        )


def template_of(objective: Objective) -> str:
    """How its conversations are rendered: "auto", by the model's chat template, or "plain"."""
    return str(getattr(objective.config, "template", "auto"))


def refuse_bare(objective: Objective, codec: Codec, *, name: str, reference: str) -> None:
    """Nothing, unless rows hold conversations, and the model says nothing of how it reads them.

    Raises: RecipeError: with what the objective can do instead.
    """
    if objective.row not in _CONVERSATIONS or codec.has_template:
        return
    ways = "Use an instruct model."
    if "template" in type(objective.config).model_fields:
        if template_of(objective) == "plain":
            return
        ways = "Use an instruct model, or set objective.template=plain to train plain text."
    raise RecipeError(
        f"model {reference} has no chat template, and the rows of objective '{name}' are "
        f"conversations. {ways}"
    )


def refuse_misfit(
    tuner: Tuner, objective: Objective, drawn: Outline, *, names: tuple[str, str]
) -> None:
    """Nothing, unless the tuner's settings do not fit the model, or what they want measured cannot
    be.

    Args: drawn: the outline of the model. names: of objective and tuner.
    Raises: RecipeError: naming the setting.
    """
    if isinstance(tuner, Checking):
        tuner.check(drawn)
    why = hindrance(objective)
    if why and isinstance(tuner, Choosing) and tuner.parts(drawn):
        raise RecipeError(
            f"tuner '{names[1]}' is to choose layers by the loss of rows, and objective "
            f"'{names[0]}' has none before {why}. Name the layers, or choose them with objective "
            "sft."
        )
    if why and isinstance(tuner, Calibrating) and (setting := tuner.calibrated_by()):
        raise RecipeError(
            f"recipe tuner.{setting}: the tuner is to begin at what rows give its layers, and "
            f"objective '{names[0]}' runs none before {why}. Leave tuner.{setting} out, or use "
            "another objective, such as sft."
        )


def refuse_cut_windows(objective: Objective, *, longest: int, max_length: int) -> None:
    """Nothing, unless windows that the objective made would be cut, with what is to be found there.

    Raises: RecipeError: with the longest that a window may be.
    """
    if isinstance(objective, Windowed) and longest > max_length:
        raise RecipeError(
            f"recipe objective.{objective.windowed_by}: its windows have up to {longest} tokens, "
            f"and rows may have {max_length} (training.max_length); a window cannot be cut. Use "
            f"objective.{objective.windowed_by}={max_length} at most, or allow more: "
            f"training.max_length={longest}."
        )


def hindrance(objective: Objective) -> str:
    """What must have happened before rows have a loss; empty: nothing."""
    if isinstance(objective, Explorer):
        return "the model has answered"
    # before tuning the reference is the model itself, unless it is another one
    itself = {"policy", "reference"} - others_of(objective).keys()
    others = sorted(needed(objective) - itself)
    return f"the {others[0]} was asked" if others else ""


def better_suited(
    objective: Objective, rows: Sequence[Row], *, possible: Sequence[Kind], folder: Path
) -> str:
    """A warning where another objective is known to learn more from such rows; else empty.

    Args: rows: of training. possible: kinds that the model can be opened as. folder: of the model.
    """
    gives_vectors = (folder / vectors.MODULES).is_file()
    kinds = {kind for kind in possible if kind != "embedder" or gives_vectors}
    for name, item in objectives.items():
        is_open = item.row is objective.row and item.kinds & kinds
        if is_open and isinstance(item, Specialist) and not isinstance(objective, item):
            found = item.suits(rows)
            if found:
                return f"{found}: from so few, objective '{name}' usually learns more"
    return ""


def untaught(bundle: Bundle) -> str:
    """A warning where all that moves reads a token that says little of its text; else empty.

    On TREC-6 a regression on the first token of all-MiniLM-L6 reaches 0.74, on the mean 0.89.
    """
    folder = bundle.source.folder
    if bundle.kind != "sequence_classifier" or not frozen_of(bundle.model, scores=True).is_whole:
        return ""
    if not (folder / vectors.MODULES).is_file():
        return ""
    reads = "last" if writes(bundle.model.config) else "first"
    pooling = vectors.read(folder, writes=False).pooling
    if pooling == reads:
        return ""
    return (
        f"{bundle.source.reference} was made to be read as the {pooling} of its tokens, and the "
        f"head of a classifier reads the {reads} one, which never learned to say much. Expect less "
        "than of a regression on vectors. Use tuner 'last_layers', which costs little more"
    )
