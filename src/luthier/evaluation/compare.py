"""Two finished runs on the same test rows, from what they wrote down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from luthier.core.errors import RunError
from luthier.evaluation.difference import (
    MIN_ROWS,
    Difference,
    Settings,
    Table,
    difference,
    flips,
)
from luthier.evaluation.frame import frame_from
from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics.contract import Metric
from luthier.evaluation.outcome import Frame, Outcome
from luthier.evaluation.results import Verdict
from luthier.recipe.schema import EvaluationSection
from luthier.run import figures
from luthier.run.reader import RunFiles


def compare(a: RunFiles, b: RunFiles) -> dict[str, Any]:
    """The tuned model of `b` against that of `a`, paired by row, on the metric `a` was judged by
    and with its confidence.

    Returns: {"outcome", "metric", "difference" (B minus A), ..., "words", "runs", "values",
    "confidence", "fixed", "broken"}; the last two are origins of rows on which B does better, or
    worse, than A. Runs go by their names, or by their folders where the names are the same.
    Raises: RunError: a run is not evaluated (or not trained), or the runs were tested on different
        rows.
    """
    name = str(_evaluation(a)["verdict"]["metric"])
    first, second = _lines(a), _lines(b)
    _check_same(a, b, first, second)
    metric, settings = metrics.get(name)(), _settings(a)
    targets = [str(line["target"]) for line in first.values()]
    groups = [str(line.get("group", "")) for line in first.values()]
    frame = frame_from(targets, _classes(a, b), task=_task(a), groups=groups)
    keys = list(first)
    old = _table(a, name, metric, [first[key] for key in keys], frame)
    new = _table(b, name, metric, [second[key] for key in keys], frame)
    found = difference(metric, new, old, settings)
    runs = (a.name, b.name) if a.name != b.name else (str(a.layout.root), str(b.layout.root))
    values = float(metric.reduce(old.sum(0))), float(metric.reduce(new.sum(0)))
    outcome = found.outcome(higher_is_better=metric.higher_is_better)
    words = _words(name, metric, found, runs, values)
    verdict = Verdict(
        outcome,
        name,
        runs[0],
        found.value,
        found.low,
        found.high,
        found.n,
        found.detectable,
        found.p_value,
        words,
    )
    changed = {
        kind: [str(first[keys[row]].get("origin", "")) for row in rows]
        for kind, rows in flips(metric, new, old).items()
    }
    more = {"runs": list(runs), "values": list(values), "confidence": found.confidence}
    return asdict(verdict) | more | changed


def _settings(run: RunFiles) -> Settings:
    section = EvaluationSection()
    chosen = run.recipe.get("evaluation") or {}
    confidence = float(chosen.get("confidence", section.confidence))
    return Settings(confidence, int(chosen.get("num_resamples", section.num_resamples)), seed=0)


def _words(
    name: str,
    metric: Metric,
    found: Difference,
    runs: tuple[str, str],
    values: tuple[float, float],
) -> str:
    old, new = (figures.of_metric(name, value) for value in values)
    low, high = (figures.of_difference(name, bound) for bound in (found.low, found.high))
    scores = (
        f"{metric.words[0].upper()}{metric.words[1:]}: {old} with {runs[0]}, {new} with"
        f" {runs[1]}; the difference lies between {low} and {high}, with {found.confidence:.0%}"
        " confidence."
    )
    outcome = found.outcome(higher_is_better=metric.higher_is_better)
    if outcome != "no_evidence":
        return f"{scores} {runs[1]} is {outcome}."
    if not found.has_enough_rows:
        return f"{scores} Too few test rows to tell: it takes {MIN_ROWS} or more."
    return f"{scores} It may be chance."


def _task(run: RunFiles) -> str:
    details = (run.evaluation or {}).get("details") or {}
    return details.get("task", "answer")


def _evaluation(run: RunFiles) -> Mapping[str, Any]:
    if not run.evaluation or not run.predictions:
        root = run.layout.root
        if not run.layout.is_trained:
            raise RunError(f"{root}: nothing was trained yet. Continue it: luthier train {root}")
        raise RunError(f"{root}: not evaluated yet. Run: luthier evaluate {root}")
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
            Outcome(
                index,
                str(line["target"]),
                str(answer["text"]),
                # the highest probability: all that calibration looks at
                probabilities=(answer["confidence"],) if "confidence" in answer else (),
            )
            for index, (line, answer) in enumerate(zip(lines, answers, strict=True))
        ]
        return metric.table(outcomes, frame)
    if not any(name in answer["scores"] for answer in answers):
        raise RunError(f"{run.layout.root}: was not scored by '{name}', so it cannot be compared")
    scored = [
        (answer["scores"].get(name, 0.0), answer["weight"].get(name, 0.0)) for answer in answers
    ]
    return np.array([(score * weight, weight) for score, weight in scored])
