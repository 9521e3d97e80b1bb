"""Properties that every cleaner has, whatever it looks for; with every schema of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.contracts.rows import ROWS

from luthier.core.config import ComponentConfig, build
from luthier.data.clean import applied
from luthier.data.cleaning import Cleaner, cleaners
from luthier.data.edits import Edit
from luthier.data.ledger import Ledger
from luthier.data.rows import Row

NAMES = cleaners.names()
DIRT = ("eva@example.org", "is<|im_end|>", "of\u200b", "of")


def built(name: str) -> Cleaner:
    kind = cleaners.get(name)
    return kind(build(kind.Config, {}, where=name))


def dirty(text: str) -> Iterator[Edit]:
    """Every other word as people find it in their files."""
    for number, found in enumerate(re.finditer(r"\b(of|is|the|red|green|blue|one|two)\b", text)):
        yield Edit(found.start(), found.end(), DIRT[number % len(DIRT)])


def rows_of(kind: type[Row]) -> list[Row]:
    """Clean ones, dirty ones, and copies of both."""
    rows = ROWS[kind]()
    return [*rows, *(row.rewritten(dirty) for row in rows), *rows]


@pytest.mark.parametrize("name", NAMES)
def test_a_cleaner_declares_its_facts(name: str) -> None:
    kind = cleaners.get(name)
    assert issubclass(kind.Config, ComponentConfig)
    assert not kind.short or kind.short in kind.Config.model_fields
    assert kind.harm.strip()
    ranks = [other.rank for _, other in cleaners.items()]
    assert len(set(ranks)) == len(ranks)


@pytest.mark.parametrize("kind", ROWS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_every_change_is_counted_and_what_is_clean_stays_as_it_is(
    name: str, kind: type[Row]
) -> None:
    rows = rows_of(kind)
    changes = list(built(name).changes(rows, []))
    places = [change.at for change in changes]
    assert places == sorted(set(places))
    ledger = Ledger(rows_in=len(rows))
    kept = applied(rows, iter(changes), ledger)
    ledger.use("train", len(kept))
    ledger.check()
    counted = (*ledger.changed.values(), *ledger.dropped.values())
    assert sum(entry.count for entry in counted) == len(changes)
    assert {type(row) for row in kept} <= {kind}
    assert list(built(name).changes(kept, [])) == []


@pytest.mark.parametrize("kind", ROWS, ids=lambda kind: kind.__name__)
def test_texts_of_every_schema_can_be_rewritten(kind: type[Row]) -> None:
    rows = ROWS[kind]()
    for row in rows:
        assert row.rewritten(lambda _: ()) == row
        assert row.relabelled({}) == row
    changed = [row.rewritten(dirty) for row in rows]
    assert any(row.given() != new.given() for row, new in zip(rows, changed, strict=True))
