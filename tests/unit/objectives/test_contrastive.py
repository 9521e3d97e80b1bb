"""Losses on vectors: which texts are negatives, which are mined, and what is refused."""

from __future__ import annotations

from contextlib import nullcontext
from math import nan

import pytest
import torch
from tests.contracts.cases import plain_bundle
from torch.testing import assert_close

from luthier.core.errors import DataError, RecipeError
from luthier.data.rows import Origin, Scored, Triplet
from luthier.objectives import Roles, objectives, resolved
from luthier.objectives._negatives import vectors_of
from luthier.objectives.contrastive import ranking_loss
from luthier.objectives.cosent import order_loss
from luthier.ops.similarity import unit


def built(name: str, **settings):
    kind = objectives.get(name)
    config = kind.Config.model_validate(settings)
    found = {key: value for key, (value, _) in resolved(kind, config, []).items()}
    return kind(config.model_copy(update=found))


def rows(*texts: tuple[str, ...]) -> list[Triplet]:
    return [
        Triplet(origin=Origin("t.jsonl", n + 1), anchor=a, positive=p, negatives=tuple(rest))
        for n, (a, p, *rest) in enumerate(texts)
    ]


def prepared(objective, bundle, found):
    return [objective.prepare(row, bundle.codec, index=n) for n, row in enumerate(found)]


def test_a_text_that_stands_twice_is_no_negative_of_itself() -> None:
    objective, bundle = built("contrastive"), plain_bundle("embedder")
    found = rows(("red", "the red"), ("blue", "the red"), ("red", "a good red"), ("one", "two"))
    batch = objective.collate(prepared(objective, bundle, found))
    assert batch.tensors["allowed"].tolist() == [
        [True, False, False, True],  # row 1 has the same text; row 2 the same anchor
        [False, True, True, True],
        [False, False, True, True],  # what is right for its anchor in row 0 stands in row 1 too
        [True, True, True, True],
    ]


def test_a_right_text_is_no_negative_where_it_was_mined_for_another_row() -> None:
    objective, bundle = built("contrastive"), plain_bundle("embedder")
    found = rows(("red", "the red"), ("red", "a good red"), ("blue", "sky", "a good red", "one"))
    batch = objective.collate(prepared(objective, bundle, found))
    assert batch.tensors["allowed"].tolist() == [
        [True, False, True, False, True],
        [False, True, True, False, True],
        [True, True, True, True, True],
    ]


def test_a_text_that_is_an_anchor_elsewhere_is_no_negative_of_itself() -> None:
    objective, bundle = built("contrastive"), plain_bundle("embedder")
    found = rows(("red", "blue"), ("blue", "green", "blue"), ("one", "one"))
    batch = objective.collate(prepared(objective, bundle, found))
    assert batch.tensors["allowed"].tolist() == [
        [True, True, True, False],  # the negative of row 2 is this row's positive
        [False, True, True, False],  # candidates 1 and 4 are the anchor
        [True, True, True, True],  # its own positive stays, though it is the anchor
    ]


def test_the_loss_is_the_cross_entropy_of_the_own_positive() -> None:
    anchors, candidates = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    allowed = torch.ones(3, 3, dtype=torch.bool)
    found = ranking_loss(anchors, candidates, allowed, scale=5.0)
    scores = 5.0 * unit(anchors) @ unit(candidates).T
    assert_close(
        found.sum, torch.nn.functional.cross_entropy(scores, torch.arange(3), reduction="sum")
    )


def test_equal_scores_are_not_compared() -> None:
    cosines = torch.tensor([0.9, -0.4, 0.2])
    assert float(order_loss(cosines, torch.ones(3), scale=20.0)) == 0.0
    one = order_loss(cosines, torch.tensor([1.0, 1.0, 2.0]), scale=1.0)
    assert_close(one, torch.log1p(torch.exp(torch.tensor([0.7, -0.6])).sum()))


