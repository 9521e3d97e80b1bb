"""Two finished runs on the same test rows, from what they wrote down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from luthier.core.errors import RunError
from luthier.evaluation.difference import Settings, Table, difference, flips
from luthier.evaluation.frame import frame_from
from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics.contract import Metric
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.results import Verdict
from luthier.run.reader import RunFiles

SETTINGS = Settings(confidence=0.95, num_resamples=2000, seed=0)


def compare(a: RunFiles, b: RunFiles) -> dict[str, Any]:
    """The tuned model of `b` against that of `a`, paired by row, on the metric `a` was judged by.

    Returns: {"outcome", "metric", "difference" (B minus A), ..., "words", "fixed", "broken"}; the
    last two are origins of rows that only B, or only A, got right.
    Raises: RunError: a run is not evaluated, or the runs were tested on different rows.
    """
    name = str(_evaluation(a)["verdict"]["metric"])
    first, second = _lines(a), _lines(b)
    _check_same(a, b, first, second)
    metric = metrics.get(name)()
    frame = frame_from([str(line["target"]) for line in first.values()], _classes(a, b))
    keys = list(first)
    old = _table(a, name, metric, [first[key] for key in keys], frame)
    new = _table(b, name, metric, [second[key] for key in keys], frame)
    found = difference(metric, new, old, SETTINGS)
    outcome = found.outcome(higher_is_better=metric.higher_is_better)
    words = _words(metric, (float(metric.reduce(old.sum(0))), float(metric.reduce(new.sum(0)))))
    tail = {
        "better": f"{b.name} is better.",
        "worse": f"{b.name} is worse.",
        "no_evidence": "That difference may be chance.",
    }[outcome]
    verdict = Verdict(
        outcome,
        name,
        a.name,
        found.value,
        found.low,
        found.high,
        found.n,
        found.detectable,
        found.p_value,
        f"{metric.words.capitalize()}: {words} from {a.name} to {b.name}. {tail}",
    )
    changed = {
        kind: [str(first[keys[row]].get("origin", "")) for row in rows]
        for kind, rows in flips(metric, new, old).items()
    }
    return asdict(verdict) | changed


def _words(metric: Metric, values: tuple[float, float]) -> str:
    if metric.higher_is_better:
        return f"{100 * values[0]:.1f} % to {100 * values[1]:.1f} %"
    return f"{values[0]:.3f} to {values[1]:.3f}"


def _evaluation(run: RunFiles) -> Mapping[str, Any]:
    if not run.evaluation or not run.predictions:
        raise RunError(
            f"{run.layout.root}: not evaluated yet. Run: luthier evaluate {run.layout.root}"
        )
    return run.evaluation


def _lines(run: RunFiles) -> dict[str, Mapping[str, Any]]:
    _evaluation(run)
    found: dict[str, Mapping[str, Any]] = {}
    for line in run.predictions:
        key, number = str(line["key"]), 0
        while f"{key}/{number}" in found:
            number += 1
        found[f"{key}/{number}"] = line
    return found


def _check_same(
    a: RunFiles, b: RunFiles, first: Mapping[str, Any], second: Mapping[str, Any]
) -> None:
    if first.keys() == second.keys():
        return
    only_a, only_b = len(first.keys() - second.keys()), len(second.keys() - first.keys())
    raise RunError(
        f"{a.layout.root} and {b.layout.root} were tested on different rows: {only_a} stand only in"
        f" the first, {only_b} only in the second, {len(first.keys() & second.keys())} in both.\n"
        "    Give both runs the same test file: data.test = FILE, and the same evaluation.max_rows."
    )


def _classes(*runs: RunFiles) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for run in runs:
        details = (run.evaluation or {}).get("details") or {}
        found |= dict.fromkeys(map(str, details.get("classes") or {}))
    return tuple(found)


def _table(
    run: RunFiles, name: str, metric: Metric, lines: Sequence[Mapping[str, Any]], frame: Frame
) -> Table:
    answers = [line["answers"]["tuned"] for line in lines]
    if not metric.per_row:
        outcomes = [
            Outcome(index, str(line["target"]), str(answer["text"]))
            for index, (line, answer) in enumerate(zip(lines, answers, strict=True))
        ]
        return metric.table(outcomes, frame)
    if not any(name in answer["scores"] for answer in answers):
        raise RunError(f"{run.layout.root}: was not scored by '{name}', so it cannot be compared")
    scored = [
        (answer["scores"].get(name, 0.0), answer["weight"].get(name, 0.0)) for answer in answers
    ]
    return np.array([(score * weight, weight) for score, weight in scored])
