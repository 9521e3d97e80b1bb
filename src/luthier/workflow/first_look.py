"""The checks of `luthier data check`, at the start of every training."""

from __future__ import annotations

from itertools import islice
from typing import Any

from luthier.core.counted import counted
from luthier.core.errors import DataError
from luthier.data.checks import Finding
from luthier.data.clean import asked_for, looking_of
from luthier.data.examine import documented, findings_of
from luthier.data.load import Loaded
from luthier.recipe.schema import DataSection
from luthier.workflow.stages import Stages

MOST_ROWS = 5_000
"""Of train are looked at, so that no training waits for it; `luthier data check` looks at all."""
_TOLD = 3


def first_look(loaded: Loaded, section: DataSection, stages: Stages) -> list[dict[str, Any]]:
    """What is wrong with the rows of train, the costliest first; the first few are told.

    Raises: DataError: something with which nobody wants to train (`Finding.stops_from`), and
        `data.on_finding` is "error".
    """
    if section.on_finding == "off":
        return []
    of_files = (row for row in loaded.splits.train if not row.origin.made)
    rows = list(islice(of_files, MOST_ROWS))
    findings = findings_of(
        rows,
        others=loaded.others,
        looking=looking_of(asked_for(section.clean)),
        opens=False,
        unable=lambda text: stages.note(text, warning=True),
    )
    stopping = [one for one in findings if one.count >= max(1, one.stops_from * len(rows))]
    if stopping and section.on_finding == "error":
        raise _stopped(stopping, len(rows))
    of = f" of the first {MOST_ROWS:,}" if len(rows) == MOST_ROWS else ""
    for one in findings[:_TOLD]:
        stages.note(
            f"{counted(one.count, 'row')}{of}: {one.title} ({one.remedy})", warning=one in stopping
        )
    if len(findings) > _TOLD:
        stages.note(f"and {len(findings) - _TOLD} more findings: luthier data check shows the rows")
    return [documented(one) for one in findings]


def _stopped(findings: list[Finding], looked_at: int) -> DataError:
    lines: list[str] = []
    for one in findings:
        places = ", ".join(row.origin for row in one.shown)
        lines.append(
            f"{places}: {one.title}, in {one.count:,} of {looked_at:,} rows; {one.harm}.\n"
            f"    What to do: {one.remedy}"
        )
    return DataError(
        "\n".join(lines) + "\n    luthier data check shows them. To train on them as they are: "
        "data.on_finding = warn"
    )
