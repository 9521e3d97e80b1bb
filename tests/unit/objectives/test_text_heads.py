"""What tag, qa, multilabel, regress and rank make of rows, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from tests import tiny
from tests.contracts.cases import case
from torch.testing import assert_close

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
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.tasks.labels import Labels
from luthier.models.codec import codec_of
from luthier.models.located import MARK, locate
from luthier.objectives import Roles, labels_of, objectives

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


def loss_of(objective: Any, rows: list[Row]) -> tuple[Any, Any, Any]:
    """The loss of rows, the scores it is made of, and the batch."""
    bundle = tiny.bundle("bert", labels=objective.labels())
    bundle.model.eval()
    features = [objective.prepare(row, WORDS, index=at) for at, row in enumerate(rows)]
    batch = objective.collate(features)
    return objective.loss(Roles(bundle), batch), bundle.trunk.scores(batch), batch


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_what_a_wrong_number_costs(loss: str) -> None:
    rows: list[Row] = [
        Scored(origin=AT, text=word, score=number)
        for word, number in (("red", 0.1), ("blue", -0.2), ("one", 7.0), ("two", -9.0))
    ]
    objective = built("regress", rows, loss=loss, center=0.0, scale=1.0)
    found, scores, batch = loss_of(objective, rows)
    errors = (scores[:, 0] - batch.tensors["targets"]).abs()
    assert float(errors.detach().min()) < 1 < float(errors.detach().max())
    huber = torch.where(errors < 1, errors.square() / 2, errors - 0.5)
    expected = {"mse": errors.square(), "mae": errors, "huber": huber}[loss].sum()
    assert_close(found.sum, expected)
    assert float(found.count) == 4


def test_the_f1_of_tags_is_that_of_words_that_are_or_are_said_to_be_inside() -> None:
    found = case("full", "tag")
    found.bundle.model.eval()
    batch = found.objective.collate(found.features)
    names = labels_of(found.objective)
    said = found.bundle.trunk.token_scores(batch, batch.tensors["at"]).argmax(-1)
    inside = [at for at, name in enumerate(names) if name != "O"]
    expected = f1_score(batch.tensors["labels"], said, labels=inside, average="micro")
    both, either = found.objective.loss(Roles(found.bundle), batch).metrics["f1"]
    assert 0 < expected < 1
    assert float(both / either) == pytest.approx(expected)


def genres(*labels: tuple[str, ...]) -> list[Row]:
    words = ("red", "blue", "one", "two")
    return [
        Multilabeled(origin=AT, text=words[at % 4], labels=names) for at, names in enumerate(labels)
    ]


def test_a_label_that_is_there_counts_by_its_weight() -> None:
    rows = genres(("a",), ("a", "b"), (), ("a",))
    objective = built("multilabel", rows, weight_of_label=[0.5, 4.0])
    found, scores, batch = loss_of(objective, rows)
    targets, p = batch.tensors["targets"], scores.sigmoid()
    there = torch.tensor([0.5, 4.0]) * targets * p.log()
    expected = -(there + (1 - targets) * (1 - p).log()).mean(-1).sum()
    assert_close(found.sum, expected, rtol=1e-5, atol=1e-6)
    assert float(found.count) == 4


def test_balanced_labels_weigh_as_much_as_the_rows_without_them_up_to_twenty() -> None:
    rows = genres(("a",), ("a", "b"), (), ("a",), *[()] * 46)
    found = built("multilabel", rows, class_weights="balanced").config
    assert found.labels == ["a", "b"]
    assert found.weight_of_label == pytest.approx([47 / 3, 20.0])


def test_a_new_head_of_labels_begins_where_the_loss_of_a_constant_is_lowest() -> None:
    rows = genres(("a",), ("a", "b"), (), ("a",), *[()] * 396)
    objective = built("multilabel", rows, weight_of_label=[0.5, 4.0])
    features = [objective.prepare(row, WORDS, index=at) for at, row in enumerate(rows)]
    said = torch.tensor(objective.beginning(features), requires_grad=True)
    weights = torch.tensor([0.5, 4.0])
    targets = objective.collate(features).tensors["targets"]
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        said.expand(400, 2), targets, pos_weight=weights, reduction="sum"
    )
    (slope,) = torch.autograd.grad(loss, said)
    # half a row more with the label, and half a row without
    assert slope.abs().max() < (weights * 0.5).max()
    assert (said.detach() < -3).all()


def test_a_new_head_of_tags_begins_at_their_shares() -> None:
    tags = ("O", "O", "O", "B-LOC", "I-LOC", "O")
    row = Tagged(origin=AT, tokens=("the", "red", "one", "in", "paris", "is"), tags=tags)
    objective = built("tag", [row])
    said = objective.beginning([objective.prepare(row, WORDS, index=0)] * 100)
    assert objective.labels() == ("O", "B-LOC", "I-LOC")
    shares = torch.tensor(said).softmax(0)
    assert_close(shares, torch.tensor([4, 1, 1]) / 6, rtol=0, atol=2e-3)
    assert sum(said) == pytest.approx(0)


def test_labels_are_predicted_from_their_threshold_on() -> None:
    rows = genres(("a",), ("b",))
    bundle, task = tiny.bundle("bert", labels=("a", "b")), Labels()
    said = task.predictions(Answerer(bundle, built("multilabel", rows), 0), rows)
    least, most = sorted(said[0]["probabilities"].values())
    for threshold, number in ((least / 2, 2), ((least + most) / 2, 1), ((1 + most) / 2, 0)):
        objective = built("multilabel", rows, threshold=threshold)
        found = task.predictions(Answerer(bundle, objective, 0), rows[:1])
        assert len(found[0]["labels"]) == number


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
