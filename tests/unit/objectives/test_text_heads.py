"""What tag, qa, multilabel, regress and rank make of rows, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests import tiny

from luthier.core.errors import DataError
from luthier.data.overflow import fit_to
from luthier.data.rows import (
    Candidate,
    Multilabeled,
    Origin,
    Question,
    Ranked,
    Row,
    Scored,
    Span,
    Tagged,
)
from luthier.models.codec import codec_of
from luthier.models.located import MARK, locate
from luthier.objectives import objectives

AT = Origin("rows.jsonl", 7)
WORDS = codec_of(tiny.word_tokenizer())
BYTES = codec_of(tiny.tokenizer())


def built(name: str, rows: list[Row], **settings: Any) -> Any:
    kind = objectives.get(name)
    config = kind.Config(**settings)
    found = {key: value for key, (value, _) in kind.resolve(config, rows).items()}
    return kind(config.model_copy(update=found))


def tagged(tokens: str, tags: str) -> Tagged:
    return Tagged(origin=AT, tokens=tuple(tokens.split()), tags=tuple(tags.split()))


@pytest.mark.parametrize("codec", [WORDS, BYTES])
def test_every_word_of_a_text_that_is_split_learns_its_tag(codec: Any) -> None:
    row = tagged("the red cat and the blue dog", "O O B-X O O B-Y I-Y")
    whole = built("tag", [row]).prepare(row, codec, index=0)
    pieces = fit_to(whole, 4, "split", "here")
    assert len(pieces) > 1
    words = np.concatenate([piece.per_token["words"][piece.loss_weights > 0] for piece in pieces])
    assert words.tolist() == [1, 2, 3, 4, 5, 6, 7]


def one_document(score: float) -> Ranked:
    return Ranked(origin=AT, query="q", documents=(Candidate("d", score),))


@pytest.mark.parametrize("codec", [WORDS, BYTES])
@pytest.mark.parametrize("text", ["the café is red", "  two\n spaces ", "日本 <|im_end|> x", "a"])
def test_located_tokens_are_those_of_the_codec(codec: Any, text: str) -> None:
    found = locate(codec, text)
    assert found.input_ids.tolist() == codec.encode(text).tolist()
    for start, end in zip(*(places[found.part != MARK] for places in (found.starts, found.ends))):
        held = text[start:end]
        assert not held[:1].isspace() or held.isspace()


def test_a_pair_is_parted_by_a_line_end_where_the_tokenizer_parts_nothing() -> None:
    found = locate(BYTES, "what is", "red")
    assert BYTES.decode(found.input_ids.tolist()) == "what is\nred"
    assert found.starts[found.part == 1][0] == 0
    assert (
        locate(WORDS, "what is", "red").input_ids.tolist()
        == WORDS.encode("what is", "red").tolist()
    )


@pytest.mark.parametrize("codec", [WORDS, BYTES])
def test_the_first_piece_of_a_word_carries_its_tag(codec: Any) -> None:
    row = tagged("the Zanzibar is red", "O B-LOC O B-COL")
    objective = built("tag", [row])
    features = objective.prepare(row, codec, index=0)
    assert np.count_nonzero(features.loss_weights) == 4
    at = np.flatnonzero(features.loss_weights)
    assert features.per_token["words"][at].tolist() == [1, 2, 3, 4]
    names = [objective.labels()[tag] for tag in features.per_token["tags"][at]]
    assert names == ["O", "B-LOC", "O", "B-COL"]


def test_every_piece_may_carry_it() -> None:
    row = tagged("the Zanzibar", "O B-LOC")
    features = built("tag", [row], every_piece=True).prepare(row, WORDS, index=0)
    assert np.count_nonzero(features.loss_weights) == features.num_tokens - 2  # CLS and SEP


def test_a_word_that_the_tokenizer_leaves_out_is_not_learned() -> None:
    row = tagged("red \u200b blue", "B-C O B-C")
    features = built("tag", [row]).prepare(row, WORDS, index=0)
    assert features.per_token["words"][features.loss_weights > 0].tolist() == [1, 3]


def test_a_tag_unseen_in_training_is_named_with_its_word() -> None:
    objective = built("tag", [tagged("a b", "B-LOC O")])
    with pytest.raises(DataError, match=r"rows.jsonl line 7: word 2 \('Bonn'\) has the tag 'B-LC'"):
        objective.prepare(tagged("to Bonn", "O B-LC"), WORDS, index=0)


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("tag", [tagged("a b", "O O")], "has an entity"),
        ("multilabel", [Multilabeled(origin=AT, text="a", labels=())], "has a label"),
        ("regress", [Scored(origin=AT, text="a", score=2.0)] * 2, "the same score, 2"),
        ("rank", [one_document(1.0)], "nothing to rank"),
    ],
)
def test_rows_with_nothing_to_tell_apart_are_refused(
    name: str, rows: list[Row], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        built(name, rows)


def test_a_label_unseen_in_training_is_named_with_the_nearest() -> None:
    objective = built("multilabel", [Multilabeled(origin=AT, text="a", labels=("drama",))])
    with pytest.raises(DataError, match=r"line 7: label 'drma' is not one of .*'drama'"):
        objective.prepare(Multilabeled(origin=AT, text="a", labels=("drma",)), WORDS, index=0)


def test_a_score_above_the_best_is_refused() -> None:
    rows: list[Row] = [one_document(float(n)) for n in range(3)]
    with pytest.raises(DataError, match="score 5 is above 2"):
        built("rank", rows).prepare(one_document(5.0), WORDS, index=0)


# --- windows -------------------------------------------------------------------------------------

LONG = " ".join(f"the red one is in {word}" for word in ("paris", "blue", "two", "world") * 6)


@pytest.mark.parametrize("codec", [WORDS, BYTES])
@pytest.mark.parametrize("place", [0, 5, 11])
def test_an_answer_is_whole_in_a_window_and_marked_at_its_characters(
    codec: Any, place: int
) -> None:
    starts = [at for at in range(len(LONG)) if LONG.startswith("two", at)]
    start = starts[place % len(starts)]
    row = Question(origin=AT, question="what is", context=LONG, answers=(Span(start, "two"),))
    objective = built("qa", [row], window=48, overlap=16)
    features = objective.prepare(row, codec, index=0)
    assert len(features.lengths) > 2
    assert max(features.lengths) <= 48
    labels = objective.collate([features]).tensors["labels"].tolist()
    edges = np.cumsum([0, *features.lengths])
    found = [
        (features.per_token["starts"][edge + first], features.per_token["ends"][edge + last])
        for edge, (first, last) in zip(edges, labels, strict=False)
        if last
    ]
    assert found
    assert set(found) == {(start, start + 3)}


def test_every_token_of_the_text_is_in_a_window() -> None:
    row = Question(origin=AT, question="what is", context=LONG)
    features = built("qa", [row], window=40, overlap=8).prepare(row, WORDS, index=0)
    seen = features.per_token["starts"]
    whole = locate(WORDS, "what is", LONG)
    assert set(seen[seen >= 0].tolist()) == set(whole.starts[whole.part == 1].tolist())


def test_a_question_longer_than_a_window_leaves_room_for_the_text() -> None:
    row = Question(origin=AT, question="what is " * 60, context="the red one")
    features = built("qa", [row], window=32, overlap=8).prepare(row, WORDS, index=0)
    assert max(features.lengths) <= 32
    assert (features.per_token["starts"] >= 0).any()
