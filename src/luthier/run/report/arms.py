"""The verdict and the arms it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from luthier.run import figures
from luthier.run.report.scale import Scale, short, ticks

ARM_WORDS = {
    "base": "the model as it was",
    "prompted": "with a careful instruction",
    "few_shot": "with an instruction and examples",
    "retrieval": "with the most similar examples in the prompt",
    "majority": "always the most frequent answer",
    "tfidf": "a word-counting classifier, trained in seconds",
    "tuned": "trained in this run",
}
OUTCOME_MARKS = {"better": "▲", "no_evidence": "◆", "worse": "▼"}


@dataclass(frozen=True, slots=True)
class Arm:
    """One line of the chart; places are percentages of its width."""

    name: str
    words: str
    is_tuned: bool
    is_against: bool
    text: str
    interval: str
    n: int
    low: float
    value: float
    high: float


@dataclass(frozen=True, slots=True)
class Arms:
    metric: str
    is_lower_better: bool
    arms: list[Arm]
    ticks: list[tuple[float, str]]
    others: list[str]
    """Names of the other metrics."""
    table: list[tuple[str, list[str]]]
    """Arm and its text for each other metric."""


def arms_of(evaluation: Mapping[str, Any]) -> Arms | None:
    """The arms on the metric of the verdict, worst first, tuned last; None without any."""
    found: Mapping[str, Mapping[str, Any]] = evaluation.get("arms") or {}
    verdict = evaluation.get("verdict") or {}
    metrics = figures.metric_order(found, verdict.get("metric", ""))
    if not metrics:
        return None
    metric = metrics[0]
    with_it = {name: item[metric] for name, item in found.items() if metric in item}
    is_lower = figures.is_lower_better(metric)
    order = sorted(
        with_it, key=lambda arm: (arm == "tuned", with_it[arm]["value"] * (-1 if is_lower else 1))
    )
    marks, scale = _axis(list(with_it.values()), is_share=figures.is_share(metric))
    return Arms(
        metric=figures.of_name(metric),
        is_lower_better=is_lower,
        arms=[_arm(name, with_it[name], evaluation, metric, scale) for name in order],
        ticks=[(scale(x), figures.of_metric(metric, x, digits=0) or short(x)) for x in marks]
        if figures.is_share(metric)
        else [(scale(x), short(x)) for x in marks],
        others=[_head(name) for name in metrics[1:]],
        table=[
            (figures.of_name(arm), [_cell(name, found[arm].get(name)) for name in metrics[1:]])
            for arm in found
        ],
    )


def _axis(estimates: list[Mapping[str, Any]], *, is_share: bool) -> tuple[list[float], Scale]:
    if is_share:
        marks = [0.0, 0.25, 0.5, 0.75, 1.0]
    else:
        low = min(item.get("low", item["value"]) for item in estimates)
        high = max(item.get("high", item["value"]) for item in estimates)
        marks = ticks(min(0.0, low), high)
    return marks, Scale(marks[0], marks[-1], 0.0, 100.0)


def _arm(
    name: str, item: Mapping[str, Any], evaluation: Mapping[str, Any], metric: str, scale: Scale
) -> Arm:
    notes = (evaluation.get("details") or {}).get("notes") or {}
    head = (notes.get(name) or {}).get("head")
    against = (evaluation.get("verdict") or {}).get("against")
    low, high = item.get("low", item["value"]), item.get("high", item["value"])
    return Arm(
        name=figures.of_name(name),
        words=str(head or ARM_WORDS.get(name, "")),
        is_tuned=name == "tuned",
        is_against=name == against,
        text=figures.of_metric(metric, item["value"]),
        interval=f"{figures.of_metric(metric, low)} to {figures.of_metric(metric, high)}",
        n=int(item.get("n", 0)),
        low=scale(low),
        value=scale(item["value"]),
        high=scale(high),
    )


def _head(metric: str) -> str:
    return figures.of_name(metric) + (" ↓" if figures.is_lower_better(metric) else "")


def _cell(metric: str, item: Mapping[str, Any] | None) -> str:
    if item is None:
        return "–"
    text = figures.of_metric(metric, item["value"])
    if "low" not in item:
        return text
    low, high = figures.of_metric(metric, item["low"]), figures.of_metric(metric, item["high"])
    return f"{text} ({low} to {high})"


@dataclass(frozen=True, slots=True)
class Headline:
    """The verdict in large words. `outcome` is better, no_evidence, worse or none."""

    outcome: str
    mark: str
    title: str
    words: str
    difference: str
    interval: str
    against: str
    fine_print: str


def headline_of(
    evaluation: Mapping[str, Any] | None, summary: Mapping[str, Any] | None
) -> Headline:
    """What the reader should take away, even if nothing else is read."""
    verdict = (evaluation or {}).get("verdict")
    if not verdict:
        state = str((summary or {}).get("state", "unknown"))
        reason = str((summary or {}).get("reason") or f"State: {state}.")
        words = f"{reason} There is no comparison on held-out rows yet, so nothing is claimed."
        return Headline("none", "○", "Not evaluated", words, "", "", "", "")
    metric, outcome = str(verdict.get("metric", "")), str(verdict["outcome"])
    outcome = "no_evidence" if figures.is_beaten(verdict) else outcome
    has_rival = bool(verdict.get("against"))
    return Headline(
        outcome=outcome,
        mark=OUTCOME_MARKS.get(outcome, "○"),
        title=figures.of_verdict(verdict),
        words=str(verdict.get("words", "")),
        difference=figures.of_difference(metric, verdict.get("difference")) if has_rival else "",
        interval=f"{figures.of_difference(metric, verdict.get('low'))} to "
        f"{figures.of_difference(metric, verdict.get('high'))}",
        against=figures.of_name(str(verdict.get("against", ""))),
        fine_print=_fine_print(metric, verdict) if has_rival else "",
    )


def _fine_print(metric: str, verdict: Mapping[str, Any]) -> str:
    parts: list[str] = []
    if verdict.get("n"):
        parts.append(f"{figures.of_test_rows(verdict['n'])}, answered by both arms")
    if verdict.get("p_value") is not None:
        parts.append(f"p {figures.of_p(verdict['p_value'])}")
    if verdict.get("detectable") is not None:
        least = figures.of_difference(metric, abs(verdict["detectable"])).lstrip("+")
        parts.append(f"this test would have seen a difference of {least} four times out of five")
    return "; ".join(parts)
