"""Other sources of rows: read, prepared under an objective of their own, and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.core.config import build
from luthier.core.errors import RecipeError
from luthier.core.files import sha256_of
from luthier.data.features import Features
from luthier.data.ledger import Ledger
from luthier.data.load import Loaded, load
from luthier.data.overflow import fit_all
from luthier.data.rows import Row
from luthier.models.bundle import Codec, Kind
from luthier.objectives import Objective, Part, labels_of, needed, objectives, resolved
from luthier.recipe.resolve import Settled
from luthier.recipe.schema import DataSection, MixtureSource
from luthier.workflow.arranging import arranged, without_idle
from luthier.workflow.settle import objective_for

_SPLIT = "train"


@dataclass(frozen=True, slots=True)
class Mixed:
    """One source, ready to be trained."""

    name: str
    weight: float
    learned: str
    """Name of its objective."""
    objective: Objective
    features: Sequence[Features]
    ledger: Ledger
    files: Mapping[str, str]
    """File -> SHA-256."""

    def part(self, batch_size: int) -> Part:
        """Its rows beside updates of so many rows."""
        return Part(self.name, self.objective, self.features, self.weight * batch_size)

    def digest(self) -> bytes:
        """What is trained, for the identity of a run's data."""
        parts = [item.input_ids.tobytes() + item.loss_weights.tobytes() for item in self.features]
        return sha256_of([self.name.encode(), *parts]).encode()

    def document(self) -> dict[str, Any]:
        """Its part of the ledger."""
        beside = {"name": self.name, "weight": self.weight, "objective": self.learned}
        return {**beside, **self.ledger.document()}


def files_of(mixture: Sequence[Mixed]) -> dict[str, str]:
    """Every file of every source, with its hash."""
    return {name: digest for item in mixture for name, digest in item.files.items()}


def read_mixture(
    settled: Settled, codec: Codec, loaded: Loaded, main: Objective, *, kind: Kind
) -> list[Mixed]:
    """Every source of `data.mixture`; `training.max_length` is settled already.

    Raises: DataError: a file cannot be read. RecipeError: an objective that does not train this
        kind of model, or needs more than the model itself.
    """
    section = settled.recipe().data
    held_out = {
        row.input_key(): split
        for split in ("validation", "test")
        for row in getattr(loaded.splits, split)
    }
    found: list[Mixed] = []
    for index, source in enumerate(section.mixture):
        where = f"data.mixture[{index}]"
        name = _name(source, index, taken={item.name for item in found})
        rows, objective, learned, read = _rows(source, section, where=where)
        _refuse(objective, main, learned, kind=kind, where=where)
        ledger = read.ledger
        kept = [row for row in rows if not _is_held_out(row, held_out, ledger)]
        if not kept:
            raise RecipeError(
                f"recipe {where}: every row is also in validation or test, so nothing is left to "
                "train. Give another file, or take the source out."
            )
        names = [str(row.origin) for row in kept]
        before = [objective.prepare(row, codec, index=at) for at, row in enumerate(kept)]
        after, dropped = fit_all(
            before,
            names,
            max_length=int(settled.get("training.max_length")),
            policy=section.on_overflow,
        )
        for at in dropped:
            ledger.drop("longer than training.max_length", kept[at].origin, split=_SPLIT)
        after = without_idle(objective, after, names, split=_SPLIT, ledger=ledger)
        ledger.add_features(_SPLIT, before, after)
        ledger.check()
        units = arranged(objective, after)
        found.append(Mixed(name, source.weight, learned, objective, units, ledger, read.files))
    return found


def _rows(
    source: MixtureSource, section: DataSection, *, where: str
) -> tuple[list[Row], Objective, str, Loaded]:
    wanted = str(source.objective.get("name", "auto"))
    shape = "auto" if wanted == "auto" else objectives.get(wanted).row.shape()
    asked = DataSection(
        train=source.train,
        format=source.format,
        columns=source.columns,
        roles=source.roles,
        encoding=section.encoding,
        reasoning=section.reasoning,
        on_duplicate=section.on_duplicate,
        validation_share=0.0,
        test_share=0.0,
    )
    read = load(asked, seed=0, wants=shape)
    learned = objective_for(read.shape) if wanted == "auto" else wanted
    kind = objectives.get(learned)
    values = {key: value for key, value in source.objective.items() if key != "name"}
    config = build(kind.Config, values, where=f"{where}.objective")
    found = resolved(kind, config, read.splits.train)
    chosen = {key: value for key, (value, _) in found.items()}
    return read.splits.train, kind(config.model_copy(update=chosen)), learned, read


def _refuse(objective: Objective, main: Objective, learned: str, *, kind: Kind, where: str) -> None:
    """Raises: RecipeError: the two cannot be trained together."""
    if kind not in objective.kinds or labels_of(objective) != labels_of(main):
        fitting = [name for name, item in objectives.items() if kind in item.kinds]
        raise RecipeError(
            f"recipe {where}.objective: '{learned}' needs another head than this run's {kind} has; "
            f"only objectives that share one can be mixed: {', '.join(fitting)}, with the same "
            "classes where there are some."
        )
    others = sorted(needed(objective) - {"policy"})
    if others:
        raise RecipeError(
            f"recipe {where}.objective: '{learned}' needs a model in the role of "
            f"{', '.join(others)}, which only the main objective gets. Make it the main one, and "
            "mix the other source in."
        )


def _is_held_out(row: Row, held_out: Mapping[str, str], ledger: Ledger) -> bool:
    split = held_out.get(row.input_key())
    if split is not None:
        ledger.drop(f"input also in {split} of the run", row.origin, split=_SPLIT)
    return split is not None


def _name(source: MixtureSource, index: int, *, taken: set[str]) -> str:
    first = source.train if isinstance(source.train, str) else source.train[0]
    stem = Path(first).stem
    return stem if stem not in taken else f"{stem}-{index}"
