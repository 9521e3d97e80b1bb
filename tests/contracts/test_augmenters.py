"""Properties that every augmenter has, whatever it changes; with every schema of rows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contracts.models import Polite
from tests.contracts.rows import ROWS

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError
from luthier.data.augment import augmented
from luthier.data.augmenting import augmenters
from luthier.data.ledger import Ledger
from luthier.data.rows import Chat, Labeled, Question, Row, Tagged, Text

NAMES = augmenters.names()


def made(name: str, rows: list[Row], *, per_row: float = 3, seed: int = 0) -> list[Row]:
    """New rows; none where the augmenter says that it can make none."""
    ledger = Ledger(rows_in=len(rows))
    try:
        found = augmented(rows, {name: per_row}, ledger, seed=seed, helpers=Polite())
    except RecipeError:
        return []
    ledger.use("train", len(found))
    ledger.check()
    assert list(found[: len(rows)]) == rows
    return list(found[len(rows) :])


@pytest.mark.parametrize("name", NAMES)
def test_an_augmenter_declares_its_facts(name: str) -> None:
    kind = augmenters.get(name)
    assert issubclass(kind.Config, ComponentConfig)
    assert kind.short in kind.Config.model_fields
    assert kind.why.strip()
    assert kind.works_on.strip()


@pytest.mark.parametrize("kind", ROWS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_right_stays_right_and_no_input_comes_twice(name: str, kind: type[Row]) -> None:
    rows = ROWS[kind]()
    by_origin = {(row.origin.file, row.origin.line): row for row in rows}
    new = made(name, rows)
    inputs = [row.input_key() for row in (*rows, *new)]
    assert len(set(inputs)) == len({row.input_key() for row in rows}) + len(new)
    for row in new:
        source = by_origin[row.origin.file, row.origin.line]
        assert type(row) is kind
        assert row.origin.made.startswith(name)
        assert (row.group, row.stratum()) == (source.group, source.stratum())
        if isinstance(row, Tagged):
            assert valid(row)
        else:
            assert row.target() == source.target()
        if isinstance(row, Chat):
            kept = [turn for turn in row.messages if turn.role != "user"]
            assert kept == [turn for turn in source.messages if turn.role != "user"]
        if isinstance(row, Question):
            assert row.context == source.context


def valid(row: Tagged) -> bool:
    """Whether every word has a tag, stands in the text, and goes on with what it continues."""
    text, starts = row.placed()
    words = [text[at : at + len(word)] for at, word in zip(starts, row.tokens, strict=True)]
    before = ("O", *row.tags)
    continues = all(
        previous[2:] == tag[2:] and previous != "O"
        for previous, tag in zip(before, row.tags, strict=False)
        if tag.startswith("I-")
    )
    return words == list(row.tokens) and len(row.tags) == len(row.tokens) and continues


@pytest.mark.parametrize("kind", ROWS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_made_depends_on_the_row_and_the_seed_alone(name: str, kind: type[Row]) -> None:
    rows = ROWS[kind]()
    new = made(name, rows)
    assert made(name, rows) == new
    if name in ("mentions", "synonyms"):  # these come from all rows
        return
    assert [row for row in made(name, rows[:4]) if row not in new] == []
    if len(new) > 4:
        assert made(name, rows, seed=1) != new


@pytest.mark.parametrize("name", NAMES)
def test_rows_without_anything_to_change_are_refused_by_name(name: str) -> None:
    rows: list[Row] = [
        Labeled(origin=row.origin, text="", label="a", picture="a.png", digest=str(number))
        for number, row in enumerate(ROWS[Labeled]())
    ]
    assert made(name, rows) == []
    assert made(name, ROWS[Text]()) == []


def test_a_row_says_how_it_was_made() -> None:
    row = ROWS[Labeled]()[0]
    assert str(replace(row.origin, made="words 2")) == f"{row.origin} (words 2)"
