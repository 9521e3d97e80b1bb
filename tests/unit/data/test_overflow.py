"""Overlong rows are refused, cut, split or dropped exactly as asked, and no target vanishes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.core.errors import DataError
from luthier.data.features import PART, PLACES, Features
from luthier.data.ledger import Ledger
from luthier.data.overflow import fit_all, fit_to


def features(prompt: int, target: int, tail: int = 0, row: int = 0) -> Features:
    weights = [0.0] * prompt + [1.0] * target + [0.0] * tail
    if weights:
        weights[0] = 0.0
    ids = np.arange(len(weights), dtype=np.int32)
    return Features(row, ids, np.array(weights, np.float32))


def test_a_row_that_fits_comes_back_as_it_is() -> None:
    item = features(3, 3)
    assert fit_to(item, 6, "error", "f line 1")[0] is item


def test_overlong_rows_are_reported_all_at_once() -> None:
    items = [features(2, 2), features(5, 9), features(5, 6)]
    names = ["f line 1", "f line 2", "f line 3"]
    with pytest.raises(DataError) as caught:
        fit_all(items, names, split="train", max_length=8, policy="error")
    message = str(caught.value)
    assert "2 of 3 rows are longer than 8 tokens (training.max_length)" in message
    assert "the longest has 14: f line 2" in message
    assert "training.max_length = 14" in message
    assert "data.on_overflow = truncate_prompt" in message


def test_one_overlong_row_names_itself() -> None:
    with pytest.raises(DataError, match="f line 7: 14 tokens, longer than 8"):
        fit_to(features(5, 9), 8, "error", "f line 7")


def test_truncate_prompt_keeps_the_first_token_and_the_whole_target() -> None:
    [short] = fit_to(features(6, 3, tail=1), 7, "truncate_prompt", "f")
    assert short.input_ids.tolist() == [0, 4, 5, 6, 7, 8, 9]
    assert short.loss_weights.tolist() == [0, 0, 0, 1, 1, 1, 0]
    assert short.cut_tokens == 3


def test_truncate_prompt_refuses_to_cut_the_target() -> None:
    with pytest.raises(
        DataError, match=r"only 2 of them stand before what is trained.*\n.*at least 10"
    ):
        fit_to(features(3, 9), 6, "truncate_prompt", "f line 1")


def test_truncate_tail_keeps_the_beginning_of_the_target() -> None:
    [short] = fit_to(features(3, 9), 6, "truncate_tail", "f")
    assert short.input_ids.tolist() == [0, 1, 2, 3, 4, 5]
    assert (short.num_trained, short.cut_tokens) == (3, 6)


@pytest.mark.parametrize("policy", ["truncate_tail", "split"])
def test_a_target_that_would_vanish_is_an_error(policy: str) -> None:
    item = features(6, 0) if policy == "split" else features(6, 3)
    with pytest.raises(DataError, match=r"f line 1: .* the whole target would vanish"):
        fit_to(item, 5, policy, "f line 1")  # type: ignore[arg-type]


def test_split_trains_nothing_without_a_token_before_it() -> None:
    pieces = fit_to(features(1, 9), 4, "split", "f")
    assert [piece.input_ids.tolist() for piece in pieces] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert all(piece.loss_weights[0] == 0 for piece in pieces)


def test_split_leaves_out_pieces_without_a_target_and_counts_them() -> None:
    pieces = fit_to(features(8, 3), 4, "split", "f")
    assert [piece.input_ids.tolist() for piece in pieces] == [[8, 9, 10]]
    assert sum(piece.cut_tokens for piece in pieces) == 8


def test_drop_drops_and_says_which() -> None:
    items = [features(2, 2, row=0), features(5, 9, row=1)]
    (left,), dropped = fit_all(items, ["a", "b"], split="train", max_length=8, policy="drop")
    assert (left.row, left.input_ids.tolist(), dropped) == (0, items[0].input_ids.tolist(), [1])


def test_dropping_every_row_is_refused() -> None:
    with pytest.raises(DataError, match="all 2 test rows are longer than 3 tokens"):
        fit_all(
            [features(2, 2), features(5, 9)], ["a", "b"], split="test", max_length=3, policy="drop"
        )


@pytest.mark.parametrize(
    ("policy", "expected"), [("truncate_tail", [0, 1, 9]), ("truncate_prompt", [0, 8, 9])]
)
def test_rows_that_train_a_label_keep_the_marks_around_them(
    policy: str, expected: list[int]
) -> None:
    item = Features(0, np.arange(10, dtype=np.int32), label=1)
    [short] = fit_to(item, 3, policy, "f")  # type: ignore[arg-type]
    assert short.input_ids.tolist() == expected
    assert (short.label, short.cut_tokens) == (1, 7)


def test_a_row_with_one_label_cannot_be_split() -> None:
    with pytest.raises(DataError, match="a row with one label cannot be split"):
        fit_to(Features(0, np.arange(10, dtype=np.int32), label=1), 3, "split", "f")


@given(
    shapes=st.lists(
        st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(0, 5)), max_size=8
    ),
    max_length=st.integers(2, 20),
    policy=st.sampled_from(["truncate_prompt", "truncate_tail", "split", "drop"]),
)
def test_tokens_add_up_under_every_policy(
    shapes: list[tuple[int, int, int]], max_length: int, policy: str
) -> None:
    before = [features(*shape, row=row) for row, shape in enumerate(shapes)]
    names = [str(item.row) for item in before]
    try:
        after, dropped = fit_all(before, names, split="train", max_length=max_length, policy=policy)  # type: ignore[arg-type]
    except DataError:
        return  # a target would have vanished; the messages have tests of their own
    assert all(item.num_tokens <= max_length and item.num_trained for item in after)
    assert {item.row for item in before} == {item.row for item in after} | set(dropped)
    ledger = Ledger()
    ledger.add_features("train", before, after)
    ledger.check()
    assert ledger.tokens["train"].total == sum(map(sum, shapes))


@pytest.mark.parametrize("policy", ["truncate_tail", "truncate_prompt", "split"])
def test_what_is_said_of_every_token_is_cut_with_the_tokens(policy: Any) -> None:
    ids = np.arange(12, dtype=np.int32)
    weights = np.zeros(12, np.float32)
    weights[[2, 9, 11]] = 1
    if policy == "truncate_prompt":
        weights[2] = 0
    row = Features(0, ids, weights, per_token={"tags": ids * 10})
    for piece in fit_to(row, 6, policy, "here"):
        assert piece.per_token["tags"].tolist() == (piece.input_ids * 10).tolist()


def test_what_is_said_of_every_token_is_cut_in_each_sequence_of_a_row() -> None:
    ids = np.arange(12, dtype=np.int32)
    row = Features(0, ids, label=0, sequences=(8, 4), per_token={"tags": ids * 10})
    (shorter,) = fit_to(row, 5, "truncate_tail", "here")
    assert shorter.sequences == (5, 4)
    assert shorter.per_token["tags"].tolist() == (shorter.input_ids * 10).tolist()


def pair(prompt: int, chosen: int, rejected: int) -> Features:
    first, second = features(prompt, chosen), features(prompt, rejected)
    return Features(
        0,
        np.concatenate([first.input_ids, second.input_ids]),
        np.concatenate([first.loss_weights, second.loss_weights]),
        sequences=(first.num_tokens, second.num_tokens),
    )


@pytest.mark.parametrize("answers", [(45, 85), (85, 45)])
def test_what_a_pair_needs_is_what_its_longer_answer_needs(answers: tuple[int, int]) -> None:
    item = pair(15, *answers)
    with pytest.raises(DataError, match=r"f line 3: 100 tokens, longer than 80 ") as caught:
        fit_to(item, 80, "truncate_prompt", "f line 3")
    assert "only 14 of them stand before what is trained" in str(caught.value)
    assert "Allow at least 86, training.max_length = 86" in str(caught.value)
    assert "data.on_overflow = truncate_tail or drop" in str(caught.value)
    assert "split" not in str(caught.value), "it is refused for rows of several texts"
    with pytest.raises(DataError, match=r"keep the answer\), truncate_tail or drop"):
        fit_to(item, 80, "error", "f line 3")
    [short] = fit_to(item, 86, "truncate_prompt", "f line 3")
    assert max(short.lengths) == 86
    assert short.num_trained == sum(answers)


@pytest.mark.parametrize("policy", ["error", "truncate_prompt"])
def test_no_more_is_offered_than_the_model_reads(policy: Any) -> None:
    for context, is_offered in ((9, False), (14, True)):
        with pytest.raises(DataError) as caught:
            fit_to(features(2, 12), 8, policy, "f line 1", context=context)
        assert ("training.max_length = " in str(caught.value)) == is_offered
        assert (f"The model reads {context} at most" in str(caught.value)) != is_offered
        assert "data.on_overflow = " in str(caught.value)


def test_no_more_is_offered_where_all_are_gone_or_a_target_would_vanish() -> None:
    with pytest.raises(DataError, match=r"reads 9 at most: cut them: .* = truncate_tail"):
        fit_all([features(2, 12)], ["f"], split="test", max_length=8, policy="drop", context=9)
    with pytest.raises(DataError, match=r"vanish.\n    Keep the answer"):
        fit_to(features(12, 2), 8, "truncate_tail", "f", context=9)


def labelled_pair(first: int, second: int) -> Features:
    """A label's row in the manner of BERT: a mark, a text, a mark, another text, a mark."""
    part = np.array([-1, *[0] * first, -1, *[1] * second, -1], np.int8)
    ids = np.arange(len(part), dtype=np.int32)
    return Features(0, ids, label=1, per_token={PART: part})


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [(20, 3, (6, 3)), (3, 20, (3, 6)), (20, 20, (5, 4)), (5, 6, (5, 4)), (9, 1, (8, 1))],
)
def test_of_a_pair_the_longer_text_is_cut_first(
    first: int, second: int, kept: tuple[int, int]
) -> None:
    whole = labelled_pair(first, second)
    [head] = fit_to(whole, 12, "truncate_tail", "f")
    assert [int((head.per_token[PART] == text).sum()) for text in (0, 1, -1)] == [*kept, 3]
    starts = [1, first + 2]
    expected = [list(range(start, start + num)) for start, num in zip(starts, kept, strict=True)]
    last = whole.num_tokens - 1
    assert head.input_ids.tolist() == [0, *expected[0], first + 1, *expected[1], last]
    [tail] = fit_to(whole, 12, "truncate_prompt", "f")
    assert tail.input_ids.tolist()[-2:] == [last - 1, last]
    assert first in tail.input_ids  # the last token of the first text
    assert tail.num_tokens == 12
    assert head.cut_tokens == tail.cut_tokens == whole.num_tokens - 12


def test_a_pair_of_which_nothing_is_left_is_refused() -> None:
    with pytest.raises(DataError, match="whole target would vanish"):
        fit_to(labelled_pair(5, 5), 3, "truncate_tail", "f")


@pytest.mark.parametrize("policy", ["truncate_tail", "truncate_prompt"])
def test_a_window_that_would_lose_its_answer_is_refused(policy: Any) -> None:
    marks = np.zeros(12, np.int8)
    marks[3], marks[5] = 1, 2
    row = Features(0, np.arange(12, dtype=np.int32), sequences=(8, 4), per_token={PLACES: marks})
    with pytest.raises(DataError, match=r"here: 12 tokens cut to 4 .*target would vanish"):
        fit_to(row, 4, policy, "here")
    (shorter,) = fit_to(row, 7, policy, "here")
    assert np.count_nonzero(shorter.per_token[PLACES]) == 2
