"""Rows as files of corrections have them; what was changed or left out is in the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from luthier.core.errors import DataError
from luthier.data.corrections.correction import Correction, unknown_label
from luthier.data.corrections.read import Corrections
from luthier.data.ledger import Ledger
from luthier.data.on_disk import OnDisk
from luthier.data.parse import Parsed
from luthier.data.rows import Row

_SHOWN = 3
_WORDS = {"changed": "corrected", "drop": "left out", "confirmed": "confirmed"}


@dataclass(frozen=True, slots=True)
class Corrected:
    """The files of every split with their rows corrected."""

    parsed: dict[str, list[Parsed]]
    said: list[str]
    """How many rows were corrected, in words; empty without corrections."""
    warnings: list[str]
    """Corrections that fit no row."""


def corrected_splits(
    parsed: Mapping[str, list[Parsed]],
    corrections: Corrections,
    ledger: Ledger,
    *,
    is_whole: bool = True,
) -> Corrected:
    """Every row as it is said to be right.

    Args: is_whole: False: these are only some of the rows that the corrections are of.
    Raises: DataError: a correction of another kind of row, an unknown label, no correction that
        fits, or nothing left of a split.
    """
    if not corrections.files:
        return Corrected(dict(parsed), [], [])
    work = _Work(corrections, ledger)
    found = {split: [work.file(one, split) for one in files] for split, files in parsed.items()}
    work.check_labels()
    empty = [split for split, files in found.items() if files and not any(x.rows for x in files)]
    if empty:
        raise DataError(f"{_names(corrections)}: not one row of {empty[0]} is left after it")
    return Corrected(found, work.said(), work.warnings() if is_whole else [])


def corrected_test(
    parsed: Sequence[Parsed], corrections: Corrections, ledger: Ledger, *, labels: Iterable[str]
) -> Corrected:
    """Rows of a test by itself. Args: labels: those of the training rows."""
    if not corrections.files:
        return Corrected({"test": list(parsed)}, [], [])
    work = _Work(corrections, ledger, labels=set(labels))
    files = [work.file(one, "test") for one in parsed]
    work.check_labels()
    return Corrected({"test": files}, work.said(), [])


@dataclass(slots=True)
class _Work:
    corrections: Corrections
    ledger: Ledger
    labels: set[str] = field(default_factory=set[str])
    """Of the rows as they stand in their files."""
    used: dict[str, Correction] = field(default_factory=dict[str, Correction])
    counts: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    """Split -> what was done -> rows."""

    def file(self, one: Parsed, split: str) -> Parsed:
        """The rows of a file after their corrections; the same where there are none."""
        by_key = self.corrections.by_key
        places: dict[int, Correction] = {}
        for at, row in enumerate(one.rows):
            self.labels.update((row.stratum(), *row.brings()))
            found = by_key.get(row.key())
            if found is not None:
                places[at] = found
        if not places:
            return one
        kept = OnDisk[Row]()
        for at, row in enumerate(one.rows):
            new = self._row(row, places[at], split) if at in places else row
            if new is not None:
                kept.append(new)
        return replace(one, rows=kept)

    def _row(self, row: Row, correction: Correction, split: str) -> Row | None:
        new = correction.applied(row)
        self.used[correction.key] = correction
        done = "drop" if new is None else "confirmed" if new == row else "changed"
        self.counts.setdefault(split, Counter())[done] += 1
        reason, beside = f"corrected by {correction.file}", f" (line {correction.line} there)"
        if new is None:
            self.ledger.drop(f"left out by {correction.file}", row.origin, beside=beside)
            return None
        if new != row:
            self.ledger.change(reason, row, new, beside=beside)
        return replace(new, is_confirmed=True)

    def check_labels(self) -> None:
        """Raises: DataError: a correction gives a label that no row has, and does not mean it."""
        for correction in self.used.values():
            for label in correction.labels():
                if label not in self.labels and not correction.is_new:
                    raise DataError(
                        f"{correction.place}: {unknown_label(label, self.labels - {''})}\n"
                        '    Correct it; or, for a new label, add to the line: "new": true'
                    )

    def said(self) -> list[str]:
        parts = [
            f"{_counted(counts)} of {split}{' (scored so)' if split == 'test' else ''}"
            for split, counts in self.counts.items()
        ]
        return [f"{_names(self.corrections)}: {'; '.join(parts) or 'no row is corrected'}"]

    def warnings(self) -> list[str]:
        """What fits no row.

        Raises: DataError: nothing fits.
        """
        known = self.corrections.by_key.items()
        lost = [correction for key, correction in known if key not in self.used]
        if not lost:
            return []
        shown = ", ".join(f"{one.place}{f' ({one.at})' if one.at else ''}" for one in lost[:_SHOWN])
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        why = (
            "the rows were edited or taken out, or are read otherwise than when they were labelled"
        )
        if len(lost) == len(known):
            raise DataError(
                f"{_names(self.corrections)}: not one of {len(lost)} corrections fits a row "
                f"({shown}{more}); {why}.\n"
                "    Name the files they were made for, or take data.corrections out"
            )
        return [f"corrections that fit no row: {len(lost)} ({shown}{more}); {why}"]


def _counted(counts: Counter[str]) -> str:
    rows = [(what, counts[what]) for what in _WORDS if counts[what]]
    return ", ".join(f"{n} {'row' if n == 1 else 'rows'} {_WORDS[what]}" for what, n in rows)


def _names(corrections: Corrections) -> str:
    return ", ".join(corrections.files)
