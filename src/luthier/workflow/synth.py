"""Documents in, a folder of questions with answers out, each with its source and screened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.core import files
from luthier.core.errors import RecipeError
from luthier.data.ledger import Ledger
from luthier.data.load import parse_files
from luthier.data.on_disk import OnDisk
from luthier.data.parse import Parsed, Reading, together
from luthier.data.rows import Row
from luthier.recipe.data_section import LEAST_CHUNK, DataSection
from luthier.workflow.distinct import distinct, num_distinct
from luthier.workflow.pairs import Maker, Pair
from luthier.workflow.said import open_kept
from luthier.workflow.stages import Listener, Stages, silent
from luthier.workflow.synth_folder import Pool
from luthier.workflow.teacher import AT_ONCE, ROWS_AT_ONCE, Asking, Teacher, introduce
from luthier.workflow.wording import wording_of

_READ = frozenset({"train", "format", "columns", "encoding", "chunk", "chunk_overlap"})
"""Settings of data that say how documents are read."""
_STAGE = "making pairs"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pairs, and how many."""

    kind: str = "qa"
    per_chunk: int = 3
    """Pairs that are asked for of each passage."""
    most: int = 0
    """No more are kept; passages are then taken in order of their hashes, which is that of no
    document. 0: all that can be made."""


def synth_files(
    section: DataSection,
    *,
    output: Path,
    teacher: Teacher,
    wanted: Wanted,
    seed: int = 0,
    on_event: Listener = silent,
) -> dict[str, Any]:
    """Questions with answers made from documents, as conversations to learn from.

    What the model says is kept in OUTPUT.part as it comes, and asked for once, however often it is
    started.
    Args: output: a new folder for train.jsonl, rejected.jsonl and ledger.json.
    Returns: the content of `ledger.json`, and the folder.
    Raises: DataError: no documents, or there is something in the folder. RecipeError: nobody
        answers, or nobody takes the questions; nothing is written then.
    """
    stages, wording = Stages(on_event), wording_of(wanted.kind)
    _check(section, wanted)
    teacher.check()
    with files.new_folder(output) as folder:
        with stages.stage("reading data"):
            read = parse_files(section.train, Reading.of(section, "text"), Ledger())
            rows = together(read)
            order = _order(rows, wanted, name=read[0].name)
        for line in (line for one in read for line in one.description):
            stages.note(line)
        kept = open_kept(output, teacher.settings())
        introduce(teacher, len(kept.found), "the passages are", stages)
        maker = Maker(Asking(teacher, kept, seed=seed), kept, wording, per_chunk=wanted.per_chunk)
        with stages.stage(_STAGE, f"{len(order)} passages, {teacher.url or teacher.model}"):
            pairs, num_asked = _made(maker, rows, order, wanted, stages)
        _check_taken(pairs, teacher)
        with stages.stage("writing data", str(output)):
            pool = Pool(distinct(pairs, wanted.most), rows, num_asked)
            found = {
                **_head(section, read, teacher, wanted),
                **pool.counts(wanted.per_chunk),
                "calls": maker.calls,
                **pool.write(folder, output),
            }
            files.write_json(folder / "ledger.json", found)
    kept.drop()  # not before: the disk may be full
    return {**found, "folder": str(output)}


def _check(section: DataSection, wanted: Wanted) -> None:
    """Raises: RecipeError: settings that do nothing here, or numbers that cannot be."""
    idle = section.model_dump(exclude_defaults=True).keys() - _READ
    if idle:
        names = ", ".join(f"data.{name}" for name in sorted(idle))
        raise RecipeError(
            f"{names}: not used where pairs are made, as documents are only read.\n"
            "    Leave it out here, and give it when you train on the pairs"
        )
    if wanted.per_chunk < 1:
        raise RecipeError(f"--per-chunk: got {wanted.per_chunk}, expected at least 1")
    if wanted.most < 0:
        raise RecipeError(f"--most: got {wanted.most}, expected at least 1, or 0 for all")


def _order(rows: Sequence[Row], wanted: Wanted, *, name: str) -> list[int]:
    """Numbers of the passages that are long enough to be asked of, in the order of asking.

    Raises: RecipeError: there are none.
    """
    found = [at for at, row in enumerate(rows) if len(row.given()) >= LEAST_CHUNK]
    if not found:
        raise RecipeError(
            f"{name}: no passage of at least {LEAST_CHUNK} characters, so nothing to ask of.\n"
            "    Name documents, or a folder of them: luthier data synth handbook/"
        )
    return sorted(found, key=lambda at: rows[at].key()) if wanted.most else found


def _made(
    maker: Maker, rows: Sequence[Row], order: Sequence[int], wanted: Wanted, stages: Stages
) -> tuple[Sequence[Pair], int]:
    """Pairs of the passages in this order until there are enough, and of how many passages.

    They are made in rounds, so that what is asked of a long row of documents can end early.
    """
    pairs, num_asked, calls = OnDisk[Pair](), 0, 1 + wanted.per_chunk
    num_kept = 0
    while num_asked < len(order) and not (wanted.most and num_kept >= wanted.most):
        missing = -(-(wanted.most - num_kept) // wanted.per_chunk)
        size = max(AT_ONCE, min(missing, ROWS_AT_ONCE)) if wanted.most else ROWS_AT_ONCE
        chosen = {at: rows[at] for at in order[num_asked : num_asked + size]}

        def tell(done: int, before: int = num_asked * calls) -> None:
            stages.progress(_STAGE, before + done, len(order) * calls, "calls")

        for pair in maker.pairs(chosen, tell):
            pairs.append(pair)
        num_asked += len(chosen)
        num_kept = num_distinct(pairs) if wanted.most else 0
    return pairs, num_asked


def _check_taken(pairs: Sequence[Pair], teacher: Teacher) -> None:
    """Raises: RecipeError: the endpoint took not one passage."""
    if all(pair.why == "refused" for pair in pairs):
        raise RecipeError(
            f"{teacher.url}: refused all {len(pairs)} passages, so nothing was written: "
            f"{pairs[0].told}.\n"
            "    Change what it speaks of, such as --model, --max-new-tokens or data.chunk"
        )


def _head(
    section: DataSection, read: Sequence[Parsed], teacher: Teacher, wanted: Wanted
) -> dict[str, Any]:
    """From what the pairs were made, by whom and how."""
    return {
        "format_version": 1,
        "sources": {one.name: one.sha256 for one in read},
        "read": [line for one in read for line in one.description],
        "settings": section.model_dump(exclude_defaults=True),
        "by": {key: value for key, value in teacher.settings().items() if value},
        "kind": wanted.kind,
        "per_chunk": wanted.per_chunk,
        "most": wanted.most,
    }
