"""What is wrong with the rows of some files: everything that cleaners and checks find."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any

from luthier.core.errors import DataError
from luthier.data.assisted import Helpers
from luthier.data.checks import Beside, Check, Finding, Shown, Spatial, checks
from luthier.data.checks.contract import OtherColumns
from luthier.data.clean import asked_for, looking_of, without
from luthier.data.cleaning import Cleaner, Opening, cleaners
from luthier.data.corrections import corrected_splits, read_corrections
from luthier.data.ledger import Ledger
from luthier.data.load import cleaned_splits, parse_splits
from luthier.data.matching.duplicates import Repeats, remove_duplicates, remove_leaks
from luthier.data.matching.keyed import Keyed, keyed
from luthier.data.on_disk import OnDisk
from luthier.data.others import Others
from luthier.data.parse import together
from luthier.data.points.embedded import Embedded, by_words, embedded
from luthier.data.points.embedder import Embedder
from luthier.data.rows import Row
from luthier.data.uncleaned import cleaner_of, in_held_out, would_change
from luthier.recipe.schema import DataSection

LENGTHS = (0, 1, *(2**power for power in range(3, 18)))
"""Characters from which each bin of lengths begins."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What was read, and what is wrong with it, the costliest first."""

    description: list[str]
    ledger: Ledger
    rows: Mapping[str, int]
    """Split -> rows that can be used; all are "train" where no other files were named."""
    shape: str
    classes: Mapping[str, int]
    """Class -> rows of train; empty without classes."""
    findings: list[Finding]
    lengths: Mapping[str, list[int]]
    """What is given, and the target -> rows of train by their characters, see `LENGTHS`."""
    single: Keyed
    """The rows of train, each once."""
    points: Embedded | None
    """Some or all of these with vectors; None where there are too few."""

    def beside(self, findings: Sequence[Finding]) -> Examined:
        """The same with further findings."""
        return replace(self, findings=costliest_first([*self.findings, *findings]))

    def document(self) -> dict[str, Any]:
        """The content of `check.json`."""
        return {
            "format_version": 1,
            "read": self.description,
            "shape": self.shape,
            "rows": dict(self.rows),
            "classes": dict(self.classes),
            "lengths": {"from": list(LENGTHS), "rows": dict(self.lengths)},
            "ledger": self.ledger.document()["rows"],
            "findings": [documented(finding) for finding in self.findings],
        }


def _unread(section: DataSection) -> list[str]:
    """What a training would read, too."""
    names = [str(one.train) for one in section.mixture]
    if not names:
        return []
    return [f"data.mixture: {', '.join(names)} not looked at; check each of them by itself"]


