"""Near-duplicates: what is found is what plain sets of pieces say, and little is missed."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from luthier.core.errors import DataError
from luthier.data.load import load
from luthier.data.matching import minhash
from luthier.data.matching import signed as module
from luthier.data.matching.compared import Compared
from luthier.data.matching.linked import Linked
from luthier.data.matching.similar import Similar, similar
from luthier.data.rows import Labeled, Origin, Row
from luthier.recipe.schema import DataSection

WORDS = [f"{a}{b}" for a in ("kor", "lim", "tesa", "un") for b in ("do", "ra", "vit", "nelo", "x")]


def rows(texts: list[str], labels: str = "") -> list[Row]:
    named = labels or "a" * len(texts)
    return [
        Labeled(origin=Origin("f", at + 1), text=text, label=label)
        for at, (text, label) in enumerate(zip(texts, named, strict=True))
    ]


def plain_share(first: str, second: str) -> float:
    one, other = (
        {text[at : at + 5] for at in range(max(len(text) - 4, 1))} for text in (first, second)
    )
    return len(one & other) / len(one | other)


def pairs(found: Similar) -> set[tuple[int, int]]:
    return set(zip(found.later_P.tolist(), found.earlier_P.tolist(), strict=True))


@example([("", "\0"), ("ab", "ab\0\0\0"), ("aaaaaaa", "aaaaa")])
@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), min_size=1, max_size=4))
def test_the_share_of_pieces_is_that_of_plain_sets(given: list[tuple[str, str]]) -> None:
    first, second = ([pair[at] for pair in given] for at in (0, 1))
    wanted = [plain_share(*pair) for pair in given]
    assert minhash.jaccards(first, second).tolist() == pytest.approx(wanted)


def test_signatures_agree_as_often_as_pieces_are_shared() -> None:
    drawn = random.Random(1)
    said = [" ".join(drawn.choices(WORDS, k=30)) for _ in range(60)]
    said += [text[:cut] for text in said for cut in (60, 110, 150)]
    signed_NK = minhash.signatures(said, 2000)
    for one, other in [(at, 60 + 3 * at + cut) for at in range(60) for cut in range(3)]:
        agree = float(np.mean(signed_NK[one] == signed_NK[other]))
        assert agree == pytest.approx(plain_share(said[one], said[other]), abs=0.06)  # 5 sigma


def test_signatures_do_not_depend_on_what_stands_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    said = ["", "a", "abcde", "x" * 300, "ünï \U0001f600 code", *WORDS]
    together = minhash.signatures(said, 20)
    monkeypatch.setattr(minhash, "_AT_ONCE", 1)
    assert (minhash.signatures(said, 20) == together).all()
    assert (minhash.signatures(said[3:4], 20) == together[3:4]).all()


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95, 1.0])
def test_pairs_at_the_threshold_share_a_band_ninety_nine_times_of_a_hundred(
    threshold: float,
) -> None:
    cut = minhash.bands(threshold)
    assert cut.total <= minhash.MOST_HASHES
    assert 1 - (1 - threshold**cut.hashes) ** cut.number >= 0.99


def test_thresholds_too_low_for_that_get_all_the_bands_there_are() -> None:
    assert minhash.bands(0.03) == minhash.Bands(minhash.MOST_HASHES, 1)
    assert minhash.bands(0.05).number <= minhash.MOST_HASHES


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), threshold=st.sampled_from([0.6, 0.8]))
def test_what_is_found_is_similar_and_hardly_anything_is_missed(
    seed: int, threshold: float
) -> None:
    drawn = random.Random(seed)
    said = [" ".join(drawn.choices(WORDS, k=12)) for _ in range(40)]
    for text in said[:40]:
        words = text.split()
        words[drawn.randrange(12)] = drawn.choice(WORDS)
        said.append(" ".join(words))
    found = pairs(similar(rows(said), threshold))
    assert all(plain_share(said[one], said[other]) >= threshold for one, other in found)
    wanted = {at for at in range(40, 80) if plain_share(said[at], said[at - 40]) >= threshold}
    assert len(wanted - {later for later, _ in found}) <= 3


def test_targets_have_to_be_similar_too() -> None:
    said = ["how do I change my pin number", "how do I change my PIN  number"]
    assert pairs(similar(rows(said, "aa"), 0.8)) == {(1, 0)}
    assert not pairs(similar(rows(said, "ab"), 0.8))


def test_rows_without_text_are_similar_to_none() -> None:
    pictures = [
        Labeled(origin=Origin("f", at), text="", label="a", picture=f"{at}.png", digest=f"{at}")
        for at in range(5)
    ]
    assert not pairs(similar(pictures, 0.8))
    assert not pairs(similar([], 0.8))


def test_only_what_is_similar_to_a_row_that_stays_is_left_out() -> None:
    """Of a chain, of which the first and the last are unlike, the middle goes."""
    chain = Similar(np.array([1, 2, 4]), np.array([0, 1, 3]))
    assert chain.first_kept(5).tolist() == [0, 0, 2, 3, 3]


def test_signatures_that_are_many_lie_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [f"how do I change {thing}" for thing in ("my pin now", "my pin  now", "that card")]
    held = pairs(similar(rows(said), 0.8))
    monkeypatch.setattr(module, "IN_MEMORY_ROWS", 2)
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "new"))
    assert pairs(similar(rows(said), 0.8)) == held == {(1, 0)}
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"3 rows cannot be kept there.*\n.*LUTHIER_CACHE"):
        similar(rows(said), 0.8)


def test_many_alike_are_all_paired_with_the_first() -> None:
    said = [f"the same long sentence again and again, number {at % 10}" for at in range(500)]
    kept = similar(rows(said), 0.8).first_kept(500)
    assert (kept == 0).all()


def test_rows_made_by_a_pattern_are_found_by_few_comparisons(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All hang together, so each row is read with few of the 399 others."""
    compared: list[int] = []

    def counted(first: Sequence[str], second: Sequence[str]) -> NDArray[np.float64]:
        compared.append(len(first))
        return minhash.jaccards(first, second)

    monkeypatch.setattr("luthier.data.matching.similar.jaccards", counted)
    said = [
        f"dear customer, thank you very much for order {at} of this summer, and do come again"
        for at in range(400)
    ]
    found = similar(rows(said), 0.8)
    kept = np.flatnonzero(found.first_kept(400) == np.arange(400))
    assert len(kept) == 1
    assert 399 <= sum(compared) < 5 * 400


