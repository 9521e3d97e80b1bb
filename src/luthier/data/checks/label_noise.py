"""Labels that the other rows speak against."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from luthier.data.checks import checks
from luthier.data.checks.contract import Finding, first_only
from luthier.data.rows import Row

MOST_ROWS = 30_000
_FOLDS = 4
_WORD = r"(?u)\w+|[^\w\s]"
_ROUNDS = 50
"""Of the solver: the ranking no longer changes long before it is done."""


@checks.add
class LabelNoise:
    """Asks for each row a regression on words that has learned the other three quarters of them.

    Source: confident learning, Northcutt et al. 2021, arXiv:1911.00068, equations 1 and 2 for how
    many labels are wrong, ranked by the probability of the label that is there.
    """

    def look(self, rows: Sequence[Row]) -> Iterator[Finding]:
        """One finding with the doubtful rows, the most doubtful first."""
        used = Counter(row.stratum() for row in rows[:MOST_ROWS])
        kept = [at for at in range(min(len(rows), MOST_ROWS)) if _is_judged(rows[at], used)]
        names, number_N = np.unique([rows[at].stratum() for at in kept], return_inverse=True)
        words = Counter(word for at in kept for word in set(rows[at].given().lower().split()))
        if len(names) < 2 or max(words.values()) < 2:
            return
        probability_NC = probabilities([rows[at].given() for at in kept], number_N)
        finding = Finding(
            "label_noise",
            "labels that the other rows speak against" + first_only(rows, MOST_ROWS),
            "a wrong label teaches the opposite, and in a test calls the right answer wrong",
            "look at them: correct the label, or leave the row out",
            0.5,
            is_certain=False,
        )
        for place in doubtful(probability_NC, number_N):
            likely = probability_NC[place].argmax()
            own = probability_NC[place, number_N[place]]
            finding.add(
                rows[kept[place]],
                f"labelled '{names[number_N[place]]}' ({own:.0%}), looks like '{names[likely]}' "
                f"({probability_NC[place, likely]:.0%})",
            )
        if finding.count:
            yield finding


def _is_judged(row: Row, used: Counter[str]) -> bool:
    return bool(row.stratum() and row.given().strip()) and used[row.stratum()] >= _FOLDS


def probabilities(texts: Sequence[str], number_N: NDArray[Any]) -> NDArray[np.float64]:
    """Of each class for each text, by rows other than its own fold.

    Shapes: (N, C).
    """
    # one vocabulary for all folds: it knows no label, and a fold alone may have no word twice
    words: Any = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=_WORD
    ).fit_transform(texts)
    found = np.zeros((len(texts), int(number_N.max()) + 1))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    for learned, asked in folds.split(texts, number_N):
        model = LogisticRegression(C=10, max_iter=_ROUNDS)
        with warnings.catch_warnings():  # stopping early is meant
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(words[learned], number_N[learned])
        found[asked] = model.predict_proba(words[asked])
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


def ranked(probability_NC: NDArray[np.float64], number_N: NDArray[Any]) -> NDArray[np.int64]:
    """All places, the least probable label first."""
    return np.argsort(probability_NC[np.arange(len(number_N)), number_N], kind="stable")
