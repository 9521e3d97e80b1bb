"""Tags as paths, long texts in windows, answers from scores."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from tests.contracts.cases import plain_bundle

from luthier.data.features import Features
from luthier.data.rows import Origin, Tagged
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.chunks import chunks
from luthier.evaluation.tasks import tasks
from luthier.evaluation.tasks._answers import best_answer
from luthier.evaluation.tasks._paths import best_path
from luthier.evaluation.tasks._words import of_words
from luthier.evaluation.tasks.entities import _answer
from luthier.objectives import objectives

NAMES = ("O", "B-a", "I-a", "B-b", "I-b")


def silent(done: int, total: int) -> None:
    del done, total


def is_bio(tags: tuple[str, ...]) -> bool:
    pairs = zip(("O", *tags), tags, strict=False)
    return all(not new.startswith("I-") or old[2:] == new[2:] for old, new in pairs)


def test_the_best_path_is_the_best_of_all_that_are_bio() -> None:
    draws = np.random.default_rng(0)
    for _ in range(5):
        scores = draws.normal(size=(4, 5)).astype(np.float32)
        paths = [path for path in product(range(5), repeat=4)
                 if is_bio(tuple(NAMES[tag] for tag in path))]  # fmt: skip
        best = max(paths, key=lambda path: sum(scores[w, t] for w, t in enumerate(path)))
        assert best_path(scores, NAMES) == list(best)


def test_a_word_nothing_is_said_of_goes_on_with_the_word_before() -> None:
    def says(tag: str) -> list[float]:
        return [0.0 if name == tag else -9.0 for name in NAMES] if tag else [np.nan] * 5

    for tags, expected in [
        (["B-a", "", "I-a", "", "O", ""], ["B-a", "I-a", "I-a", "I-a", "O", "O"]),
        (["", "O", "", "B-b", "", ""], ["O", "O", "O", "B-b", "I-b", "I-b"]),
        (["", ""], ["O", "O"]),
    ]:
        scores = np.array([says(tag) for tag in tags], np.float32)
        assert [NAMES[at] for at in best_path(scores, NAMES)] == expected
    assert best_path(np.zeros((0, 5), np.float32), NAMES) == []


def test_a_word_nothing_is_said_of_stays_outside_where_no_tag_goes_on() -> None:
    scores = np.array([[-9, 0], [np.nan] * 2, [-9, 0]], np.float32)
    assert best_path(scores, ("O", "B-a")) == [1, 0, 1]


def test_long_texts_are_tagged_in_windows_to_the_last_word() -> None:
    kind = objectives.get("tag")
    objective = kind(kind.Config(labels=list(NAMES)))
    bundle = plain_bundle("token_classifier", labels=NAMES)
    words = tuple(("red", "green", "blue", "one")[n % 4] for n in range(90))
    row = Tagged(origin=Origin("a", 1), tokens=words, tags=())

    def place(batch: Any, at_M: torch.Tensor) -> torch.Tensor:
        return batch.input_ids_N[at_M][:, None].float()

    whole = of_words(bundle, objective, [row], place, tell=silent)[0]
    short = replace(bundle, facts=replace(bundle.facts, context_length=20))
    cut = of_words(short, objective, [row, replace(row, tokens=("red",))], place, tell=silent)
    assert np.array_equal(cut[0], whole)
    assert len(cut[1]) == 1


def test_predicted_entities_have_the_characters_of_the_text() -> None:
    kind = objectives.get("tag")
    objective = kind(kind.Config(labels=list(NAMES)))
    bundle = plain_bundle("token_classifier", labels=NAMES)
    text = "The  red one!"
    row = Tagged(
        origin=Origin("a", 1), tokens=("The", "red", "one", "!"), tags=(), text=text,
        starts=(0, 5, 9, 12),
    )  # fmt: skip
    (said,) = tasks.get("entities")().predictions(Answerer(bundle, objective, 1), [row])
    assert len(said["tags"]) == 4
    assert len(said["entities"]) == len(chunks(said["tags"]))
    for entity in said["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]
        assert 0 < entity["confidence"] <= 1


def test_the_confidence_of_an_entity_is_that_of_the_words_that_are_spoken_for() -> None:
    row = Tagged(
        origin=Origin("a", 1), tokens=("it", "'", "s"), tags=(), text="it's", starts=(0, 2, 3)
    )
    scores = np.log(np.array([[0.2, 0.8, 0, 0, 0], [0.1, 0, 0.9, 0, 0], [np.nan] * 5]) + 1e-9)
    (entity,) = _answer(row, scores.astype(np.float32), NAMES)["entities"]
    assert (entity["text"], round(entity["confidence"], 3)) == (
        "it's",
        round((0.8 * 0.9) ** 0.5, 3),
    )


def answered(**settings: Any) -> Any:
    starts = np.array([-1, -1, 0, 4, 8, -1], np.int32)
    ends = np.array([-1, -1, 3, 7, 11, -1], np.int32)
    marks = np.zeros(6, np.int8)
    features = Features(
        0,
        np.zeros(6, np.int32),
        sequences=(6,),
        per_token={"starts": starts, "ends": ends, "marks": marks},
    )
    scores = np.full((6, 2), -5, np.float32)
    scores[3, 0], scores[4, 1], scores[2, 1] = 2, 3, 9  # 9: an end before every good start
    scores[0] = settings.pop("silence", 0.0)
    return best_answer(features, scores, **{"max_answer": 5, "may_be_silent": False, **settings})


def test_the_best_piece_ends_behind_its_start() -> None:
    found = answered()
    assert (found.start, found.end) == (4, 11)
    assert 0.5 < found.confidence <= 1


def test_an_answer_is_no_longer_than_allowed() -> None:
    found = answered(max_answer=1)
    assert (found.start, found.end) == (0, 3)


@pytest.mark.parametrize(("silence", "is_silent"), [(9.0, True), (-9.0, False)])
def test_silence_wins_where_it_may_and_scores_higher(silence: float, *, is_silent: bool) -> None:
    assert (answered(may_be_silent=True, silence=silence).start == -1) is is_silent
    assert answered(may_be_silent=False, silence=silence).start == 4