def test_hard_negatives_are_the_nearest_texts_of_other_rows() -> None:
    objective, bundle = built("contrastive", hard_negatives=1), plain_bundle("embedder")
    found = rows(*((word, word) for word in ("red", "green", "blue is", "yes", "one two three")))
    features = prepared(objective, bundle, found)
    assert objective.gathers
    richer = objective.gather(Roles(bundle, lambda: nullcontext(bundle)), features)
    assert [item.lengths[:2] for item in richer] == [item.lengths for item in features]
    ids = [bundle.codec.encode(row.anchor) for row in found]
    vectors = vectors_of(bundle, ids)
    cosines = (vectors @ vectors.T).fill_diagonal_(-torch.inf)
    cosines[cosines >= 0.95] = -torch.inf  # each text is its own positive, of cosine 1
    assert (cosines > -torch.inf).sum() > len(found)  # there is something to choose from
    for item, line in zip(richer, cosines, strict=True):
        nearest = ids[int(line.argmax())].tolist() if line.max() > -torch.inf else []
        assert item.input_ids[sum(item.lengths[:2]) :].tolist() == nearest
    again = objective.gather(Roles(bundle, lambda: nullcontext(bundle)), features)
    assert [item.input_ids.tolist() for item in again] == [
        item.input_ids.tolist() for item in richer
    ]


def test_a_text_as_near_as_the_positive_is_left_out() -> None:
    objective, bundle = built("contrastive", hard_negatives=5), plain_bundle("embedder")
    found = rows(("red", "the world"), ("blue", "red"), ("one", "two"))  # "red" is nearer to itself
    richer = objective.gather(
        Roles(bundle, lambda: nullcontext(bundle)), prepared(objective, bundle, found)
    )
    red = bundle.codec.encode("red").tolist()
    negatives = richer[0].input_ids[sum(richer[0].lengths[:2]) :].tolist()
    assert red != negatives[: len(red)]


def test_vectors_that_are_too_short_are_refused() -> None:
    bundle = plain_bundle("embedder")
    objective = built("contrastive", dimensions=[64, 32])
    batch = objective.collate(prepared(objective, bundle, rows(("a", "b"), ("c", "d"))))
    with pytest.raises(RecipeError, match=r"objective.dimensions: got 64, but .* 32 numbers"):
        objective.loss(Roles(bundle), batch)
    objective = built("triplet", dimensions=[8, 4], dimension_weights=[1.0])
    batch = objective.collate(prepared(objective, bundle, rows(("a", "b", "c"))))
    with pytest.raises(RecipeError, match="got 1 weights for 2 dimensions"):
        objective.loss(Roles(bundle), batch)


@pytest.mark.parametrize("settings", [{"dimensions": [8, 8]}, {"dimensions": [0]}])
def test_dimensions_are_different_numbers_above_zero(settings) -> None:
    with pytest.raises(ValueError, match="different whole numbers above 0"):
        built("contrastive", **settings)


def test_weights_of_dimensions_without_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="dimension_weights: expected dimensions with them"):
        built("contrastive", dimension_weights=[1.0, 0.5])


def test_each_dimension_is_told_in_the_metrics() -> None:
    bundle, objective = plain_bundle("embedder"), built("contrastive", dimensions=[32, 8])
    batch = objective.collate(prepared(objective, bundle, rows(("a", "b"), ("c", "d"))))
    assert set(objective.loss(Roles(bundle), batch).metrics) == {"accuracy", "accuracy_8"}


def test_rows_that_lack_what_is_compared_are_refused_with_their_line() -> None:
    bundle = plain_bundle("embedder")
    with pytest.raises(DataError, match=r"t.jsonl line 1: no negative.*\n.*contrastive"):
        prepared(built("triplet"), bundle, rows(("a", "b")))
    alone = Scored(origin=Origin("s.tsv", 4), text="a", score=1.0)
    with pytest.raises(DataError, match=r"s.tsv line 4: one text"):
        prepared(built("cosent"), bundle, [alone])
    equal = [Scored(origin=Origin("s", n), text="a", text_pair="b", score=2.0) for n in (1, 2)]
    kind = objectives.get("cosent")
    with pytest.raises(DataError, match="every row has the score 2"):
        kind.resolve(kind.Config(), equal)


def test_a_pair_without_a_score_is_answered_and_not_trained() -> None:
    bundle, objective = plain_bundle("embedder"), built("cosent")
    row = Scored(origin=Origin("s", 1), text="red", text_pair="red", score=nan)
    batch = objective.collate(prepared(objective, bundle, [row]))
    assert_close(objective.outputs(bundle, batch), torch.ones(1, 1))
    assert not batch.tensors["counted"].any()
