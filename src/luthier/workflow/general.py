"""General conversations that options of `keep` ask for: read, prepared, and counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

from luthier.core.errors import RecipeError
from luthier.core.files import sha256_of
from luthier.data.features import Features
from luthier.data.ledger import Ledger
from luthier.data.load import Loaded, load
from luthier.data.overflow import fit_to
from luthier.data.rows import Row
from luthier.models.bundle import Codec, Kind
from luthier.objectives import Part, objectives
from luthier.recipe.place import OPTIONS
from luthier.recipe.resolve import Settled
from luthier.recipe.schema import DataSection
from luthier.workflow.held_out import without_held_out
from luthier.workflow.options import options
from luthier.workflow.settle import objective_for
from luthier.workflow.stages import Stages

SHIPPED = "luthier"
"""Names the general conversations that ship with the package, where a file is expected."""
_USUAL_LENGTH = 512
_SPLIT = "train"


@dataclass(frozen=True, slots=True)
class General:
    """One file of general conversations, ready to be learned, and its own account."""

    part: Part
    rows: list[Row]
    ledger: Ledger
    is_bare: bool
    """Rendered as plain text, as the model has no chat template."""
    files: dict[str, str]
    """Each file that the user named, with its hash; the one that ships is none."""

    def document(self) -> dict[str, Any]:
        """Its part of the ledger."""
        return {"name": self.part.name, **self.ledger.document()}


def general_rows(
    settled: Settled, codec: Codec, loaded: Loaded, *, kind: Kind, context: int
) -> dict[str, General]:
    """What options ask for, by the name of its file; `training.max_length` is settled already.

    Rows are left out that the run is validated or tested on, or that are longer than its own rows
    may be and than usual ones.
    Args: context: of the model.
    Raises: DataError: a file that cannot be read, or holds no conversations. RecipeError: nothing
        of it is left; and as `options`.
    """
    asked = {
        getattr(option.config, "rows", None) for option in options(settled, kind=kind).values()
    }
    limit = max(int(settled.get("training.max_length")), min(_USUAL_LENGTH, context))
    names = sorted(name for name in asked if isinstance(name, str))
    return {name: _general(name, codec, loaded, limit) for name in names}


def _general(name: str, codec: Codec, loaded: Loaded, limit: int) -> General:
    learned = objectives.get(objective_for("chat"))
    objective = learned(learned.Config())
    with as_file(files("luthier.keeping").joinpath("general.jsonl")) as shipped:
        path = str(shipped) if name == SHIPPED else name
        section = DataSection(train=path, validation_share=0.0, test_share=0.0)
        read = load(section, seed=0, wants="chat")
    ledger = read.ledger
    rows = without_held_out(read.splits.train, loaded, ledger)
    if not rows:
        raise RecipeError(
            f"recipe {OPTIONS}: every row of {name} is also in validation or test of this run. "
            "Give other general rows."
        )
    is_bare = not (codec.has_template or codec.is_plain)
    codec = codec.plain() if is_bare else codec
    before = [objective.prepare(row, codec, index=index) for index, row in enumerate(rows)]
    after: list[Features] = []
    for item in before:
        fitting = fit_to(item, limit, "drop", name)
        after += fitting
        if not fitting:
            ledger.drop(f"longer than {limit} tokens", rows[item.row].origin, split=_SPLIT)
    if not after:
        raise RecipeError(
            f"recipe {OPTIONS}: every row of {name} is longer than {limit} tokens. Give "
            "shorter general rows, or raise training.max_length."
        )
    ledger.add_features(_SPLIT, before, after)
    ledger.check()
    named = {} if name == SHIPPED else read.files
    return General(Part(name, objective, after, 0.0), rows, ledger, is_bare, named)


def general_files(general: Iterable[General]) -> dict[str, str]:
    """Every file of the user's, with its hash."""
    return {name: digest for one in general for name, digest in one.files.items()}


def tell_left_out(general: Iterable[General], stages: Stages) -> None:
    """Say of each file how many of its rows are used, where not all are, and how they are shown."""
    for one in general:
        if one.is_bare:
            stages.note(
                f"{OPTIONS}: the model has no chat template: general rows of {one.part.name} are "
                "shown to it as plain text"
            )
        rows, used = one.ledger.rows_in, one.ledger.used[_SPLIT]
        reasons = [f"{entry.count} {reason}" for reason, entry in one.ledger.dropped.items()]
        if reasons:
            stages.note(
                f"{OPTIONS}: {used} of {rows} general rows of {one.part.name} are used; left out: "
                f"{', '.join(reasons)} (ledger.json)"
            )


def identity_of(general: Mapping[str, General]) -> list[bytes]:
    """What general rows are, for the identity of a run's data."""
    return [
        sha256_of([item.input_ids.tobytes() for item in one.part.features]).encode()
        for _, one in sorted(general.items())
    ]
