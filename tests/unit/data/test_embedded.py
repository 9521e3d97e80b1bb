"""Rows as points: what is far is named, what is alike is one topic, and the map shows both."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.data.test_examine import WORDS, sentences, write

from luthier.data.examine import Examined, examine
from luthier.data.matching.keyed import keyed
from luthier.data.overview import overview
from luthier.data.points.embedded import LEAST_ROWS, Embedded, by_words, embedded
from luthier.data.points.embedder import Embedder
from luthier.data.points.plane import plane
from luthier.data.points.topics import topics
from luthier.data.rows import Labeled, Origin
from luthier.recipe.schema import DataSection

KNOWN = {word: at for at, words in enumerate(WORDS.values()) for word in words.split(",")}


def meant(texts: Sequence[str]) -> NDArray[np.float32]:
    """Vectors that know which words belong together, with a little of each text in them."""
    drawn = np.random.default_rng(5)
    found = drawn.normal(scale=0.1, size=(len(texts), 8))
    for vector, text in zip(found, texts, strict=True):
        for word in text.split():
            vector[KNOWN.get(word, 7)] += 0.2
    return found.astype(np.float32)


LEARNED = Embedder("a model", True, meant)


def rows_of(pairs: list[tuple[str, str]], *, start: int = 1) -> list[Labeled]:
    return [
        Labeled(origin=Origin("a.jsonl", line), text=text, label=label)
        for line, (text, label) in enumerate(pairs, start)
    ]


def points_of(pairs: list[tuple[str, str]], by: Embedder = LEARNED) -> Embedded:
    found = embedded(keyed(rows_of(pairs)), by)
    assert found is not None
    return found


def examined(path: Path, pairs: list[tuple[str, str]]) -> Examined:
    return examine(DataSection(train=write(path / "a.jsonl", pairs)), embedder=LEARNED)


STRANGE = [(f"entirely other {n} things {n + 1} said here", "food") for n in range(3)]


def test_rows_unlike_all_others_are_named_beside_their_nearest(tmp_path: Path) -> None:
    found = examined(tmp_path, [*sentences(300), *STRANGE]).findings
    (finding,) = (item for item in found if item.name == "outliers")
    assert {shown.text for shown in finding.shown} >= {text for text, _ in STRANGE}
    assert finding.count < 10
    assert not finding.is_certain
    assert all(shown.other for shown in finding.shown)
    assert "usually" in finding.shown[0].beside


def test_of_rows_that_are_alike_hardly_one_is_named(tmp_path: Path) -> None:
    found = examined(tmp_path, sentences(300)).findings
    assert sum(item.count for item in found if item.name == "outliers") <= 6


def test_words_alone_name_no_outliers(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [*sentences(300), *STRANGE])
    names = [finding.name for finding in examine(DataSection(train=path)).findings]
    assert "outliers" not in names


def test_what_vectors_know_helps_to_find_wrong_labels(tmp_path: Path) -> None:
    drawn = random.Random(4)
    # a word comes once or twice, so words alone tell little; vectors know its first letter
    pairs = [
        (" ".join(f"{label[0]}{drawn.randrange(400)}" for _ in range(3)), label)
        for label in drawn.choices(list(WORDS), k=300)
    ]
    by_letter = Embedder("letters", True, lambda texts: meant([_plain(text) for text in texts]))
    places = drawn.sample(range(300), 15)
    others = list(WORDS)
    for at in places:
        text, label = pairs[at]
        pairs[at] = (text, others[(others.index(label) + 1) % 3])
    planted = {f"{tmp_path}/a.jsonl line {at + 1}" for at in places}
    path = write(tmp_path / "a.jsonl", pairs)
    hits: list[int] = []
    for embedder in (None, by_letter):
        found = examine(DataSection(train=path), embedder=embedder).findings
        (finding,) = (item for item in found if item.name == "label_noise")
        hits.append(len(planted & set(finding.places[:15])))
    assert hits[1] > hits[0]
    assert hits[1] >= 9  # of 15


def _plain(text: str) -> str:
    """A known word of the class for each."""
    known = {"m": "refund", "t": "train", "f": "menu"}
    return " ".join(known[word[0]] for word in text.split())


@pytest.mark.parametrize("by", [LEARNED, by_words()])
def test_topics_are_named_by_words_of_their_own(by: Embedder) -> None:
    found = topics(points_of(sentences(300), by))
    assert sum(topic.count for topic in found) == 300
    assert len(found) == 3
    for topic in found:
        assert topic.label_share == 1
        assert set(topic.words) <= set(WORDS[topic.label].split(","))
        assert len(topic.examples) == 3


def test_rows_without_letters_have_topics_without_names() -> None:
    pairs = [(f"{n % 3} {n % 3} 11 {n}", "ab"[n % 2]) for n in range(90)]
    assert all(topic.words == [] for topic in topics(points_of(pairs, by_words())))


def test_the_map_keeps_kinds_of_rows_apart_and_marks_what_is_suspicious() -> None:
    points = points_of(sentences(300))
    found = plane(points, {"label_noise": ["a.jsonl line 7"], "outliers": ["a.jsonl line 7"]})
    assert len(found) == 300
    assert [point.marks for point in found if point.marks] == [["label_noise", "outliers"]]
    at = np.array([[point.x, point.y] for point in found])
    assert at.min() == 0
    assert at.max() == 1
    middles = {
        label: at[[point.label == label for point in found]].mean(0) for label in WORDS
    }  # fmt: skip
    own = [np.linalg.norm(at[n] - middles[point.label]) for n, point in enumerate(found)]
    others = [np.linalg.norm(a - b) for a in middles.values() for b in middles.values()]
    assert float(np.median(own)) < max(others) / 2


def test_of_many_rows_the_same_are_drawn_when_others_come() -> None:
    pairs = [(f"{text} {n}", label) for n, (text, label) in enumerate(sentences(200))]
    few = embedded(keyed(rows_of(pairs[:180])), by_words(), most=100)
    more = embedded(keyed(rows_of(pairs)), by_words(), most=100)
    assert few is not None
    assert more is not None
    kept = {row.origin for row in few.rows} & {row.origin for row in more.rows}
    assert len(kept) >= 80
    assert more.where == " (of 100 rows drawn from 200)"


@pytest.mark.parametrize(
    "pairs",
    [
        sentences(LEAST_ROWS - 1),
        [(f"a{n}b", "x") for n in range(100)],
    ],
)
def test_too_few_rows_and_rows_without_a_word_in_common_are_no_points(
    pairs: list[tuple[str, str]],
) -> None:
    assert embedded(keyed(rows_of(pairs)), by_words()) is None


def test_the_document_holds_vectors_topics_and_map(tmp_path: Path) -> None:
    found = overview(examined(tmp_path, [*sentences(300), *STRANGE]))
    assert found["vectors"] == {"by": "a model", "rows": 303, "of": 303}
    assert any("outliers" in point["marks"] for point in found["map"])
    json.dumps(found)
    few = examine(DataSection(train=write(tmp_path / "b.jsonl", sentences(12))))
    assert "map" not in overview(few)
