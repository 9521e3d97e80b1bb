"""When two answers are the same, as SQuAD's evaluation has it.

Source: Rajpurkar et al. 2016, arXiv:1606.05250, section 6.1: case, punctuation, articles and white
space do not count; of several right answers the nearest one does.
"""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from collections.abc import Callable

_PUNCTUATION = frozenset(string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def plain(text: str) -> str:
    """Lower case, without punctuation, articles and extra white space."""
    kept = "".join(mark for mark in text.lower() if mark not in _PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", kept).split())


def best(said: str, target: str, score: Callable[[str, str], float]) -> float:
    """The highest score among the right answers, a JSON list; an empty answer is right where
    there is none."""
    right = [text for text in json.loads(target) if plain(text)] or [""]
    return max(score(said, text) for text in right)


def match(said: str, true: str) -> float:
    """1 where both are the same words."""
    return float(plain(said) == plain(true))


def overlap(said: str, true: str) -> float:
    """F1 of the words."""
    ours, theirs = plain(said).split(), plain(true).split()
    if not ours or not theirs:
        return float(ours == theirs)
    common = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * common / (len(ours) + len(theirs))
