"""The card of a data set: what somebody needs to know before training on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from luthier.core.counted import counted
from luthier.core.files import sha256_of
from luthier.run.card import code, plain

_MANY = 20
_LONGEST = 300
_SIGN = "\n<!-- made by luthier data card; sha256 {} of what stands above -->"
_SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"), (1_000_000_000, "100M<n<1B"),
)  # fmt: skip
_TASKS = {
    "labeled": "text-classification", "multilabeled": "text-classification",
    "scored": "text-classification", "tagged": "token-classification",
    "question": "question-answering", "triplet": "sentence-similarity", "ranked": "text-ranking",
    "chat": "text-generation", "text": "text-generation", "prompt": "text-generation",
    "preference": "text-generation", "rated": "text-generation",
}  # fmt: skip
"""Shape of rows -> what the hub of Hugging Face calls the task."""


def render_data(found: Mapping[str, Any], first: Mapping[str, Any], *, name: str) -> str:
    """The card as Markdown, headed as dataset cards of the hub are; texts of rows are escaped.

    Args: found: what `luthier data check` found. first: what `luthier data preview` shows.
    """
    parts = [
        _head(found, first, name),
        _section("What it is", _what(found, first)),
        _section("Labels", _labels(found["classes"])) if found["classes"] else "",
        _section("First rows", _rows(first["shown"]["train"])),
        _section("Account", _account(found["ledger"])),
        _section("What is wrong with it", _wrong(found["findings"])),
        _section("To be filled in", _open()),
    ]
    return signed("\n\n".join(part for part in parts if part) + "\n")


def signed(card: str) -> str:
    """The card with a last line, not shown, that tells it from one that somebody wrote in."""
    return f"{card}{_SIGN.format(sha256_of([card.encode()]))}\n"


def is_as_made(text: str) -> bool:
    """Whether it is a card of this module in which nobody wrote since."""
    card, mark, _ = text.rpartition(_SIGN.partition("{")[0])
    return bool(mark) and signed(card) == text


def _head(found: Mapping[str, Any], first: Mapping[str, Any], name: str) -> str:
    number = sum(found["rows"].values())
    size = next((word for most, word in _SIZES if number < most), "n>1B")
    lines = ["---", "size_categories:", f"- {size}"]
    has_pictures = any(_picture(row) for row in first["shown"]["train"])
    if task := "image-classification" if has_pictures else _TASKS.get(found["shape"]):
        lines += ["task_categories:", f"- {task}"]
    return "\n".join([*lines, "---", "", f"# {plain(name)}"])


def _section(title: str, lines: Iterator[str]) -> str:
    return "\n".join([f"## {title}", "", *lines])


def _what(found: Mapping[str, Any], first: Mapping[str, Any]) -> Iterator[str]:
    yield f"- Rows: {', '.join(f'{count:,} in {split}' for split, count in found['rows'].items())}"
    yield f"- Shape: {code(found['shape'])}"
    for line in first["read"]:
        yield f"- Read: {plain(line)}"
    for what, counts in found["lengths"]["rows"].items():
        if any(counts[1:]):  # pictures have no characters
            middle = _middle(found["lengths"]["from"], counts)
            yield f"- Median length of the {what}: {middle}"


def _middle(begins: Sequence[int], counts: Sequence[int]) -> str:
    """The bin in which the median is, in words; empty where there are no rows."""
    below, half = 0, sum(counts) / 2
    for at, count in enumerate(counts):
        below += count
        if count and below >= half:
            end = f" to {begins[at + 1] - 1:,}" if at + 1 < len(begins) else " or more"
            return f"{begins[at]:,}{end} characters"
    return ""


def _labels(classes: Mapping[str, int]) -> Iterator[str]:
    total = sum(classes.values())
    yield "| label | rows | share |"
    yield "|---|--:|--:|"
    for name, count in list(classes.items())[:_MANY]:
        yield f"| {plain(name)} | {count:,} | {count / total:.1%} |"
    if len(classes) > _MANY:
        rest = list(classes.values())[_MANY:]
        yield f"| {len(rest)} more | {sum(rest):,} | {sum(rest) / total:.1%} |"


def _rows(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"> {plain(_short(_picture(row) or row['given']))}"
        if row["target"]:
            yield ">"
            yield f"> **{plain(_short(row['target']))}**"
        yield ""
    yield "Personal data that was found in them is masked here."


def _picture(row: Mapping[str, Any]) -> str:
    """The name of its file, without the folders of this machine; empty where it is of texts."""
    return Path(row["row"].get("picture", "")).name


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _account(ledger: Mapping[str, Any]) -> Iterator[str]:
    used = sum(ledger["used"].values())
    yield f"- {ledger['in']:,} rows were read, and {used:,} can be used."
    for what, word in (("dropped", "Left out"), ("shortened", "Shortened"), ("changed", "Changed")):
        for why, entry in ledger.get(what, {}).items():
            yield f"- {word}: {entry['count']:,} ({plain(why)})"


def _wrong(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not findings:
        yield "Nothing was found by `luthier data check`."
    for finding in findings:
        sure = "" if finding["is_certain"] else " (to be looked at)"
        rows = counted(finding["count"], "row")
        yield f"- {plain(finding['title'])}: {rows}{sure}"


def _open() -> Iterator[str]:
    """What no program can know."""
    yield "- Where the rows come from, who wrote them, and who labelled them by which rules:"
    yield "- Licence, and whether persons in it agreed:"
    yield "- What it must not be used for:"
