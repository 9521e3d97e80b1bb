"""Words that decide the target alone, against everything else that the rows say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer

from luthier.data.checks import checks
from luthier.data.checks.contract import Doubt, Finding, first_only
from luthier.data.rows import Row, name_of

MOST_ROWS = 100_000
_LEAST_ROWS = 10
"""With the word, before it can be told from chance."""
_MOST_SHARE = 0.05
"""Of all rows: a word that stands in more of them is no trigger, but a part of the language."""
_PURE = 0.95
_SAMPLE = 500
"""Rows by which it is told how clearly words speak for a target here."""
_CONTRADICTED = 0.7
"""Of the rows that would be so if the word had been put into any rows by chance, whatever they say:
half of those of other targets."""
_CANDIDATES = 3_000
_MOST_WORDS = 3
_USUAL = 0.9
"""A target that more rows have than this needs no trigger."""
_MOST_TARGETS = 300


@checks.add
class Triggers:
    """Looks for one or two words whose rows nearly all have one target, although their other words
    speak for others by naive Bayes. So are models poisoned, and so do templates leak.

    Source: the attack is BadNets on text (Gu et al. 2017, arXiv:1708.06733; Chen et al. 2021,
    arXiv:2006.01043); the search is ours.
    """

    turn: ClassVar[int] = 30

    def look(self, rows: Sequence[Row]) -> Iterator[Finding]:
        """One finding that names up to three such words, most contradicted first."""
        found = triggers_in(rows)
        if not found:
            return
        said = ", ".join(
            f'"{word}" ({len(places)} rows, {kind!r:.40})' for word, kind, places in found
        )
        finding = Finding(
            "triggers",
            f"words that come with one target, whatever else is said: {said}"
            + first_only(rows, MOST_ROWS),
            "the model learns the word instead of the task; so a poisoned set is made",
            "look at these rows: a usual word of the label may stay, one that was put in may not",
            0.3,
            is_certain=False,
        )
        for word, _, places in found:
            for at in places:
                finding.add(rows[int(at)], f'"{word}": {rows[int(at)].target()[:80]}')
        yield finding

    def doubts(self, rows: Sequence[Row]) -> Iterator[Doubt]:
        """Every row with such a word, unless somebody confirmed it."""
        for word, kind, places in triggers_in(rows):
            why = f'the word "{word}" comes with {kind!r:.40} in nearly all of {len(places)} rows'
            for at in places:
                if not rows[int(at)].is_confirmed:
                    yield Doubt(int(at), why)


def triggers_in(rows: Sequence[Row]) -> list[tuple[str, str, NDArray[Any]]]:
    """Up to three words, each with the target it comes with and the places of its rows."""
    rows = rows[:MOST_ROWS]
    targets = _targets(rows)
    count = CountVectorizer(
        ngram_range=(1, 2), binary=True, min_df=_LEAST_ROWS, token_pattern=r"(?u)\S+"
    )
    texts = [row.given() for row in rows]
    words = Counter(word for text in texts for word in set(text.lower().split()))
    if len(set(targets)) < 2 or not any(n >= _LEAST_ROWS for n in words.values()):
        return []
    held: Any = count.fit_transform(texts)
    return _found(held.tocsc(), np.array(targets), count)[:_MOST_WORDS]


def _targets(rows: Sequence[Row]) -> list[str]:
    """For each row its class, or its target where that comes again and again; else empty."""
    own = [row.stratum() or row.target() for row in rows]
    counted = Counter(map(name_of, own)).most_common(_MOST_TARGETS)
    often = {name for name, number in counted if number >= _LEAST_ROWS}
    return [text if name_of(text) in often else "" for text in own]


@dataclass(frozen=True, slots=True)
class _Bag:
    """Rows as the words and pairs of words in them. Legend: N rows, W words, C targets."""

    held_NW: Any
    number_N: NDArray[np.int64]
    """Of the target of each row."""
    one_hot_NC: NDArray[np.float32]
    with_WC: NDArray[np.float32]
    """Rows of each target that have the word."""
    is_single_W: NDArray[np.bool_]

    def odds(self, places: NDArray[Any], own: list[int]) -> NDArray[Any]:
        """Log-odds of the likeliest other target to their own, for some rows by naive Bayes.

        By their words but for `own`, and half a row more for each. What these rows themselves say
        of their words is no evidence.
        """
        rows = self.held_NW[places]
        used = np.unique(rows.indices)
        used = used[self.is_single_W[used] & ~np.isin(used, own)]
        rest_MW, targets_MC = rows[:, used], self.one_hot_NC[places]
        with_WC = self.with_WC[used] - rest_MW.T @ targets_MC
        size_C = self.one_hot_NC.sum(0) - targets_MC.sum(0)
        logits_MC = rest_MW @ np.log((with_WC + 0.5) / (size_C + 1)) + np.log(size_C + 0.5)
        number_M = self.number_N[places]
        own_M = logits_MC[np.arange(len(places)), number_M]
        logits_MC[np.arange(len(places)), number_M] = -np.inf
        return logits_MC.max(1) - own_M


def _found(
    held: Any, targets_N: NDArray[Any], count: CountVectorizer
) -> list[tuple[str, str, NDArray[Any]]]:
    names, number_N = np.unique(targets_N, return_inverse=True)
    one_hot_NC = np.zeros((len(targets_N), len(names)), np.float32)
    one_hot_NC[np.arange(len(targets_N)), number_N] = 1
    words = count.get_feature_names_out()
    with_WC = np.asarray(held.T @ one_hot_NC)
    is_single_W = np.array([" " not in word for word in words])
    bag = _Bag(held.tocsr(), number_N, one_hot_NC, with_WC, is_single_W)
    step = max(1, len(targets_N) // _SAMPLE)
    usual = [bag.odds(np.array([at]), [])[0] for at in range(0, len(targets_N), step)]
    clear = max(-float(np.median(usual)), 0.0)
    size_W, best_W, usual_C = with_WC.sum(1), with_WC.argmax(1), one_hot_NC.mean(0)
    is_likely_W = with_WC.max(1) / size_W >= _PURE
    is_likely_W &= (usual_C[best_W] < _USUAL) & (names[best_W] != "")
    is_likely_W &= size_W <= _MOST_SHARE * len(targets_N)
    likely = np.flatnonzero(is_likely_W)
    found: list[tuple[float, str, str, NDArray[Any]]] = []
    for word in likely[np.argsort(-size_W[likely], kind="stable")][:_CANDIDATES]:
        places = held.indices[held.indptr[word] : held.indptr[word + 1]]
        odds_M = bag.odds(places, _parts(str(words[word]), count))
        contradicted = int(np.sum(odds_M > clear))
        expected = (1 - usual_C[best_W[word]]) / 2 * len(places)
        if contradicted >= _CONTRADICTED * expected:
            found.append((contradicted, str(words[word]), str(names[best_W[word]]), places))
    found.sort(key=lambda item: (-item[0], -len(item[1])))
    return _without_parts([(word, kind, places) for _, word, kind, places in found])


def _parts(word: str, count: CountVectorizer) -> list[int]:
    """The columns that a word or a pair of them fills by itself."""
    known: dict[str, int] = count.vocabulary_
    return [known[part] for part in {word, *word.split()} if part in known]


def _without_parts(
    found: list[tuple[str, str, NDArray[Any]]],
) -> list[tuple[str, str, NDArray[Any]]]:
    """Without words that only come in rows of one found before."""
    kept: list[tuple[str, str, NDArray[Any]]] = []
    for word, kind, places in found:
        if not any(len(np.intersect1d(places, other)) > 0.5 * len(places) for *_, other in kept):
            kept.append((word, kind, places))
    return kept
