"""The model card of a run: what somebody needs to know before using the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from luthier.run import figures
from luthier.run.reader import RunFiles
from luthier.run.shareable import shareable

MARKS = r"\`*_{}[]<>#|~!"
"""Characters that mean something to Markdown."""


def render(run: RunFiles) -> str:
    """The card as Markdown; texts of users are escaped, missing facts are said to be missing."""
    run = shareable(run)
    parts = [
        _head(run),
        _section("What it is", _what(run)),
        _section("Result", _result(run)),
        _section("Limits", _limits(run)),
        _section("Data", _data(run)),
        _section("Training", _training(run)),
        _section("Licence", _license(run)),
        _section("Make it again", _again(run)),
    ]
    return "\n\n".join(parts) + "\n"


def plain(text: object) -> str:
    """`text` on one line, with nothing in it that Markdown or HTML would act on."""
    words = " ".join(str(text).split())
    return "".join(f"\\{char}" if char in MARKS else char for char in words)


def code(text: object) -> str:
    """`text` as inline code, whatever it holds."""
    words = " ".join(str(text).split())
    return f"`{words}`" if "`" not in words else f"`` {words.replace('``', '` `')} ``"


def _head(run: RunFiles) -> str:
    return f"# {plain(run.name)}"


def _section(title: str, lines: Iterator[str]) -> str:
    return "\n".join([f"## {title}", "", *lines])


def _what(run: RunFiles) -> Iterator[str]:
    summary = run.summary or {}
    yield f"- Base model: {code(summary.get('model', 'unknown'))}"
    yield f"- Learned: {code(summary.get('objective', 'unknown'))}"
    yield f"- Moved: {code(summary.get('tuner', 'unknown'))}{_share(summary)}"
    yield f"- State: {plain(summary.get('state', 'unknown'))}, {plain(summary.get('updated', ''))}"


def _share(summary: Mapping[str, Any]) -> str:
    trained, total = summary.get("trained_parameters"), summary.get("total_parameters")
    if not trained or not total:
        return ""
    return f", {trained:,} of {total:,} parameters ({figures.of_part(trained, total)})"


def _result(run: RunFiles) -> Iterator[str]:
    evaluation = run.evaluation or {}
    verdict = evaluation.get("verdict") or {}
    if not verdict:
        yield "Not evaluated: nothing is claimed about this model."
        return
    yield f"**{plain(figures.of_verdict(verdict))}.** {plain(verdict.get('words', ''))}"
    yield ""
    arms: Mapping[str, Mapping[str, Any]] = evaluation.get("arms") or {}
    metrics = figures.metric_order(arms, str(verdict.get("metric", "")))
    yield f"| arm | {' | '.join(plain(figures.of_name(metric)) for metric in metrics)} |"
    yield f"|---|{'---|' * len(metrics)}"
    for arm, found in arms.items():
        cells = " | ".join(figures.of_estimate(found.get(metric, {})) for metric in metrics)
        yield f"| {plain(figures.of_name(arm))} | {cells} |"
    yield ""
    yield "Value and interval on held-out test rows that no choice was made from."
    yield from _tested(evaluation)


def _tested(evaluation: Mapping[str, Any]) -> Iterator[str]:
    named, left_out = figures.of_tested(evaluation)
    if named:
        yield ""
        yield "Tested on other rows than those that the run held out itself:"
        yield ""
        yield from (f"- {plain(text)}" for text in named)
        if left_out:
            yield f"- Left out, as the run learned from them: {plain(left_out)}"


def _limits(run: RunFiles) -> Iterator[str]:
    evaluation = run.evaluation or {}
    verdict = evaluation.get("verdict") or {}
    is_other = bool(figures.of_tested(evaluation)[0])
    like = "the rows named above" if is_other else "rows like the training rows"
    yield f"- Measured on {like}. Other inputs were not tested."
    if verdict.get("n"):
        least = figures.of_difference(
            str(verdict.get("metric", "")), abs(verdict.get("detectable") or 0.0)
        ).lstrip("+")
        rows = figures.of_test_rows(verdict["n"])
        yield f"- {rows}: differences below about {least} stay unseen."
    broken = (evaluation.get("flips") or {}).get("broken") or []
    if broken:
        against = plain(figures.of_name(str(verdict.get("against", "base"))))
        rows = figures.of_test_rows(len(broken))
        yield f"- Answered worse than by {against}: {rows} (report.html)."
    if not evaluation.get("retention"):
        yield "- What the model forgot was not measured."
    skipped = run.events("skipped")
    if skipped:
        yield f"- Updates that were not taken, not being finite or being spikes: {len(skipped):,}."


def _data(run: RunFiles) -> Iterator[str]:
    for line in (run.summary or {}).get("data") or []:
        yield f"- {plain(line)}"
    rows = (run.ledger or {}).get("rows")
    if not rows:
        yield "- No ledger was written."
        return
    used = ", ".join(f"{count:,} {plain(split)}" for split, count in rows["used"].items())
    dropped = {reason: item["count"] for reason, item in rows["dropped"].items()}
    words = "; ".join(f"{count:,} {plain(reason)}" for reason, count in dropped.items())
    added = sum(item["count"] for item in rows.get("added", {}).values())
    more = f" and {added:,} made of others" if added else ""
    yield f"- {rows['in']:,} rows read{more}: {used}, {sum(dropped.values()):,} dropped"
    if words:
        yield f"- Dropped: {words}"


def _training(run: RunFiles) -> Iterator[str]:
    summary = run.summary or {}
    training, seed = run.recipe.get("training") or {}, run.recipe.get("seed")
    seconds = (summary.get("seconds") or {}).get("training")
    kept = summary.get("best_step")
    yield f"- {figures.of_count(summary.get('steps'))} steps, weights of step {kept} kept"
    for key in ("epochs", "batch_size", "learning_rate", "max_length", "precision"):
        if key in training:
            yield f"- {key}: {code(training[key])}"
    yield f"- seed: {code(seed)}"
    yield f"- Time {figures.of_seconds(seconds)}, peak memory " + figures.of_bytes(
        summary.get("peak_bytes")
    )
    cpu = (run.environment or {}).get("cpu") or {}
    if cpu.get("name"):
        yield f"- Machine: {plain(cpu['name'])}"


def _license(run: RunFiles) -> Iterator[str]:
    found = (run.summary or {}).get("license")
    if found:
        yield f"The base model is under {plain(found)}; this model stays under its terms."
    else:
        yield "The base model states no licence. Ask its makers before you pass this model on."


def _again(run: RunFiles) -> Iterator[str]:
    yield "The whole recipe, with the origin of every value, is in `resolved.yaml`:"
    yield ""
    yield "    luthier train resolved.yaml --out AGAIN"
    yield ""
    identity = (run.resolved or {}).get("identity") or {}
    for name, value in figures.fingerprints(identity):
        yield f"- {plain(name)}: {code(value)}"
    yield ""
    versions = (run.environment or {}).get("versions") or {}
    yield "Versions: " + (", ".join(f"{k} {v}" for k, v in versions.items()) or "not recorded")
