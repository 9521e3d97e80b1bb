"""How long rows are in a model's tokens, and some of them token by token, for a page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

_SIGNS = {" ": "·", "\n": "↵\n", "\r": "␍", "\t": "⇥\t", "\u00a0": "⍽"}
_SPACES = re.compile(r"([ \n\r\t\u00a0])")
_EFFECTS = ("shortened", "split", "pieces", "dropped", "refused", "lost_tokens")


@dataclass(frozen=True, slots=True)
class Bar:
    """Rows of some lengths."""

    name: str
    count: int
    share: float
    """Percentage of the largest bar."""
    is_beyond: bool
    """These are too long."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as its letters and the signs that stand for white space."""

    kinds: str
    """Style classes."""
    parts: list[tuple[str, bool]]
    """Text, and whether it is such a sign."""
    begins_label: bool
    rest: int
    """Tokens that follow and are not shown."""


@dataclass(frozen=True, slots=True)
class TokenView:
    """Everything the page shows of tokens."""

    words: str
    bars: list[Bar]
    policies: list[tuple[str, list[int]]]
    """Name, and what it does: as the columns of the table."""
    samples: list[tuple[str, list[Token]]]


def tokens_of(document: Mapping[str, Any] | None) -> TokenView | None:
    """What `tokens` of `check.json` says; None without it."""
    if not document:
        return None
    policies = document["policies"] if document["rows"]["too_long"] else {}
    return TokenView(
        _words(document),
        _bars(document["lengths"], document["limit"]),
        [(name, [effect[key] for key in _EFFECTS]) for name, effect in policies.items()],
        [
            (item["row"], [_token(piece) for piece in item["pieces"]])
            for item in document["samples"]
        ],
    )


def _words(document: Mapping[str, Any]) -> str:
    tokens, rows = document["tokens"], document["rows"]
    drawn = f" of {rows['of']:,}, drawn by their content" if rows["looked_at"] < rows["of"] else ""
    trained = (
        f", {100 * tokens['trained'] / max(1, tokens['all']):.0f} % of them trained"
        if tokens["trained"]
        else ""
    )
    too_long = f"{rows['too_long']:,} rows are" if rows["too_long"] != 1 else "1 row is"
    return (
        f"{rows['looked_at']:,} rows{drawn}, as objective {document['objective']} reads them: "
        f"{tokens['all']:,} tokens{trained}. Half of the rows have {tokens['median']:,} or fewer, "
        f"99 % have {tokens['most_rows']:,} or fewer, the longest has {tokens['longest']:,}. "
        f"{too_long[:1].upper()}{too_long[1:]} longer than {document['limit_words']}."
    )


def _bars(lengths: Sequence[Mapping[str, int]], limit: int) -> list[Bar]:
    """From the first bin that holds a row to the last."""
    filled = [at for at, item in enumerate(lengths) if item["rows"]]
    if not filled:
        return []
    most = max(item["rows"] for item in lengths)
    ends = [f"{after['from'] - 1:,}" for _, after in pairwise(lengths)]
    found: list[Bar] = []
    for item, end in list(zip(lengths, [*ends, "..."], strict=True))[filled[0] : filled[-1] + 1]:
        low = f"{item['from']:,}"
        name = f"{low} and more" if end == "..." else low if low == end else f"{low} to {end}"
        share = round(100 * item["rows"] / most, 1)
        found.append(Bar(name, item["rows"], share, item["from"] > limit))
    return found


def _token(piece: Mapping[str, Any]) -> Token:
    kinds = ["trained" if piece["trained"] else "masked"]
    kinds += ["special"] if piece.get("special") else []
    found = [part for part in _SPACES.split(piece["text"]) if part]
    parts = [(_SIGNS.get(part, part), part in _SIGNS) for part in found]
    return Token(" ".join(kinds), parts, piece.get("role") == "label", int(piece.get("rest", 0)))
