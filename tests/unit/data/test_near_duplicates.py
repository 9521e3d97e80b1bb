"""What is left out beside held-out rows, against every pair of rows."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from luthier.data.cleaning.near_duplicates import Config, NearDuplicates
from luthier.data.rows import Labeled, Origin, Row


def rows(texts: Sequence[str]) -> list[Row]:
    return [
        Labeled(origin=Origin("f", at + 1), text=text, label="a") for at, text in enumerate(texts)
    ]


def kept(texts: Sequence[str], num_held: int, threshold: float, scope: str) -> NDArray[np.bool_]:
    """Which rows stay, of all; those that are held out always do."""
    every = rows(texts)
    cleaner = NearDuplicates(Config.model_validate({"threshold": threshold, "scope": scope}))
    is_kept_N = np.ones(len(every), bool)
    for change in cleaner.changes(every[num_held:], every[:num_held]):
        is_kept_N[num_held + change.at] = False
    return is_kept_N


def share(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)


def pieces(text: str) -> set[str]:
    return {text[at : at + 5] for at in range(len(text) - 4)}


def alike(texts: Sequence[str], threshold: float) -> NDArray[np.bool_]:
    """Whether a row is similar to an earlier one, by comparing all. Shape: (N, N)."""
    sets = [pieces(text) for text in texts]
    return np.array(
        [
            [at > of and share(sets[at], sets[of]) >= threshold for of in range(len(sets))]
            for at in range(len(sets))
        ]
    )


def walks(drawn: random.Random) -> list[str]:
    """Three texts that change a word at a time, shuffled: each hangs together in a long chain."""
    words = ["".join(drawn.choices("abcdefghijkl", k=drawn.randint(3, 8))) for _ in range(200)]
    texts = list[str]()
    for _ in range(3):
        said = drawn.choices(words, k=12)
        for _ in range(20):
            said[drawn.randrange(12)] = drawn.choice(words)
            texts.append(" ".join(said))
    drawn.shuffle(texts)
    return texts


@pytest.mark.parametrize("scope", ["all", "across"])
def test_a_row_like_the_second_of_similar_held_out_rows_goes(scope: str) -> None:
    """It is unlike the first, for which the second would go if it were not held out."""
    stem = "the parcel that was sent on monday {} in the old town of salem please {}"
    first = stem.format("never came to my house", "help me soon")
    second = stem.format("has not come to my house", "help me soon")
    row = stem.format("has not come to my house", "do help me now")
    one, other, own = pieces(first), pieces(second), pieces(row)
    assert share(one, other) > 0.7
    assert share(other, own) > 0.7 > share(one, own)
    assert kept([second, row], 1, 0.7, scope).tolist() == [True, False]
    assert kept([first, second, row], 2, 0.7, scope).tolist() == [True, True, False]


@pytest.mark.parametrize("scope", ["all", "across"])
def test_what_is_like_a_held_out_row_goes_and_little_of_it_is_missed(scope: str) -> None:
    due, missed = 0, 0
    for seed in range(40):
        texts, threshold = walks(random.Random(seed)), (0.5, 0.6, 0.7, 0.8)[seed % 4]
        num_held = len(texts) // 4
        is_kept_N, alike_NN = kept(texts, num_held, threshold, scope), alike(texts, threshold)
        like_held_N = alike_NN[:, :num_held].any(axis=1)
        is_due_N = like_held_N | ((alike_NN & is_kept_N).any(axis=1) & (scope == "all"))
        is_due_N[:num_held] = False
        assert not (~is_kept_N & ~is_due_N).any()
        due += int(is_due_N.sum())
        missed += int((is_kept_N & is_due_N).sum())
    assert due > 500
    assert missed <= 0.01 * due  # of pairs at the threshold so many share no band


def test_without_held_out_rows_nothing_is_like_one() -> None:
    assert kept(["the very same text"] * 3, 0, 0.8, "across").all()
