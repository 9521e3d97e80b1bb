"""Rows that tuning fixed or broke, with both answers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from luthier.run import figures
from luthier.run.reader import Document, RunFiles

MOST_SHOWN = 12
LONGEST = 1500
"""Characters of one text that are shown."""


@dataclass(frozen=True, slots=True)
class Flip:
    origin: str
    input: str
    target: str
    before: str
    after: str
    before_score: str
    after_score: str


@dataclass(frozen=True, slots=True)
class Flips:
    """`before` names the arm the tuned one is compared with."""

    before: str
    fixed: list[Flip]
    broken: list[Flip]
    num_fixed: int
    num_broken: int
    num_rows: int
    is_graded: bool
    """Rows got better or worse by degrees (a loss, a share of fields), not right or wrong."""


def flips_of(run: RunFiles) -> Flips | None:
    """The first rows of each kind; None where the evaluation names none."""
    found = (run.evaluation or {}).get("flips")
    if not found:
        return None
    verdict = (run.evaluation or {}).get("verdict") or {}
    against, metric = str(verdict.get("against", "base")), str(verdict.get("metric", ""))
    rows = {line.get("row"): line for line in run.predictions}
    kinds = {
        kind: [
            _flip(rows[row], against, metric)
            for row in list(found.get(kind, []))[:MOST_SHOWN]
            if row in rows
        ]
        for kind in ("fixed", "broken")
    }
    return Flips(
        before=figures.of_name(against),
        fixed=kinds["fixed"],
        broken=kinds["broken"],
        num_fixed=len(found.get("fixed", [])),
        num_broken=len(found.get("broken", [])),
        num_rows=len(run.predictions),
        is_graded=_is_graded(run.predictions, metric),
    )


def _is_graded(lines: Sequence[Document], metric: str) -> bool:
    """Some answer scored neither 0 nor 1."""
    answers = (answer for line in lines for answer in line.get("answers", {}).values())
    return any(answer.get("scores", {}).get(metric, 0) not in (0, 1) for answer in answers)


def cut(text: str) -> str:
    """`text` at a length people read, saying how much is left out."""
    if not text.strip():
        return "(nothing)"
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]} … ({len(text) - LONGEST:,} more characters in predictions.jsonl)"


def _flip(line: Document, against: str, metric: str) -> Flip:
    before, after = _answer(line, against), _answer(line, "tuned")
    return Flip(
        origin=str(line.get("origin", "")),
        input=cut(str(line.get("input", ""))),
        target=cut(str(line.get("target", ""))),
        before=cut(str(before.get("text", ""))),
        after=cut(str(after.get("text", ""))),
        before_score=figures.of_metric(metric, before.get("scores", {}).get(metric)),
        after_score=figures.of_metric(metric, after.get("scores", {}).get(metric)),
    )


def _answer(line: Document, arm: str) -> dict[str, Any]:
    found = line.get("answers", {}).get(arm)
    return found if isinstance(found, dict) else {}
