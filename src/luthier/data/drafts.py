"""Questions with answers in what a model replied: JSON, with whatever stands around it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from luthier.data.cleaning.artefacts import PHRASES

ASKED = ("question", "instruction", "task", "prompt", "q")
ANSWERED = ("answer", "response", "output", "completion", "a")
_MOST_OPENINGS = 2000
"""Braces that are tried; no reply has more, unless it never ends."""
DECLINED = re.compile(
    r"^\W*(?:i['\u2019]m sorry|i am sorry|sorry|i (?:cannot|can['\u2019]t|am unable|will not))\b",
    re.IGNORECASE,
)
_DECODER = json.JSONDecoder(strict=False)

NoDraft = Literal["declined", "malformed"]


def drafts(reply: str, most: int) -> list[tuple[str, str]]:
    """Pairs of question and answer in the order of the reply, at most so many.

    Objects are read one by one, so that fences, words around them, and an end that is cut off cost
    no pair that is whole.
    """
    found: list[tuple[str, str]] = []
    for document in _objects(reply):
        pair = _first(document, ASKED), _first(document, ANSWERED)
        if pair[0] and pair[1] and len(found) < most:
            found.append(pair)
    return found


def why_none(reply: str) -> NoDraft:
    """Of a reply without pairs: whether the model refused, or did not write as asked."""
    is_refusal = DECLINED.search(reply) or PHRASES.search(reply)
    return "declined" if is_refusal else "malformed"


def _objects(reply: str) -> Iterator[dict[str, Any]]:
    """Objects that hold a pair; those around them are looked into."""
    at = reply.find("{")
    for _ in range(_MOST_OPENINGS):
        if at < 0:
            return
        try:
            document, end = _DECODER.raw_decode(reply, at)
        except (ValueError, RecursionError):
            document, end = {}, at + 1
        is_pair = bool(_first(document, ASKED) and _first(document, ANSWERED))
        if is_pair:
            yield document
        at = reply.find("{", end if is_pair else at + 1)


def _first(document: dict[str, Any], names: Iterable[str]) -> str:
    """The text under the first of the names that is there."""
    lower = {key.casefold(): value for key, value in document.items()}
    value = next((lower[name] for name in names if name in lower), "")
    is_text = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value).strip() if is_text else ""