def test_a_pair_is_settled_once_its_later_row_is_out_and_both_hang_together() -> None:
    linked = Linked(6)
    linked.join(2, 1)
    linked.join(3, 1)
    later_P, earlier_P = np.array([3, 3, 2, 5]), np.array([2, 0, 1, 4])
    assert linked.is_settled(later_P, earlier_P).tolist() == [True, False, True, False]
    linked.join(1, 0)  # what 2 and 3 stood aside for goes itself
    assert not linked.is_settled(later_P, earlier_P).any()


def test_what_comparing_gave_is_known_of_each_pair() -> None:
    compared = Compared(4)
    assert [places.tolist() for places in compared.similar()] == [[], []]
    later_P, earlier_P = np.array([3, 1, 2]), np.array([1, 0, 0])
    compared.put(later_P, earlier_P, np.array([True, True, False]))
    assert compared.among(later_P, earlier_P, similar=True).tolist() == [True, True, False]
    assert compared.among(later_P, earlier_P, similar=False).tolist() == [False, False, True]
    assert not compared.among(np.array([3]), np.array([2]), similar=False).any()
    assert [places.tolist() for places in compared.similar()] == [[1, 3], [0, 1]]


def test_near_duplicates_stay_in_one_split(tmp_path: Path) -> None:
    drawn = random.Random(3)
    lines: list[str] = []
    for at in range(100):
        words = drawn.choices(WORDS, k=14)
        lines += [f"{' '.join(words)} {end},{at % 2}" for end in ("now", "please", "thanks")]
    drawn.shuffle(lines)
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *lines]) + "\n")

    def torn(near_duplicates: float) -> tuple[int, str]:
        section = DataSection(train=str(tmp_path / "a.csv"), near_duplicates=near_duplicates)
        loaded = load(section, seed=0)
        parts = (loaded.splits.train, loaded.splits.validation, loaded.splits.test)
        assert min(map(len, parts)) >= 10
        stems = [{row.given().rsplit(" ", 1)[0] for row in part} for part in parts]
        return sum(map(len, stems)) - 100, "\n".join(loaded.description)

    assert torn(0)[0] > 20
    number, said = torn(0.8)
    assert number == 0
    assert "near-duplicates of an earlier row: 200, such as" in said


def test_rows_of_one_pattern_are_split_all_the_same(tmp_path: Path) -> None:
    lines = [f"please tell me the state of my order number {at},{at % 2}" for at in range(100)]
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    loaded = load(DataSection(train=str(tmp_path / "a.csv")), seed=0)
    assert min(len(loaded.splits.validation), len(loaded.splits.test)) >= 8
    said = "\n".join(loaded.description)
    assert "over 10 of them hang together: too many for one split" in said
