"""How rank makes lists of the documents of queries, and what it learns from them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests import tiny

from luthier.core.errors import DataError, RecipeError
from luthier.data.features import Features
from luthier.data.rows import Candidate, Origin, Ranked, Row
from luthier.models.codec import codec_of
from luthier.objectives import Roles, objectives

WORDS = codec_of(tiny.word_tokenizer())


def ranked(query: str, *scores: float) -> Ranked:
    documents = tuple(
        Candidate(f"the {'red ' * (at + 1)}", score) for at, score in enumerate(scores)
    )
    return Ranked(origin=Origin("rows.jsonl", 7), query=query, documents=documents)


def built(rows: list[Row], **settings: Any) -> Any:
    kind = objectives.get("rank")
    config = kind.Config(**settings)
    found = {key: value for key, (value, _) in kind.resolve(config, rows).items()}
    return kind(config.model_copy(update=found))


def prepared(objective: Any, rows: list[Row]) -> list[Features]:
    return [objective.prepare(row, WORDS, index=at) for at, row in enumerate(rows)]


def scores(features: list[Features]) -> list[list[float]]:
    return [item.arrays["scores"].tolist() for item in features]


def test_lists_are_learned_listwise_and_single_documents_pointwise() -> None:
    assert built([ranked("one", 1, 0)]).config.loss == "listwise"
    assert built([ranked("one", 1), ranked("one", 0)]).config.loss == "pointwise"


@pytest.mark.parametrize("loss", ["pairwise", "listwise"])
def test_single_documents_of_a_query_are_joined(loss: str) -> None:
    rows: list[Row] = [ranked("one", 1), ranked("two", 0, 2), ranked("one", 0), ranked("two", 1)]
    objective = built(rows, loss=loss)
    found = objective.arranged(prepared(objective, rows))
    assert scores(found) == [[1, 0], [0, 2, 1]]
    assert [len(item.lengths) for item in found] == [2, 3]
    assert [item.row for item in found] == [0, 1]
    assert sum(item.num_tokens for item in found) == sum(
        item.num_tokens for item in prepared(objective, rows)
    )


def test_pointwise_learns_the_same_from_a_list_as_from_its_documents() -> None:
    listed: list[Row] = [ranked("one", 1, 0, 2)]
    single: list[Row] = [
        Ranked(origin=row.origin, query=row.query, documents=(document,))
        for row in listed
        if isinstance(row, Ranked)
        for document in row.documents
    ]
    objective = built(single, loss="pointwise")
    apart = objective.arranged(prepared(objective, listed))
    for ours, theirs in zip(apart, prepared(objective, single), strict=True):
        assert ours.input_ids.tolist() == theirs.input_ids.tolist()
        assert scores([ours]) == scores([theirs])
        assert not ours.sequences
    bundle = tiny.bundle("bert", labels=("relevance",))
    whole, parts = (
        objective.loss(Roles(bundle), objective.collate(rows))
        for rows in (prepared(objective, listed), apart)
    )
    assert float(whole.sum) == pytest.approx(float(parts.sum), rel=1e-5)
    assert whole.count == parts.count == 3


def test_long_lists_are_dealt_out_and_each_has_something_to_compare() -> None:
    rows: list[Row] = [ranked("one", *([0] * 9), 1)]
    objective = built(rows, list_size=4)
    found = objective.arranged(prepared(objective, rows))
    assert max(len(line) for line in scores(found)) <= 4
    assert all(set(line) == {0.0, 1.0} for line in scores(found))
    assert sum(line.count(0.0) for line in scores(found)) == 9


def test_queries_with_nothing_to_compare_are_idle() -> None:
    rows: list[Row] = [ranked("one", 1, 0), ranked("two", 1, 1), ranked("three", 0)]
    objective = built(rows)
    places, reason = objective.idle(prepared(objective, rows))
    assert places == [1, 2]
    assert "nothing to compare" in reason
    pointwise = built(rows, loss="pointwise")
    assert pointwise.idle(prepared(pointwise, rows))[0] == []


def test_queries_of_one_relevance_each_are_refused_where_documents_are_compared() -> None:
    rows: list[Row] = [ranked("one", 1, 1), ranked("two", 0)]
    with pytest.raises(DataError, match=r"objective.loss=pairwise .* none of the 2 queries"):
        built(rows, loss="pairwise")
    built(rows, loss="pointwise")


@pytest.mark.parametrize("loss", ["pairwise", "listwise"])
def test_padding_of_shorter_lists_changes_nothing(loss: str) -> None:
    rows: list[Row] = [ranked("one", 1, 0), ranked("two", 0, 2, 1, 0), ranked("three", 1, 3, 0)]
    objective = built(rows, loss=loss)
    features = prepared(objective, rows)
    bundle = tiny.bundle("bert", labels=("relevance",))
    bundle.model.eval()
    models = Roles(bundle)
    whole = objective.loss(models, objective.collate(features))
    parts = [objective.loss(models, objective.collate([item])) for item in features]
    assert float(whole.sum) == pytest.approx(sum(float(part.sum) for part in parts), rel=1e-5)
    assert float(whole.count) == sum(float(part.count) for part in parts)
    right, pairs = whole.metrics["in_order"]
    assert 0 <= float(right) <= float(pairs) == 1 + 5 + 3


def test_outputs_say_minus_infinity_where_there_is_no_document() -> None:
    rows: list[Row] = [ranked("one", 1, 0), ranked("two", 0, 2, 1)]
    objective = built(rows)
    bundle = tiny.bundle("bert", labels=("relevance",))
    found = objective.outputs(bundle, objective.collate(prepared(objective, rows)))
    assert torch.isfinite(found).tolist() == [[True, True, False], [True, True, True]]


@pytest.mark.parametrize(
    ("loss", "settings", "said"),
    [
        ("pointwise", {"list_size": 4}, "list_size: got 4, but objective.loss=pointwise does not"),
        ("pointwise", {"target": "softmax"}, "target: got softmax.*loss=listwise"),
        ("pairwise", {"target": "softmax"}, "target: got softmax"),
        ("pairwise", {"best": 5.0}, "best: got 5.0, but objective.loss=pairwise"),
        ("listwise", {"positive_weight": 4.0}, "positive_weight: got 4.0.*loss=pointwise"),
        ("auto", {"best": 5.0}, "best: got 5.0, but objective.loss=listwise"),
    ],
)
def test_a_setting_that_the_loss_does_not_read_is_refused(
    loss: str, settings: dict[str, Any], said: str
) -> None:
    rows: list[Row] = [ranked("one", 2, 0, 0, 0)]
    with pytest.raises(RecipeError, match=f"recipe objective.{said}"):
        built(rows, loss=loss, **settings)


def test_a_run_that_is_continued_may_give_what_was_chosen_for_it() -> None:
    rows: list[Row] = [ranked("one", 2.0, 0.0, 0.0, 0.0)]
    config = built(rows).config
    assert (config.loss, config.best, config.positive_weight) == ("listwise", 2.0, 3.0)
    assert built(rows, **config.model_dump()).config == config


@pytest.mark.parametrize(("good", "bad", "weight"), [(2, 6, 3.0), (1, 40, 10.0), (4, 2, 1.0)])
def test_relevant_documents_weigh_as_much_as_the_others_up_to_ten(
    good: int, bad: int, weight: float
) -> None:
    rows: list[Row] = [ranked("one", *[1.0] * good, *[0.0] * bad)]
    assert built(rows, loss="pointwise").config.positive_weight == weight
