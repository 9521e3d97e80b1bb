"""Words of the rows that stand near each other in the space of an encoder, and tell no class.

Legend: W words, D numbers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from luthier.data.augmenting._prose import words
from luthier.data.comparing import content_words
from luthier.data.points.embedder import Embedder
from luthier.data.rows import Row

_MOST_WORDS, _AT_ONCE, _MOST = 5_000, 512, 4
"""Words that are compared, how many at a time, and neighbours of each."""
_LEAST_LETTERS = 3
_ENDINGS = ("ing", "ed", "ly", "est", "er", "ness", "ment", "tion", "ss", "s")
"""Words with the same one are taken for the same form; tried in this order."""


def neighbours(
    rows: Sequence[Row], texts: Sequence[Sequence[str]], by: Embedder, *, nearness: float
) -> dict[str, list[str]]:
    """For words in small letters those that may take their place, nearest first.

    Args: texts: of each row what may be changed. nearness: least cosine of two words.
    """
    known = _candidates(rows, texts)
    if len(known) < 2:
        return {}
    vectors_WD = by.of_length_one(known)
    found: dict[str, list[str]] = {}
    for start in range(0, len(known), _AT_ONCE):
        cosine_WW = vectors_WD[start : start + _AT_ONCE] @ vectors_WD.T
        for word, cosine_W in zip(known[start : start + _AT_ONCE], cosine_WW, strict=True):
            order = np.argsort(-cosine_W, kind="stable")[: 8 * _MOST]
            near = [known[at] for at in order if cosine_W[at] >= nearness]
            fits = [other for other in near if other != word and _form(other) == _form(word)]
            if fits:
                found[word] = fits[:_MOST]
    return found


def _candidates(rows: Sequence[Row], texts: Sequence[Sequence[str]]) -> list[str]:
    """Words that name something and tell no class, the most frequent first."""
    often, sizes = Counter[str](), Counter[str]()
    of_class: dict[str, Counter[str]] = defaultdict(Counter)
    for row, held in zip(rows, texts, strict=True):
        classes = (row.stratum(),) if row.stratum() else row.brings()
        sizes.update(classes)
        said = {found[0].lower() for text in held for found in words(text)}
        often.update(said)
        for word in said:
            of_class[word].update(classes)
    total = max(sizes.total(), 1)
    usual = {name: size / total for name, size in sizes.items()}
    return [
        word
        for word, _ in sorted(often.items(), key=lambda item: (-item[1], item[0]))
        if len(word) >= _LEAST_LETTERS
        and content_words(word) == [word]
        and not _tells(of_class[word], usual)
    ][:_MOST_WORDS]


def _tells(counts: Counter[str], usual: Mapping[str, float]) -> bool:
    """Whether rows with the word are of one class more often than halfway from the usual share to
    all, counting one row more of the usual shares; so a word that comes once tells nothing."""
    return any(
        2 * (count + usual[name]) / (counts.total() + 1) > 1 + usual[name] + 1e-9
        for name, count in counts.items()
    )


def _form(word: str) -> tuple[str, bool]:
    """Its ending, and whether "an" stands before it."""
    return next((one for one in _ENDINGS if word.endswith(one)), ""), word[0] in "aeiou"
