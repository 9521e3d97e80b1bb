"""What `luthier data check` found, as one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from luthier.run.report.accounts import accounts_of
from luthier.run.report.filled import filled
from luthier.run.report.plane import plane_of
from luthier.run.report.tokens import tokens_of

MOST_LABELS = 40


def render_findings(document: Mapping[str, Any], *, name: str) -> str:
    """The whole page as HTML, of the content of `check.json`.

    Args: name: of the data, for the title.
    """
    findings: Sequence[Mapping[str, Any]] = document["findings"]
    wrong = sum(1 for finding in findings if finding["is_certain"])
    outcome = "worse" if wrong else "no_evidence" if findings else "better"
    return filled(
        "findings.html",
        {
            "name": name,
            "outcome": outcome,
            "title": _title(wrong, len(findings) - wrong),
            "tiles": _tiles(document),
            "read": document["read"],
            "findings": findings,
            "vectors": document.get("vectors"),
            "plane": plane_of(document),
            "topics": document.get("topics") or [],
            "tokens": tokens_of(document.get("tokens")),
            "words": _words(document.get("vocabulary")),
            "frequent": _bars((document.get("vocabulary") or {}).get("most_frequent", [])),
            "languages": _bars(list((document.get("languages") or {}).items())[:MOST_LABELS]),
            "accounts": accounts_of({"rows": document["ledger"]}),
            "labels": _bars(list(document["classes"].items())[:MOST_LABELS]),
            "more_labels": max(0, len(document["classes"]) - MOST_LABELS),
            "lengths": {
                what: _bars(_ranges(document["lengths"]["from"], counts))
                for what, counts in document["lengths"]["rows"].items()
                if any(counts[1:])
            },
        },
    )


def _title(wrong: int, doubtful: int) -> str:
    if not wrong and not doubtful:
        return "Nothing wrong was found"
    words = [f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong"] if wrong else []
    words += [f"{doubtful} to look at"] if doubtful else []
    return ", ".join(words)


def _words(vocabulary: Mapping[str, Any] | None) -> str:
    """What is said of the vocabulary."""
    if not vocabulary or not vocabulary["num_words"]:
        return ""
    return (
        f"{vocabulary['num_words']:,} words, {vocabulary['num_different']:,} of them different; "
        f"{vocabulary['once_share']:.0%} of these come once."
    )


def _tiles(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    tiles = [(f"{count:,}", f"rows for {split}") for split, count in document["rows"].items()]
    if document["classes"]:
        tiles.append((f"{len(document['classes']):,}", "labels"))
    return [*tiles, (document["shape"], "kind of rows")]


def _ranges(starts: Sequence[int], counts: Sequence[int]) -> list[tuple[str, int]]:
    """Names and counts of the bins up to the last that holds a row."""
    last = max(at for at, count in enumerate(counts) if count)
    names = [f"{low:,} to {high - 1:,}" for low, high in pairwise(starts)]
    names.append(f"{starts[-1]:,} and more")
    return list(zip(names, counts, strict=True))[: last + 1]


def _bars(counts: Sequence[tuple[str, int]]) -> list[tuple[str, int, float]]:
    """Each with its percentage of the largest."""
    most = max((count for _, count in counts), default=1) or 1
    return [(name, count, round(100 * count / most, 1)) for name, count in counts]
