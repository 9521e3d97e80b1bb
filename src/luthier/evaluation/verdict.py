"""Is the tuned model better? The answer as figures, and in words a lay reader understands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from luthier.evaluation.arms import Arm
from luthier.evaluation.difference import MIN_ROWS, Difference, Settings, Table, difference
from luthier.evaluation.metrics.contract import Metric
from luthier.evaluation.results import Verdict

LARGE = 0.1
"""A test that can only see differences above this share is called small."""


def verdict(
    name: str,
    metric: Metric,
    tables: Mapping[str, Table],
    arms: Mapping[str, type[Arm]],
    settings: Settings,
) -> Verdict:
    """Tuned against the strongest arm that did not train the model, on one metric.

    Args: name: of the metric. tables: by arm, over the same rows.
    """
    tuned = tables["tuned"]
    against = strongest(metric, tables, [a for a in tables if arms[a].standing == "untrained"])
    rival = strongest(metric, tables, [a for a in tables if arms[a].standing == "rival"])
    if not against:
        against, rival = rival, ""
    if not against:
        value = float(metric.reduce(tuned.sum(0)))
        words = (
            f"The tuned model reaches {_show(metric, value)}. There was nothing to compare it with."
        )
        return Verdict("no_evidence", name, "", 0.0, 0.0, 0.0, len(tuned), 0.0, 1.0, words)
    found = difference(metric, tuned, tables[against], settings)
    outcome = found.outcome(higher_is_better=metric.higher_is_better)
    words = _words(metric, tables, (against, arms[against].words), found)
    judged = Verdict(
        outcome,
        name,
        against,
        found.value,
        found.low,
        found.high,
        found.n,
        found.detectable,
        found.p_value,
        words,
    )
    return (
        _beside(judged, metric, tables, (rival, arms[rival].words), settings) if rival else judged
    )


def strongest(metric: Metric, tables: Mapping[str, Table], names: list[str]) -> str:
    """The best of `names` on this metric; an empty string where there are none."""
    sign = 1 if metric.higher_is_better else -1
    figures = {name: sign * float(metric.reduce(tables[name].sum(0))) for name in names}
    return max(figures, key=lambda name: figures[name]) if figures else ""


def _words(
    metric: Metric,
    tables: Mapping[str, Table],
    against: tuple[str, str],
    found: Difference,
) -> str:
    tuned = _show(metric, float(metric.reduce(tables["tuned"].sum(0))))
    other = _show(metric, float(metric.reduce(tables[against[0]].sum(0))))
    rows = "1 test row" if found.n == 1 else f"{found.n:,} test rows"
    scores = (
        f"On {rows} it never saw, the {metric.words} is {tuned} for the tuned model"
        f" and {other} for {against[1]}."
    )
    return f"{scores} {_judgement(metric, found)}"


def _judgement(metric: Metric, found: Difference) -> str:
    outcome = found.outcome(higher_is_better=metric.higher_is_better)
    low, high = (_step(metric, bound) for bound in sorted((abs(found.low), abs(found.high))))
    sure = f"with {found.confidence:.0%} confidence"
    if outcome == "better":
        return f"That is a real gain: between {low} and {high}, {sure}."
    if outcome == "worse":
        return f"The tuned model is worse: by between {low} and {high}, {sure}. Do not use it."
    if not found.has_enough_rows:
        return f"Those are too few rows to tell: a verdict needs {MIN_ROWS} or more."
    if found.clears_zero:
        return (
            f"That difference may be chance: its interval, between {low} and {high}, leaves out"
            f" zero, but luck alone does as much in {found.p_value:.1%} of such tests."
        )
    least = _step(metric, found.detectable)
    small = found.detectable > LARGE and metric.higher_is_better
    advice = " The test set is small; more test rows may show a difference." if small else ""
    return (
        "That difference may be chance: this test can only see differences of about"
        f" {least} or more.{advice}"
    )


def _beside(
    judged: Verdict,
    metric: Metric,
    tables: Mapping[str, Table],
    rival: tuple[str, str],
    settings: Settings,
) -> Verdict:
    """The verdict with what the strongest cheap rival says about it."""
    found = difference(metric, tables["tuned"], tables[rival[0]], settings)
    other = _show(metric, float(metric.reduce(tables[rival[0]].sum(0))))
    outcome = found.outcome(higher_is_better=metric.higher_is_better)
    said = {
        "better": "the tuned model is better than that too.",
        "no_evidence": "no difference between the two is shown, so the cheap one may do.",
        "worse": "that is better than the tuned model, and far cheaper.",
    }[outcome]
    words = f"{judged.words} {rival[1][0].upper()}{rival[1][1:]} reaches {other}: {said}"
    return replace(judged, rival=rival[0], rival_outcome=outcome, words=words)


def _is_percent(metric: Metric) -> bool:
    return metric.higher_is_better


def _show(metric: Metric, value: float) -> str:
    return f"{100 * value:.1f} %" if _is_percent(metric) else f"{value:.3f}"


def _step(metric: Metric, value: float) -> str:
    return f"{100 * value:.1f} points" if _is_percent(metric) else f"{value:.3f}"
