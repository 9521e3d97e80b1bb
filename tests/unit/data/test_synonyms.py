"""Words replaced by neighbours in an encoder: which may be, by which, and what stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.contracts.models import Polite

from luthier.core.errors import RecipeError
from luthier.data.augment import augmented
from luthier.data.ledger import Ledger
from luthier.data.points.embedder import Embedder
from luthier.data.rows import Labeled, Origin, Row, Tagged

MEANINGS = {
    "parcel": 0, "package": 0, "packages": 0, "arrived": 1, "came": 1, "yesterday": 2, "refund": 3,
    "repayment": 3, "guitar": 4, "quickly": 5, "rapidly": 5, "fast": 5,
}  # fmt: skip


class Known(Polite):
    """Knows a few words; a text is the sum of those in it."""

    def embedder(self, reference: str) -> Embedder:
        return Embedder(reference, True, _vectors)


def _vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    found = np.zeros((len(texts), 8), np.float32)
    for at, text in enumerate(texts):
        for word in text.lower().split():
            found[at, MEANINGS.get(word, 7)] += 1.0 if word in MEANINGS else 0.1
    return found


def made(rows: list[Row], **said: Any) -> tuple[list[Row], list[str]]:
    helpers = Known()
    ledger = Ledger(rows_in=len(rows))
    found = augmented(rows, {"synonyms": said}, ledger, seed=0, helpers=helpers)
    return list(found[len(rows) :]), helpers.said


def labelled(*texts: tuple[str, str]) -> list[Row]:
    return [
        Labeled(origin=Origin("f", at + 1), text=text, label=label)
        for at, (text, label) in enumerate(texts)
    ]


def test_a_word_becomes_its_neighbour_from_another_row_in_the_same_case() -> None:
    rows = labelled(("Parcel 17 arrived quickly", "a"), ("the package did it rapidly", "b"))
    new, said = made(rows, per_row=8, share=0.5)
    texts = {row.given() for row in new}
    assert "Package 17 arrived rapidly" in texts
    assert "the parcel did it quickly" in texts
    assert all("17 arrived" in text for text in texts if "17" in text)
    assert said[-1].startswith("data.augment.synonyms: 4 words have neighbours; ")


def test_a_word_of_another_form_takes_no_place() -> None:
    rows = labelled(("the parcel moved fast", "a"), ("two packages moved rapidly", "b"))
    new, _ = made([*rows, *labelled(("a package moved", "b"))], per_row=8, share=1.0)
    texts = {row.given() for row in new}
    assert texts == {"the package moved fast", "a parcel moved"}


def test_words_that_tell_a_class_neither_go_nor_come() -> None:
    rows = labelled(
        *((f"my refund number {n} for the parcel", "money") for n in range(4)),
        *((f"my repayment number {n} for the package", "ship") for n in range(4)),
        *((f"the parcel or package {n}", ("money", "ship")[n % 2]) for n in range(4)),
    )
    new, _ = made(rows, per_row=4, share=1.0)
    assert new
    sources = {row.origin.line: row for row in rows}
    for row in new:
        source = sources[row.origin.line].given()
        for word in ("refund", "repayment"):
            assert (word in row.given()) == (word in source)


def test_texts_that_mean_something_else_afterwards_are_left_out() -> None:
    rows = labelled(("parcel of mine", "a"), ("guitar of mine", "b"), ("the refund", "a"))
    new, said = made(rows, nearness=0.0, similarity=0.0, share=1.0)
    assert new
    with pytest.raises(RecipeError, match=r"data\.augment\.synonyms: nothing new could be made"):
        made(rows, nearness=0.0, similarity=0.9, share=1.0)
    assert said[-1].endswith("mean nearly the same by minilm-l6")


def test_words_with_a_tag_stay_and_places_follow() -> None:
    def tagged(line: int, *words: str, name: int) -> Row:
        tags = tuple("B-thing" if at == name else "O" for at in range(len(words)))
        return Tagged(origin=Origin("f", line), tokens=words, tags=tags)

    rows = [
        tagged(1, "parcel", "arrived", "quickly", name=0),
        tagged(2, "guitar", "came", "rapidly", name=0),
    ]
    new, _ = made(rows, per_row=2, share=1.0)
    found = {(row.tokens, row.tags) for row in new if isinstance(row, Tagged)}
    assert (("parcel", "arrived", "rapidly"), ("B-thing", "O", "O")) in found
    assert {tokens[0] for tokens, _ in found} == {"parcel", "guitar"}
