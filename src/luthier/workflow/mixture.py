"""Other sources of rows: read, prepared under an objective of their own, and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from luthier.core.config import ComponentConfig, build
from luthier.core.errors import DataError, RecipeError
from luthier.core.files import sha256_of
from luthier.data.features import Features
from luthier.data.features_on_disk import FeaturesOnDisk, columns_of
from luthier.data.ledger import Ledger
from luthier.data.load import Loaded, load
from luthier.data.naming import plain_name
from luthier.data.origins import Origins
from luthier.data.rows import Row
from luthier.models.bundle import Codec, Kind
from luthier.objectives import Explorer, Objective, Part, labels_of, needed, objectives, resolved
from luthier.recipe.data_section import DataSection, MixtureSource
from luthier.recipe.resolve import Settled
from luthier.workflow.arranging import arranged
from luthier.workflow.check import template_of
from luthier.workflow.fitting import fit_rows
from luthier.workflow.held_out import without_held_out
from luthier.workflow.mixture_weights import settle_weights
from luthier.workflow.settle import objective_for
from luthier.workflow.stages import Stages

_SPLIT = "train"
_LEAST_COMPARED = 2
"""Rows of an update, where an objective compares them."""


@dataclass(frozen=True, slots=True)
class Found:
    """One source as it was read, its rows of any length."""

    where: str
    """Its place in the recipe."""
    name: str
    source: MixtureSource
    learned: str
    """Name of its objective."""
    objective: Objective
    features: Sequence[Features]
    rows: Sequence[Row]
    ledger: Ledger
    files: Mapping[str, str]
    """File -> SHA-256."""
    weight: float
    """Rows of it for every row of train."""

    @property
    def names(self) -> Sequence[str]:
        """Where each row came from."""
        return Origins(self.rows)

    @property
    def longest(self) -> int:
        """Tokens of its longest row."""
        return max(columns_of(self.features).longest)


@dataclass(frozen=True, slots=True)
class Mixed:
    """One source, ready to be trained."""

    found: Found
    features: Sequence[Features]
    """Its rows within `training.max_length`, as its objective learns them."""

    def part(self, batch_size: int) -> Part:
        """Its rows beside updates of so many rows."""
        found = self.found
        return Part(found.name, found.objective, self.features, found.weight * batch_size)

    def digest(self) -> bytes:
        """What is trained, for the identity of a run's data."""
        parts = (item.input_ids.tobytes() + item.loss_weights.tobytes() for item in self.features)
        # another weight than the source says, which the recipe's own identity does not know
        is_other = self.found.weight != self.found.source.weight
        more = [repr(self.found.weight).encode()] if is_other else []
        return sha256_of(chain([self.found.name.encode(), *more], parts)).encode()

    def document(self) -> dict[str, Any]:
        """Its part of the ledger."""
        found = self.found
        beside = {"name": found.name, "weight": found.weight, "objective": found.learned}
        return {**beside, **found.ledger.document()}


def files_of(mixture: Sequence[Mixed]) -> dict[str, str]:
    """Every file of every source, with its hash."""
    return {name: digest for item in mixture for name, digest in item.found.files.items()}


def read_mixture(
    settled: Settled, codec: Codec, loaded: Loaded, main: Objective, *, kind: Kind
) -> list[Found]:
    """Every source of `data.mixture`, without the rows that the run is validated and tested on.

    Raises: DataError: a file cannot be read. RecipeError: an objective that does not train this
        kind of model, or needs more than the model itself.
    """
    found: list[Found] = []
    for index, source in enumerate(settled.recipe().data.mixture):
        where = f"data.mixture[{index}]"
        name = _name(source, index, taken={item.name for item in found})
        rows, objective, learned, read = _rows(source, settled, loaded, where=where)
        _refuse(objective, main, learned, kind=kind, where=where)
        kept = without_held_out(rows, loaded, read.ledger)
        if not kept:
            raise RecipeError(
                f"recipe {where}: every row is also in validation or test, so nothing is left to "
                "train. Give another file, or take the source out."
            )
        shown = codec.plain() if template_of(objective) == "plain" else codec
        features = FeaturesOnDisk(
            objective.prepare(row, shown, index=at) for at, row in enumerate(kept)
        )
        account = (kept, read.ledger, read.files, source.weight)
        one = Found(where, name, source, learned, objective, features, *account)
        found.append(one)
    sizes = [len(one.rows) for one in found]
    num_rows = len(loaded.splits.train)
    sources = [one.source for one in found]
    weights = settle_weights(settled, sources, num_rows=num_rows, sizes=sizes)
    return [replace(one, weight=weight) for one, weight in zip(found, weights, strict=True)]


