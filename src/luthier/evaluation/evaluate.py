"""The evidence: every arm on the same test rows, metrics with intervals, and the verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from luthier.core.errors import RecipeError
from luthier.core.events import Event, Notice, Stage
from luthier.data.rows import Row
from luthier.evaluation.arms import Arm, arms
from luthier.evaluation.bench import Bench
from luthier.evaluation.difference import Settings, Table, estimate, flips
from luthier.evaluation.frame import frame_of
from luthier.evaluation.metrics import metrics
from luthier.evaluation.metrics.contract import Metric
from luthier.evaluation.outcome import Outcome
from luthier.evaluation.results import Answer, Evaluation
from luthier.evaluation.retention import retention
from luthier.evaluation.settle import settle
from luthier.evaluation.subject import Subject
from luthier.evaluation.verdict import Opponent, verdict
from luthier.recipe.schema import EvaluationSection

MAX_FREE_TEXTS = 64
"""Where the verdict rests on NLL, answers are written for so many rows only."""

__all__ = ["Subject", "document", "evaluate"]


def evaluate(
    subject: Subject, *, section: EvaluationSection, on_event: Callable[[Event], None]
) -> Evaluation:
    """Run all arms, score them, and judge. Settings still "auto" are settled here.

    Raises: RecipeError: an arm or metric that does not fit was asked for by name.
    DataError: there are no test rows.
    """
    bench = bench_of(subject, section, on_event)
    try:
        outcomes, seconds = _run_arms(bench, section)
        settings = Settings(section.confidence, section.num_resamples, subject.seed)
        found = _judge(bench, outcomes, settings)
        if section.retention:
            on_event(Stage("measuring what was forgotten"))
            found.retention.update(
                retention(
                    subject,
                    confidence=section.confidence,
                    num_resamples=section.num_resamples,
                )
            )
    finally:
        subject.close()
    found.details.update(_details(bench, seconds))
    return found


def document(evaluation: Evaluation) -> dict[str, Any]:
    """The content of `evaluation.json`; the answers are in `predictions.jsonl`."""
    found = asdict(evaluation)
    del found["answers"]
    return found


def bench_of(
    subject: Subject, section: EvaluationSection, on_event: Callable[[Event], None]
) -> Bench:
    """The section made concrete for these rows and this model."""
    places = _chosen(subject.test, section.max_rows)
    rows = [subject.test[place] for place in places]
    names = subject.bundle.labels
    frame = frame_of(subject.train, rows, labels=names)
    auto = settle(section, codec=subject.bundle.codec, train=subject.train, test=rows, labels=names)
    chosen = {name: value for name, (value, _) in auto.items()}
    metric = str(chosen.get("metric", section.metric))
    if not metrics.get(metric)().fits(frame):
        fitting = [name for name, kind in metrics.items() if kind().fits(frame)]
        raise RecipeError(
            f"recipe evaluation.metric: '{metric}' does not fit these test rows; these do:"
            f" {', '.join(fitting)}"
        )
    bench = Bench(
        subject,
        frame,
        rows,
        places,
        metric,
        int(chosen.get("max_new_tokens", section.max_new_tokens)),
        int(chosen.get("num_shots", section.num_shots)),
        section.instruction,
        on_event,
        num_written=min(len(rows), MAX_FREE_TEXTS) if metric == "nll" else len(rows),
    )
    bench.choices = {name: {"value": value, "why": why} for name, (value, why) in auto.items()}
    return bench


def _chosen(rows: Sequence[Row], max_rows: int) -> list[int]:
    """Indices of all rows, or of those `max_rows` whose content hash comes first, in order."""
    if not max_rows or len(rows) <= max_rows:
        return list(range(len(rows)))
    first = sorted(range(len(rows)), key=lambda index: rows[index].key())[:max_rows]
    return sorted(first)


def _run_arms(
    bench: Bench, section: EvaluationSection
) -> tuple[dict[str, list[Outcome]], dict[str, float]]:
    found: dict[str, list[Outcome]] = {}
    seconds: dict[str, float] = {}
    notes = bench.subject.bundle.notes
    for name, arm in _arms(bench, section).items():
        why_not = arm().missing(bench)
        if why_not is None and section.arms != "auto":
            why_not = "there is nothing that it could show"
        if why_not is None:
            continue
        if why_not:
            bench.tell(Notice(f"arm {name}: left out; {why_not}"))
            bench.notes[name] = {"left_out": why_not}
            continue
        bench.tell(Stage("evaluating", name))
        started, num_notes = time.perf_counter(), len(notes)
        found[name] = arm().outcomes(bench)
        seconds[name] = time.perf_counter() - started
        for note in dict.fromkeys(notes[num_notes:]):
            bench.tell(Notice(note))
    return found, seconds


def _arms(bench: Bench, section: EvaluationSection) -> dict[str, type[Arm]]:
    """The arms to run, the tuned one last. It always runs."""
    task = bench.frame.task
    if section.arms == "auto":
        named = {name: arm for name, arm in arms.items() if not arm.tasks or task in arm.tasks}
    else:
        named = {name.replace("-", "_"): arms.get(name) for name in section.arms}
        wrong = [name for name, arm in named.items() if arm.tasks and task not in arm.tasks]
        if wrong:
            raise RecipeError(
                f"recipe evaluation.arms: {', '.join(wrong)} cannot run on these test rows"
                f" (task '{task}')"
            )
    rest = {name: arm for name, arm in named.items() if name != "tuned"}
    order = {"rival": 0, "untrained": 1}
    ordered = sorted(rest, key=lambda name: (order.get(rest[name].standing, 2), name))
    return {name: rest[name] for name in ordered} | {"tuned": arms.get("tuned")}


def _judge(bench: Bench, outcomes: Mapping[str, list[Outcome]], settings: Settings) -> Evaluation:
    scored = {
        name: metric
        for name, metric in ((name, kind()) for name, kind in metrics.items())
        if metric.fits(bench.frame)
    }
    tables = {
        arm: {name: metric.table(items, bench.frame) for name, metric in scored.items()}
        for arm, items in outcomes.items()
    }
    estimates = {
        arm: {
            name: estimate(scored[name], table, settings)
            for name, table in found.items()
            if table.any()
        }
        for arm, found in tables.items()
    }
    metric = scored[bench.metric]
    on_metric = {arm: found[bench.metric] for arm, found in tables.items() if _has(found, bench)}
    judged = verdict(
        bench.metric, metric, on_metric, {arm: _opponent(arm, bench) for arm in tables}, settings
    )
    against = on_metric.get(judged.against)
    flipped = flips(metric, on_metric["tuned"], against) if against is not None else {}
    flipped = {kind: [bench.places[row] for row in rows] for kind, rows in flipped.items()}
    answers = {arm: _answers(bench, items, tables[arm], scored) for arm, items in outcomes.items()}
    found = Evaluation(estimates, judged, answers, flipped)
    for item in scored.values():
        found.details.update(item.details(outcomes["tuned"], bench.frame))
    return found


def _opponent(name: str, bench: Bench) -> Opponent:
    arm = arms.get(name)
    return Opponent(arm.standing, str(bench.notes.get(name, {}).get("what", arm.words)))


def _has(found: Mapping[str, Table], bench: Bench) -> bool:
    # NLL of prompted arms is measured only where the verdict needs it; a table of shares may be 0
    return bench.metric != "nll" or bool(found["nll"].any())


def _answers(
    bench: Bench,
    items: Sequence[Outcome],
    tables: Mapping[str, Table],
    scored: Mapping[str, Metric],
) -> list[Answer]:
    found: list[Answer] = []
    for place, item in enumerate(items):
        scores: dict[str, float] = {}
        weight: dict[str, float] = {}
        for name, metric in scored.items():
            if not metric.per_row or tables[name][place, 1] == 0:
                continue
            total, count = tables[name][place]
            scores[name], weight[name] = float(total / count), float(count)
        found.append(
            Answer(
                bench.places[item.row], item.text, scores, weight, item.probabilities, item.seconds
            )
        )
    return found


def _details(bench: Bench, seconds: Mapping[str, float]) -> dict[str, Any]:
    return {
        "task": bench.frame.task,
        "choices": bench.choices,
        "notes": bench.notes,
        "prompts": {
            arm: note["instruction"] for arm, note in bench.notes.items() if "instruction" in note
        },
        "seconds": {arm: round(value, 3) for arm, value in seconds.items()},
    }
