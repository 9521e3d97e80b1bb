"""What cleaners would change in rows that are checked, as findings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

from luthier.core.config import build
from luthier.data.assisted import Assisted
from luthier.data.checks import Finding
from luthier.data.cleaning import Cleaner, Throughout, cleaners
from luthier.data.rows import Row

_HELD_OUT = 0.25
"""What a row that nothing is trained on costs, beside one of train."""


def cleaner_of(name: str, kind: type[Cleaner], looking: Mapping[str, Cleaner]) -> Cleaner:
    """The one that looks: with settings of its own where there are some, else as it usually is."""
    return looking.get(name) or kind(build(kind.Config, {}, where=name))


def in_held_out(
    held_out: Mapping[str, Sequence[Row]], looking: Mapping[str, Cleaner]
) -> Iterator[Finding]:
    """What cleaners find in validation and test rows, of those that look there too."""
    for (name, kind), split in product(cleaners.items(), held_out):
        cleaner = cleaner_of(name, kind, looking)
        if isinstance(cleaner, Throughout):
            rows, harm = held_out[split], cleaner.elsewhere
            for finding in would_change(name, cleaner, rows, (), harm=harm):
                yield replace(
                    finding,
                    title=f"{finding.title} in {split}",
                    weight=finding.weight * _HELD_OUT,
                    stops_from=math.inf,
                )


def would_change(
    name: str, cleaner: Cleaner, rows: Sequence[Row], beside: Sequence[Row], *, harm: str = ""
) -> list[Finding]:
    """A finding for each reason for which the cleaner would change or leave out some rows.

    Args: harm: what such rows do; empty: as the cleaner says of rows that are trained on.
    """
    harm = harm or cleaner.harm
    found: dict[str, Finding] = {}
    remedy = f"data.clean.{name}=true"
    if isinstance(cleaner, Assisted) and cleaner.needs:
        remedy = cleaner.command
    for change in cleaner.changes(rows, beside):
        finding = found.setdefault(
            change.why,
            Finding(
                name,
                change.why,
                f"{harm}; {change.caution}" if change.caution else harm,
                remedy,
                cleaner.weight,
                stops_from=cleaner.stops_from,
                is_certain=not change.caution,
            ),
        )
        if change.is_grave:
            finding.stops_from = 0.0
        finding.add(rows[change.at], change.found, of=change.of)
    return list(found.values())
