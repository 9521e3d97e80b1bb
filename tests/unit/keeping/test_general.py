"""The general conversations that ship with Luthier."""

from __future__ import annotations

import re
from importlib.resources import as_file, files

from luthier.data.load import load
from luthier.data.rows import Chat
from luthier.evaluation.retention.material import prompts
from luthier.recipe.schema import DataSection

SMALL = {"a", "an", "the", "of", "to", "in", "is", "what", "how", "do", "i", "me", "that", "does"}


def rows() -> list[Chat]:
    with as_file(files("luthier.keeping").joinpath("general.jsonl")) as path:
        section = DataSection(train=str(path), validation_share=0.0, test_share=0.0)
        found = load(section, seed=0, wants="chat")
        assert not found.ledger.dropped
        return [row for row in found.splits.train if isinstance(row, Chat)]


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower())) - SMALL


def test_there_are_more_than_a_hundred_and_no_question_comes_twice() -> None:
    asked = [row.prompt()[-1].content for row in rows()]
    assert len(asked) > 100
    assert len(set(asked)) == len(asked)


def test_none_asks_what_retention_is_measured_on() -> None:
    for row in rows():
        ours = words(row.prompt()[-1].content)
        near = [p for p in prompts() if len(ours & words(p)) > 0.7 * len(words(p))]
        assert near == [], row.prompt()[-1].content
