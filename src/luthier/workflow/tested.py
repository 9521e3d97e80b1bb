"""The rows of a trained run, and rows to test it on anew: none of those that it learned from."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from luthier.core.errors import DataError
from luthier.data.classes import class_names
from luthier.data.ledger import SPLITS, Ledger
from luthier.data.load import Loaded, load, load_test
from luthier.data.rows import Row, Splits
from luthier.recipe.resolve import Settled
from luthier.recipe.schema import DataSection
from luthier.workflow.held_out import ties_of
from luthier.workflow.inputs import Inputs, context_left, fit_split, prepare_all, refuse_beyond
from luthier.workflow.stages import Stages

Recorded = Mapping[str, Sequence[Mapping[str, str]]]
"""The content of `splits.json`: origin and key of every row of each split."""
_LEARNED = ("train", "validation")
_HINT = "    Give other rows: data.test=FILE"


@dataclass(frozen=True, slots=True)
class OwnRows:
    """Reads the rows of a run, each into the split that the run recorded for it.

    Nothing is divided anew: other test rows must not change what the run was trained on.
    """

    recorded: Recorded
    asked: DataSection
    """Where the files lie now."""

    def __call__(self, section: DataSection, *, seed: int, wants: str = "auto") -> Loaded:
        """As `load`. Rows of a test file are not read: they may be others now.

        Raises: DataError: as `load`; or the files hold no row that the run was trained on.
        """
        now = {"train": self.asked.train_files, "validation": self.asked.validation}
        has_own = section.test != "auto" or self.asked.test != "auto"
        unsplit: str | list[str] = [] if has_own else "auto"  # a part of train may be others now
        whole = {"test": unsplit, "test_share": 0.0, "validation_share": 0.0, "max_rows": 0}
        whole |= {"augment": {}, "sample": "as_is"}
        now_whole = section.model_copy(update=now | whole)
        read = load(now_whole, seed=seed, wants=wants, is_whole=False)
        found: dict[str, deque[Row]] = defaultdict(deque)
        for row in chain(read.splits.train, read.splits.validation, read.splits.test):
            found[row.key()].append(row)
        parts = {split: _taken(found, self.recorded.get(split, ())) for split in SPLITS}
        if not parts["train"]:
            raise DataError(
                f"{', '.join(read.files)}: no row of it is one that the run was trained on.\n"
                "    data.train names the files of the training; rows to test on: data.test=FILE"
            )
        for row in (row for rows in found.values() for row in rows):
            read.ledger.drop("not a row of the run", row.origin)
        read.ledger.used = {split: len(rows) for split, rows in parts.items()}
        how = ", ".join(f"{split}: {len(rows)} rows" for split, rows in parts.items() if rows)
        return replace(
            read,
            splits=Splits(**parts),
            description=[*read.description[:-1], f"as the run divided them: {how}"],
            labels=class_names(parts["train"]),
        )

    def is_whole(self, read: Loaded) -> bool:
        """Whether all rows of files were found that the run learned from and chose by."""
        return all(
            len(getattr(read.splits, split))
            == sum("made" not in item for item in self.recorded.get(split, ()))
            for split in _LEARNED
        )


def put_test(inputs: Inputs, settled: Settled, stages: Stages) -> None:
    """Put the rows that `data.test` names in the place of the run's own test rows, or these as they
    are to be read now; they have a ledger of their own.

    Raises: DataError: as `load_test`, or a row is too long. RecipeError: longer than the model
        reads.
    """
    section, own = settled.recipe().data, inputs.loaded
    with stages.stage("reading data"):
        other = _held_out(own) if section.test == "auto" else load_test(section, own)
        for line in other.description:
            stages.note(line)
    with stages.stage("checking rows"):
        inputs.features["test"] = prepare_all(inputs.objective, inputs.codec, other, stages)["test"]
        inputs.loaded = replace(
            own,
            splits=replace(own.splits, test=other.splits.test),
            ledger=other.ledger,
            files={**own.files, **other.files},
        )
        left = context_left(settled, inputs.blueprint.facts.context_length)
        context = min(inputs.codec.max_length, left)
        refuse_beyond(settled, context)
        stages.note_all(fit_split(inputs, settled, "test", context=context))


def _held_out(own: Loaded) -> Loaded:
    """The test rows of the run by themselves."""
    rows = own.splits.test
    ledger = Ledger(rows_in=len(rows))
    ledger.use("test", len(rows))
    return replace(own, splits=Splits(test=rows), ledger=ledger, description=[])


def leave_out_learned(
    inputs: Inputs, settled: Settled, recorded: Recorded, stages: Stages
) -> dict[str, int]:
    """Take the test rows out that the run learned from or chose by: reason -> how many.

    A row is known by its content, and as between splits by its input and group.
    Raises: DataError: none is left, or `data.on_leak` is "error".
    """
    rows, own = inputs.rows("test"), _keys(recorded, "test")
    asked = {item.row for item in inputs.features["test"]}
    others = [at for at in sorted(asked) if rows[at].key() not in own]
    learned = _learned(inputs, recorded) if others else {}  # the run's own were held out of it
    why = {at: reason for at in others if (reason := _reason(rows[at], learned))}
    if not why:
        return {}
    counted = Counter(why.values())
    reasons = ", ".join(f"{count} {reason}" for reason, count in counted.items())
    names = ", ".join(dict.fromkeys(rows[at].origin.file for at in why))
    found = f"{names}: {len(why)} of {len(asked)} test rows"
    if len(why) == len(asked):
        raise DataError(f"{found} were learned from ({reasons}): nothing is left to test.\n{_HINT}")
    if settled.get("data.on_leak") == "error":
        raise DataError(
            f"{found} were learned from ({reasons}), such as {rows[min(why)].origin}.\n"
            "    The score would be too good. Delete them, or let Luthier: data.on_leak = remove"
        )
    for at, reason in why.items():
        inputs.loaded.ledger.drop(reason, rows[at].origin, split="test")
    inputs.features["test"] = [item for item in inputs.features["test"] if item.row not in why]
    stages.note(f"{found} are left out, as the run learned from them: {reasons}", warning=True)
    return dict(counted)


def is_own(inputs: Inputs, recorded: Recorded) -> bool:
    """Whether all test rows are some that the run held out; so they are where it recorded none."""
    own = _keys(recorded, "test")
    return not own or all(row.key() in own for row in inputs.kept("test"))


def _taken(found: Mapping[str, deque[Row]], wanted: Sequence[Mapping[str, str]]) -> list[Row]:
    """The rows of these keys, in this order; not those that were made of others."""
    held = (found.get(item["key"]) for item in wanted if "made" not in item)
    return [rows.popleft() for rows in held if rows]


def _keys(recorded: Recorded, split: str) -> set[str]:
    return {item["key"] for item in recorded.get(split, ())}


def _learned(inputs: Inputs, recorded: Recorded) -> dict[str, str]:
    """What a row may have in common with those that the run learned from or chose by -> what that
    is called."""
    sources = [(f"{item.found.name} (data.mixture)", item.found.rows) for item in inputs.mixture]
    sources += [(f"{one.part.name} (keep)", one.rows) for one in inputs.general.values()]
    sources += [(f"{split} of the run", inputs.rows(split)) for split in reversed(_LEARNED)]
    known: dict[str, str] = {}
    for split in _LEARNED:
        known |= dict.fromkeys(_keys(recorded, split), f"row also in {split} of the run")
    for name, rows in sources:
        for row in rows:
            known |= {tie: f"{what} also in {name}" for tie, what in ties_of(row).items()}
    return known


def _reason(row: Row, learned: Mapping[str, str]) -> str:
    """Why a test row is left out; an empty string where it is not."""
    return next((learned[tie] for tie in (*ties_of(row), row.key()) if tie in learned), "")