def fitted(found: Found, settled: Settled, stages: Stages, *, context: int) -> Mixed:
    """A source whose rows are within `training.max_length`, which is settled.

    Args: context: most tokens that the model reads.
    Raises: DataError: rows are longer, and nothing says what to do with them.
    """
    source, objective, ledger = found.source, found.objective, found.ledger
    policy = source.on_overflow
    if policy == "auto":
        policy = settled.recipe().data.on_overflow
    max_length = int(settled.get("training.max_length"))
    try:
        after, said = fit_rows(
            found.features,
            found.names,
            objective=objective,
            ledger=ledger,
            split=_SPLIT,
            max_length=max_length,
            policy=policy,
            context=context,
        )
    except DataError as error:
        raise DataError(f"{error}\n    For this source alone: {found.where}.on_overflow") from None
    stages.note_all(f"{found.where}: {line}" for line in said)
    ledger.check()
    return Mixed(found, arranged(objective, after))


def refuse_lonely(mixture: Sequence[Mixed], batch_size: int) -> None:
    """Nothing, when every source has enough rows in an update to learn from.

    Raises: RecipeError: its rows are compared with each other, and some updates hold one alone.
    """
    for item in mixture:
        found, rows = item.found, item.part(batch_size).rows_per_update
        if found.objective.additive or rows >= _LEAST_COMPARED:
            continue
        raise RecipeError(
            f"recipe {found.where}.weight: {found.weight:g} beside batches of {batch_size} "
            f"is {rows:g} rows in an update, but objective '{found.learned}' compares the rows of "
            "a batch, and one alone has nothing to learn from. Use a weight of at least "
            f"{_LEAST_COMPARED / batch_size:g}, or a larger training.batch_size."
        )


def _rows(
    source: MixtureSource, settled: Settled, loaded: Loaded, *, where: str
) -> tuple[Sequence[Row], Objective, str, Loaded]:
    section, wanted = settled.recipe().data, str(source.objective.get("name", "auto"))
    shape = "auto" if wanted == "auto" else objectives.get(wanted).row.shape()
    asked = DataSection(
        train=source.train if isinstance(source.train, str) else [*source.train],
        format=source.format,
        shape=source.shape,
        columns=source.columns,
        roles=source.roles,
        group_by=source.group_by,
        encoding=section.encoding,
        reasoning=section.reasoning,
        chunk=section.chunk,
        chunk_overlap=section.chunk_overlap,
        on_duplicate=section.on_duplicate,
        validation_share=0.0,
        test_share=0.0,
    )
    read = load(asked, seed=0, wants=shape)
    learned = objective_for(read.shape) if wanted == "auto" else wanted
    kind = objectives.get(learned)
    values = {key: value for key, value in source.objective.items() if key != "name"}
    config, rows = build(kind.Config, values, where=f"{where}.objective"), read.splits.train
    if learned == settled.get("objective.name"):
        # one head has one scale and one order of classes: those of the main rows
        config, rows = _as_main(config, settled), loaded.splits.train
    try:
        chosen = {key: value for key, (value, _) in resolved(kind, config, rows).items()}
    except DataError as error:
        raise DataError(f"{where}.train: {str(error).removeprefix('data.train: ')}") from None
    return read.splits.train, kind(config.model_copy(update=chosen)), learned, read


def _as_main(config: ComponentConfig, settled: Settled) -> ComponentConfig:
    """The settings, those left at "auto" as the recipe gives them to the main objective."""
    given: dict[str, object] = {}
    for name in type(config).model_fields:
        key = f"objective.{name}"
        is_chosen = settled.origins.get(key, "default").startswith("auto")
        if getattr(config, name) == "auto" and not is_chosen:
            given[name] = settled.get(key)
    return config.model_copy(update=given)


def _refuse(objective: Objective, main: Objective, learned: str, *, kind: Kind, where: str) -> None:
    """Raises: RecipeError: the two cannot be trained together."""
    if kind not in objective.kinds or labels_of(objective) != labels_of(main):
        fitting = [name for name, item in objectives.items() if kind in item.kinds]
        raise RecipeError(
            f"recipe {where}.objective: '{learned}' needs another head than this run's {kind} has; "
            f"only objectives that share one can be mixed: {', '.join(fitting)}, with the same "
            "classes where there are some."
        )
    if isinstance(objective, Explorer):
        raise RecipeError(
            f"recipe {where}.objective: '{learned}' learns from the model's own answers, which are "
            "written for the main objective alone. Make it the main one, and mix the other source "
            "in."
        )
    others = sorted(needed(objective) - {"policy"})
    if others:
        raise RecipeError(
            f"recipe {where}.objective: '{learned}' needs a model in the role of "
            f"{', '.join(others)}, which only the main objective gets. Make it the main one, and "
            "mix the other source in."
        )


def _name(source: MixtureSource, index: int, *, taken: set[str]) -> str:
    first = source.train if isinstance(source.train, str) else source.train[0]
    stem = plain_name(first)
    return stem if stem not in taken else f"{stem}-{index}"
