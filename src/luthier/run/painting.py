"""Results drawn for a terminal: the table of arms, the verdict, rows with their masks."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from luthier.run import figures

OUTCOME_STYLES = {"better": "bold green", "no_evidence": "bold yellow", "worse": "bold red"}
OPEN, CLOSE = "⟦", "⟧"
"""What stands around trained text where there are no colours."""


_JOINERS = "\u200c\u200d"
"""Of Persian and Indian words, and of pictures made of several signs."""


def safe(text: str) -> str:
    """`text` with escapes such as `\\x1b` and `\\u202e` for control characters, marks that turn the
    order of letters and half characters: a row must not be able to drive the terminal."""
    if text.isprintable():
        return text
    return "".join(char if _is_harmless(char) else _escaped(char) for char in text)


def _is_harmless(char: str) -> bool:
    is_space = unicodedata.category(char) == "Zs"
    return char.isprintable() or char in "\n\t" or char in _JOINERS or is_space


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def evaluation_table(document: Mapping[str, Any], *, is_narrow: bool = False) -> Table:
    """Arms as rows, metrics as columns, the metric of the verdict first.

    Args: is_narrow: intervals stand below their figures.
    """
    arms: Mapping[str, Mapping[str, Any]] = document.get("arms", {})
    verdict = document.get("verdict", {})
    metrics = figures.metric_order(arms, verdict.get("metric", ""))
    table = Table(box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    table.add_column("arm")
    for metric in metrics:
        arrow = " ↓" if figures.is_lower_better(metric) else ""
        table.add_column(figures.of_name(metric) + arrow, justify="right")
    for arm, estimates in arms.items():
        style = "bold" if arm == "tuned" else "dim" if arm not in (verdict.get("against"),) else ""
        cells = [figures.of_estimate(estimates.get(metric, {})) for metric in metrics]
        cells = [cell.replace(" [", "\n[") if is_narrow else cell for cell in cells]
        table.add_row(Text(safe(figures.of_name(arm))), *cells, style=style)
    return table


def verdict_line(verdict: Mapping[str, Any]) -> Text:
    """The outcome in large words, then the sentence behind it."""
    outcome = "no_evidence" if figures.is_beaten(verdict) else str(verdict.get("outcome", ""))
    text = Text(figures.of_verdict(verdict) + ". ")
    text.stylize(OUTCOME_STYLES.get(outcome, "bold"))
    return text.append(safe(str(verdict.get("words", ""))), style="default")


def legend(*, has_color: bool) -> Text:
    """What the marks of `painted` mean."""
    if not has_color:
        return Text(f"{OPEN}trained{CLOSE} masked")
    return Text.assemble(("trained", "black on green"), "  ", ("masked", "dim"))


def painted(pieces: Iterable[Mapping[str, Any]], *, has_color: bool) -> Text:
    """A row as one text, its trained pieces marked by colour, or by brackets without colours."""
    text = Text()
    for piece in pieces:
        words, is_trained = safe(str(piece.get("text", ""))), bool(piece.get("trained"))
        text.append(
            "\n→ " if piece.get("role") == "label" else ""
        )  # a class stands outside the text
        if has_color:
            text.append(words, style="black on green" if is_trained else "dim")
        else:
            text.append(f"{OPEN}{words}{CLOSE}" if is_trained else words)
    return text
