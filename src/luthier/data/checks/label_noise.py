"""Labels that the other rows speak against."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from luthier.data.checks import checks
from luthier.data.checks.contract import Doubt, Finding, first_only
from luthier.data.points.embedded import Embedded
from luthier.data.rows import Row

MOST_ROWS = 30_000
_FOLDS = 4
_STRENGTH_OF_WORDS, _STRENGTH_OF_VECTORS = 10.0, 3.0
"""Of what the regression may say, against the size of its weights."""
_GUESSES = 9
"""Labels that are offered for a doubtful row."""
_TIMES = 8
_WORD = r"(?u)\w+|[^\w\s]"
_ROUNDS = 50
"""Of the solver: the ranking no longer changes long before it is done."""


@checks.add
class LabelNoise:
    """Asks for each row a regression that has learned the other three quarters of them: on words,
    and where a model gives vectors on these too.

    Source: confident learning, Northcutt et al. 2021, arXiv:1911.00068, equations 1 and 2 for how
    many labels are wrong, ranked by the probability of the label that is there.
    """

    turn: ClassVar[int] = 10

    def look(self, rows: Sequence[Row]) -> Iterator[Finding]:
        """One finding with the doubtful rows, the most doubtful first."""
        judged = _judged(rows[:MOST_ROWS])
        if judged is not None:
            found_NC = probabilities(judged.texts, judged.number_N)
            yield from _found(judged, found_NC, where=first_only(rows, MOST_ROWS))

    def doubts(self, rows: Sequence[Row]) -> Iterator[Doubt]:
        """Rows to look at, with the likeliest labels of each: more of them than `look` counts."""
        judged = _judged(rows[:MOST_ROWS])
        if judged is not None:
            found_NC = probabilities(judged.texts, judged.number_N)
            yield from _doubts(judged, found_NC, outdone(found_NC, judged.number_N))

    def look_at(self, embedded: Embedded) -> Iterator[Finding]:
        """The same with what the vectors say beside the words."""
        judged = _judged(embedded.rows)
        if judged is not None:
            words_NC = probabilities(judged.texts, judged.number_N)
            both_NC = joined(words_NC, embedded.vectors_ND[judged.places], judged.number_N)
            yield from _found(judged, both_NC, where=embedded.where)


@dataclass(frozen=True, slots=True)
class _Judged:
    """Rows whose class has rows enough."""

    rows: Sequence[Row]
    """All of them."""
    places: list[int]
    """Of those that are judged."""
    texts: list[str]
    names: NDArray[Any]
    number_N: NDArray[Any]
    """Of the class of each."""


def _judged(rows: Sequence[Row]) -> _Judged | None:
    """None where there is nothing to learn a class from."""
    used = Counter(row.stratum() for row in rows)
    places = [at for at, row in enumerate(rows) if _is_judged(row, used)]
    names, number_N = np.unique([rows[at].stratum() for at in places], return_inverse=True)
    texts = [rows[at].given() for at in places]
    words = Counter(word for text in texts for word in set(text.lower().split()))
    if len(names) < 2 or max(words.values()) < 2:
        return None
    return _Judged(rows, places, texts, names, number_N)


def _is_judged(row: Row, used: Counter[str]) -> bool:
    return bool(row.stratum() and row.given().strip()) and used[row.stratum()] >= _FOLDS


def _found(
    judged: _Judged, probability_NC: NDArray[np.float64], *, where: str
) -> Iterator[Finding]:
    finding = Finding(
        "label_noise",
        "labels that the other rows speak against" + where,
        "a wrong label teaches the opposite, and in a test calls the right answer wrong",
        "look at them: luthier data label, which writes corrections; or leave them out",
        0.5,
        is_certain=False,
    )
    places = doubtful(probability_NC, judged.number_N)
    for doubt in _doubts(judged, probability_NC, places):
        finding.add(judged.rows[doubt.at], doubt.why)
    if finding.count:
        yield finding


def _doubts(
    judged: _Judged, probability_NC: NDArray[np.float64], places: NDArray[np.int64]
) -> Iterator[Doubt]:
    """What speaks against rows at these places, but for those that somebody confirmed."""
    for place in places:
        at, shares_C = judged.places[place], probability_NC[place]
        if judged.rows[at].is_confirmed:
            continue
        own, likely = judged.number_N[place], np.argsort(-shares_C, kind="stable")[:_GUESSES]
        names = judged.names
        yield Doubt(
            at,
            f"labelled '{names[own]}' ({shares_C[own]:.0%}), looks like '{names[likely[0]]}' "
            f"({shares_C[likely[0]]:.0%})",
            tuple((str(names[one]), float(shares_C[one])) for one in likely),
        )


def probabilities(texts: Sequence[str], number_N: NDArray[Any]) -> NDArray[np.float64]:
    """Of each class for each text, by rows other than its own fold.

    Shapes: (N, C).
    """
    # one vocabulary for all folds: it knows no label, and a fold alone may have no word twice
    words: Any = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=_WORD
    ).fit_transform(texts)
    return out_of_fold(words, number_N, strength=_STRENGTH_OF_WORDS)


def joined(
    words_NC: NDArray[np.float64], vectors_ND: NDArray[np.float32], number_N: NDArray[Any]
) -> NDArray[np.float64]:
    """What words say (N, C) and what vectors say, as their geometric mean."""
    meant_NC = out_of_fold(vectors_ND, number_N, strength=_STRENGTH_OF_VECTORS)
    both_NC = np.sqrt(words_NC * meant_NC)
    return both_NC / both_NC.sum(1, keepdims=True)


def out_of_fold(known: Any, number_N: NDArray[Any], *, strength: float) -> NDArray[np.float64]:
    """Of each class for each row (N, C), by a regression on what is known of the rows (N, D), dense
    or sparse, that has not learned the row itself."""
    found = np.zeros((known.shape[0], int(number_N.max()) + 1))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    for learned, asked in folds.split(np.zeros(len(number_N)), number_N):
        model = LogisticRegression(C=strength, max_iter=_ROUNDS)
        with warnings.catch_warnings():  # stopping early is meant
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(known[learned], number_N[learned])
        found[asked] = model.predict_proba(known[asked])
    return found


def doubtful(probability_NC: NDArray[np.float64], number_N: NDArray[Any]) -> NDArray[np.int64]:
    """Places of rows whose label is another than the confident one, the least probable first.

    Confident is a class whose probability is no less than its rows have on average; of several the
    most probable.
    """
    threshold_C = np.array(
        [probability_NC[number_N == own, own].mean() for own in range(probability_NC.shape[1])]
    )
    confident_NC = np.where(probability_NC >= threshold_C, probability_NC, 0.0)
    is_other_N = (confident_NC.max(1) > 0) & (confident_NC.argmax(1) != number_N)
    order = ranked(probability_NC, number_N)
    return order[is_other_N[order]]


def outdone(probability_NC: NDArray[np.float64], number_N: NDArray[Any]) -> NDArray[np.int64]:
    """Places of rows of which another label is eight times as probable, the least probable first.

    Of 5 % planted wrong labels these hold 0.97 in BANKING77 (7.1 % of its rows) and 0.79 in TREC
    (5.8 %), where the confident ones hold 0.61 (4.8 %) and 0.65 (6.2 %).
    """
    own_N = probability_NC[np.arange(len(number_N)), number_N]
    order = ranked(probability_NC, number_N)
    return order[(_TIMES * own_N < probability_NC.max(1))[order]]


def ranked(probability_NC: NDArray[np.float64], number_N: NDArray[Any]) -> NDArray[np.int64]:
    """All places, the least probable label first."""
    return np.argsort(probability_NC[np.arange(len(number_N)), number_N], kind="stable")
