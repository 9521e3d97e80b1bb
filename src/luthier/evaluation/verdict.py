"""Is the tuned model better? The answer as figures, and in words a lay reader understands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.difference import MIN_ROWS, Difference, Settings, Table, difference
from luthier.evaluation.metrics.contract import Metric
from luthier.evaluation.results import Verdict


@dataclass(frozen=True, slots=True)
class Opponent:
    """What an arm is for the verdict."""

    standing: Standing
    words: str


LARGE = 0.1
"""A test that can only see differences above this share is called small."""


def verdict(
    name: str,
    metric: Metric,
    tables: Mapping[str, Table],
    arms: Mapping[str, Opponent],
    settings: Settings,
) -> Verdict:
    """Tuned against the strongest arm that did not train the model, on one metric.

    Args: name: of the metric. tables: by arm, over the same rows.
    """
    tuned = tables["tuned"]
    untrained = [name for name in tables if arms[name].standing == "untrained"]
    rivals = [name for name in tables if arms[name].standing == "rival"]
    if not untrained:
        untrained, rivals = rivals, []
    against, rival = strongest(metric, tables, untrained), strongest(metric, tables, rivals)
    if not against:
        value = _show(metric, float(metric.reduce(tuned.sum(0))))
        words = (
            f"{_on(len(tuned))}, the {metric.words} is {value} for the tuned model. There is "
            "nothing to compare it with: neither the untrained model nor a cheap rival ran."
        )
        return Verdict("no_evidence", name, "", 0.0, 0.0, 0.0, len(tuned), 0.0, 1.0, words)
    found = _difference(metric, tables, against, settings, num_arms=len(untrained))
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
    if not rival:
        return judged
    beside = _difference(metric, tables, rival, settings, num_arms=len(rivals))
    other = _show(metric, float(metric.reduce(tables[rival].sum(0))))
    return _beside(judged, metric, (rival, arms[rival].words, other), beside)


def strongest(metric: Metric, tables: Mapping[str, Table], names: list[str]) -> str:
    """The best of `names` on this metric; an empty string where there are none."""
    sign = 1 if metric.higher_is_better else -1
    figures = {name: sign * float(metric.reduce(tables[name].sum(0))) for name in names}
    return max(figures, key=lambda name: figures[name]) if figures else ""


def _difference(
    metric: Metric, tables: Mapping[str, Table], against: str, settings: Settings, *, num_arms: int
) -> Difference:
    """Tuned minus the strongest of so many arms.

    Being the strongest on these very rows is luck in part, which makes the tuned model look worse
    than it is, never better: where it is behind, p counts every arm it might have lost to.
    Source: Bonferroni's inequality.
    """
    found = difference(metric, tables["tuned"], tables[against], settings)
    is_behind = (found.value < 0) == metric.higher_is_better and found.value != 0
    return replace(found, p_value=min(1.0, found.p_value * num_arms)) if is_behind else found


def _words(
    metric: Metric,
    tables: Mapping[str, Table],
    against: tuple[str, str],
    found: Difference,
) -> str:
    tuned = _show(metric, float(metric.reduce(tables["tuned"].sum(0))))
    other = _show(metric, float(metric.reduce(tables[against[0]].sum(0))))
    num_rows = len(tables["tuned"])
    cases = f", which make {found.n:,} to judge by" if found.n < num_rows else ""
    scores = (
        f"{_on(num_rows)}{cases}, the {metric.words} is {tuned} for the tuned model"
        f" and {other} for {against[1]}."
    )
    return f"{scores} {_judgement(metric, found)}"


def _on(num_rows: int) -> str:
    return f"On {'1 test row' if num_rows == 1 else f'{num_rows:,} test rows'} it never saw"


def _judgement(metric: Metric, found: Difference) -> str:
    outcome = found.outcome(higher_is_better=metric.higher_is_better)
    low, high = (_step(metric, bound) for bound in sorted((abs(found.low), abs(found.high))))
    sure = f"with {found.confidence:.0%} confidence"
    if outcome == "better":
        return f"That is a real gain: between {low} and {high}, {sure}."
    if outcome == "worse":
        return f"The tuned model is worse: by between {low} and {high}, {sure}. Do not use it."
    if not found.has_enough_rows:
        return f"Those are too few to tell: a verdict needs {MIN_ROWS} or more."
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
    rival: tuple[str, str, str],
    found: Difference,
) -> Verdict:
    """The verdict with what the strongest cheap rival (name, words, figure) says about it."""
    outcome = found.outcome(higher_is_better=metric.higher_is_better)
    said = {
        "better": "the tuned model is better than that too.",
        "no_evidence": "no difference between the two is shown, so the cheap one may do.",
        "worse": "that is better than the tuned model, and far cheaper.",
    }[outcome]
    words = f"{judged.words} {rival[1][0].upper()}{rival[1][1:]} reaches {rival[2]}: {said}"
    return replace(judged, rival=rival[0], rival_outcome=outcome, words=words)


def _is_percent(metric: Metric) -> bool:
    return metric.higher_is_better and metric.is_bounded


def _show(metric: Metric, value: float) -> str:
    return f"{100 * value:.1f} %" if _is_percent(metric) else f"{value:.3f}"


def _step(metric: Metric, value: float) -> str:
    return f"{100 * value:.1f} points" if _is_percent(metric) else f"{value:.3f}"