def examine(
    section: DataSection,
    *,
    wants: str = "auto",
    embedder: Embedder | None = None,
    helpers: Helpers | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Examined:
    """Everything that is wrong with the rows of a recipe's files, after its `data.clean`.

    Cleaners that ask a model, or that only look, leave the rows as they are here: what they find
    is among the findings.
    Args: embedder: gives vectors of texts; None: they are made of words. helpers: models, for
        cleaners that ask one. progress: is told what is looked at now.
    Raises: DataError: as `load`, for files that cannot be read. RecipeError: as `asked_for`.
    """
    looking = looking_of(asked_for(section.clean, helpers))  # refused before anything is read
    section = without(section, looking)
    ledger, corrections = Ledger(), read_corrections(section.corrections)
    progress("reading")
    parsed = parse_splits(section, ledger, wants=wants, keeps_others="short")
    findings = _dropped(ledger)
    corrected = corrected_splits(parsed, corrections, ledger)
    cleaned = cleaned_splits(corrected.parsed, section, ledger)
    tables = {name: keyed(together(files)) for name, files in cleaned.items() if files}
    for name, table in tables.items():
        ledger.use(name, len(table))
    ledger.check()
    rows = tables["train"].rows
    progress("comparing rows")
    findings += _repeated(tables)
    held_out = {name: tables[name].rows for name in ("validation", "test") if name in tables}
    beside = OnDisk(chain(*held_out.values()))
    single = remove_duplicates(tables["train"], policy="remove")[0]
    progress("placing rows by their texts")
    points = embedded(single, embedder or by_words())
    others, not_looked_for = Others(parsed["train"]).of, list[str]()
    findings += findings_of(
        single.rows, beside, points=points, others=others, looking=looking,
        progress=progress, unable=not_looked_for.append,
    )  # fmt: skip
    findings += in_held_out(held_out, looking)
    return Examined(
        [
            *(line for files in parsed.values() for one in files for line in one.description),
            *(*corrected.said, *corrected.warnings, *(helpers.said if helpers else ())),
            *_unread(section),
            *not_looked_for,
        ],
        ledger,
        {name: len(table) for name, table in tables.items()},
        parsed["train"][0].shape,
        _classes(rows),
        costliest_first(findings),
        _lengths(rows),
        single,
        points,
    )


def costliest_first(findings: Sequence[Finding]) -> list[Finding]:
    """As they are shown."""
    return sorted(findings, key=lambda finding: -finding.cost)


def findings_of(
    rows: Sequence[Row],
    beside: Sequence[Row] = (),
    *,
    points: Embedded | None = None,
    others: OtherColumns | None = None,
    looking: Mapping[str, Cleaner] | None = None,
    opens: bool = True,
    progress: Callable[[str], None] = lambda _: None,
    unable: Callable[[str], None] = lambda _: None,
) -> list[Finding]:
    """What cleaners would change in these rows, and what checks say of them, costliest first.

    Args: beside: validation and test rows of files of their own. points: the rows, or some of them,
        with vectors. others: gives the columns that rows do not hold. looking: cleaners with
        settings of their own, in place of the usual ones. opens: whether those look too that open
        the files that rows name. progress: is told what is looked for. unable: is told which check
        could not look, and why.
    """
    found: list[Finding] = []
    for name, kind in cleaners.items():
        cleaner = cleaner_of(name, kind, looking or {})
        if opens or not isinstance(cleaner, Opening):
            progress(f"looking for {name.replace('_', ' ')}")
            found += would_change(name, cleaner, rows, beside)
    for name, kind in checks.items():
        progress(f"looking for {name}")
        try:
            found += _looked(kind(), rows, points, others)
        except DataError as error:  # one that cannot look does not keep the others from it
            unable(str(error))
    return costliest_first(found)


def _looked(
    check: Check | Spatial | Beside,
    rows: Sequence[Row],
    points: Embedded | None,
    others: OtherColumns | None,
) -> Iterable[Finding]:
    if isinstance(check, Beside):
        return check.look_beside(rows, others) if others else ()
    is_said = points is not None and (points.by.is_learned or not isinstance(check, Check))
    if points is not None and is_said and isinstance(check, Spatial):
        return check.look_at(points)
    return check.look(rows) if isinstance(check, Check) else ()


def _repeated(tables: Mapping[str, Keyed]) -> list[Finding]:
    found: list[Finding] = []
    for name, table in tables.items():
        _, repeats = remove_duplicates(table, policy="remove")
        harm = "they count many times over; training leaves them out (data.on_duplicate)"
        found.append(_pairs("duplicates", f"exact duplicates in {name}", harm, repeats, 0.05))
    for other, name in (("test", "validation"), ("test", "train"), ("validation", "train")):
        if name in tables and other in tables:
            _, leaks = remove_leaks(
                tables[name], tables[other], tie="input", policy="remove", split=name, other=other
            )
            harm = f"the score on {other} is too good; training leaves them out (data.on_leak)"
            found.append(_pairs("leaks", f"inputs of {name} also in {other}", harm, leaks, 1.0))
    return [finding for finding in found if finding.count]


def _pairs(name: str, title: str, harm: str, repeats: Repeats, weight: float) -> Finding:
    finding = Finding(name, title, harm, "nothing: they are left out, and counted", weight)
    for index in range(len(repeats)):
        row, of = repeats.pair(index)
        finding.add(row, of=of)
    return finding


def _dropped(ledger: Ledger) -> list[Finding]:
    """Rows that could not be used at all."""
    found: list[Finding] = []
    for reason, entry in ledger.dropped.items():
        finding = Finding(
            "unusable", reason, "nothing can be learned from them: they are left out",
            "mend them in the file, or let them go", 0.5, count=entry.count,
        )  # fmt: skip
        finding.shown += [Shown(place, "") for place in entry.examples]
        found.append(finding)
    return found


def _lengths(rows: Sequence[Row]) -> dict[str, list[int]]:
    found = {"input": Counter[int](), "target": Counter[int]()}
    for row in rows:
        found["input"][bisect_right(LENGTHS, len(row.given())) - 1] += 1
        has_class = bool(row.stratum() or row.brings())
        if not has_class:
            found["target"][bisect_right(LENGTHS, len(row.target())) - 1] += 1
    return {what: [bins[at] for at in range(len(LENGTHS))] for what, bins in found.items()}


def _classes(rows: Sequence[Row]) -> dict[str, int]:
    found = Counter(name for row in rows for name in {row.stratum(), *row.brings()} if name)
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def documented(finding: Finding) -> dict[str, Any]:
    """As it stands in a file."""
    unsaid = ("stops_from", "places")
    told = {key: value for key, value in asdict(finding).items() if key not in unsaid}
    return {**told, "cost": finding.cost}
