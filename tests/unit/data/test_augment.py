"""Augmented rows: what each way changes, that none leaks, and what the ledger says of them."""

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import DataError, RecipeError
from luthier.data.augment import augmented
from luthier.data.augmenting.typos import NEIGHBOURS
from luthier.data.ledger import Ledger
from luthier.data.load import Loaded, load
from luthier.data.rows import Chat, Labeled, Message, Origin, Row, Tagged
from luthier.recipe.schema import DataSection
from luthier.workflow.options import check

SENTENCES = [f"please look at order number {word} of our shop today" for word in "abcdefghijklmnop"]


def labelled(*texts: str) -> list[Row]:
    return [
        Labeled(origin=Origin("f", at + 1), text=text, label="a") for at, text in enumerate(texts)
    ]


def made(rows: list[Row], beside: list[Row] | None = None, **said: Any) -> list[Row]:
    found = augmented(rows, said, Ledger(rows_in=len(rows)), seed=0, beside=[beside or []])
    return list(found[len(rows) :])


def read(folder: Path, texts: list[str], **said: Any) -> Loaded:
    path = folder / "rows.jsonl"
    rows = [{"text": text, "label": "ab"[at % 2]} for at, text in enumerate(texts)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return load(DataSection(train=str(path), **said), seed=0)


def test_words_go_and_change_places_and_none_is_new() -> None:
    (row,) = labelled("the quick brown fox jumps over the lazy dog")
    new = made([row], words={"per_row": 30, "drop": 0.2, "swap": 0.2})
    texts = [item.given() for item in new]
    assert len(set(texts)) == 30
    assert all(set(text.split()) <= set(row.given().split()) for text in texts)
    assert any(len(text.split()) < 9 for text in texts)
    swapped = made([row], words={"drop": 0.0, "swap": 0.5})
    assert sorted(swapped[0].given().split()) == sorted(row.given().split())


@pytest.mark.parametrize("name", ["words", "typos", "casing"])
def test_code_addresses_numbers_and_marks_stay(name: str) -> None:
    kept = ["`f(spam, eggs)`", "https://example.org/some/page", "[EMAIL_1]", "order-17", "<br>"]
    code = "```\nfor spam in eggs:\n    print(spam)\n```\n    return spam\nint spam = eggs;\n"
    (row,) = labelled(f"{code}please look at {' and '.join(kept)} without further delay")
    new = made([row], **{name: {"per_row": 5}})
    assert new
    for item in new:
        assert item.given().startswith(code)
        assert all(text in item.given() for text in kept)


def test_a_slip_is_a_key_near_by_or_a_letter_lost_doubled_or_swapped() -> None:
    (row,) = labelled("keyboard")
    for item in made([row], typos={"per_row": 25, "words": 1.0}):
        text = item.given()
        lost = {"keyboard"[:at] + "keyboard"[at + 1 :] for at in range(8)}
        is_double = any(text[:at] + text[at + 1 :] == "keyboard" for at in range(9))
        is_other = len(text) == 8 and sorted(text) == sorted("keyboard")
        differ = [(a, b) for a, b in zip("keyboard", text, strict=False) if a != b]
        is_near = len(text) == 8 and len(differ) == 1 and differ[0][1] in NEIGHBOURS[differ[0][0]]
        assert text in lost or is_double or is_other or is_near, text
    assert set(NEIGHBOURS["g"]) == set("fhtyvb")
    assert all(key in NEIGHBOURS[near] for key, nears in NEIGHBOURS.items() for near in nears)


def test_mentions_come_from_train_and_keep_their_words_and_places() -> None:
    rows: list[Row] = [
        Tagged(
            origin=Origin("f", 1),
            tokens=("Ann", "went", "to", "New", "York", "."),
            tags=("B-name", "O", "O", "B-place", "I-place", "O"),
            text="Ann  went to New-York.",
            starts=(0, 5, 10, 13, 17, 21),
        ),
        Tagged(
            origin=Origin("f", 2), tokens=("Rome", "is", "far"), tags=("B-place", "O", "O"), text=""
        ),
    ]
    new = made(rows, mentions={"share": 1.0})
    assert {item.given() for item in new} == {"Ann  went to Rome.", "New York is far"}
    first = next(item for item in new if isinstance(item, Tagged) and item.text)
    assert (first.tokens, first.starts) == (("Ann", "went", "to", "Rome", "."), (0, 5, 10, 13, 17))
    assert first.tags == ("B-name", "O", "O", "B-place", "O")
    second = next(item for item in new if isinstance(item, Tagged) and not item.text)
    assert (second.tokens, second.tags[:2]) == (
        ("New", "York", "is", "far"),
        ("B-place", "I-place"),
    )


def test_words_with_a_tag_neither_go_nor_change_places() -> None:
    tokens = ("she", "saw", "Ann", "Lee", "in", "the", "old", "red", "house")
    tags = ("O", "O", "B-name", "I-name", "O", "O", "O", "O", "O")
    row = Tagged(origin=Origin("f", 1), tokens=tokens, tags=tags)
    for item in made([row], words={"per_row": 30, "drop": 0.3, "swap": 0.5}):
        assert isinstance(item, Tagged)
        kept = [pair for pair in zip(item.tokens, item.tags, strict=True) if pair[1] != "O"]
        assert kept == [("Ann", "B-name"), ("Lee", "I-name")]


def test_of_a_conversation_only_what_the_user_says_is_changed() -> None:
    turns = (
        Message("system", "answer with the capital of the country"),
        Message("user", "what is the capital of the country France"),
        Message("assistant", "the capital of the country is Paris"),
    )
    (new,) = made([Chat(origin=Origin("f", 1), messages=turns)], typos={"words": 1.0})
    assert isinstance(new, Chat)
    assert (new.messages[0], new.messages[2]) == (turns[0], turns[2])
    assert new.messages[1] != turns[1]


def test_no_new_row_has_the_input_of_a_held_out_one() -> None:
    rows, held = labelled("one two"), labelled("two one")
    assert [item.given() for item in made(rows, words={"drop": 0.0, "swap": 1.0})] == ["two one"]
    with pytest.raises(RecipeError, match=r"data\.augment\.words: nothing new could be made"):
        made(rows, held, words={"drop": 0.0, "swap": 1.0})


@pytest.mark.parametrize("name", ["words", "typos", "casing"])
def test_rows_appended_change_nothing_of_what_was_made(name: str) -> None:
    before = made(labelled(*SENTENCES[:8]), **{name: 0.5})
    after = made(labelled(*SENTENCES), **{name: 0.5})
    assert 0 < len(before) < 8
    assert [row for row in after if row.origin.line <= 8] == before


def test_a_mention_that_comes_with_new_rows_takes_the_place_of_few() -> None:
    def tagged(number: int) -> Row:
        return Tagged(
            origin=Origin("f", number), tokens=(f"n{number}", f"w{number}"), tags=("B-name", "O")
        )

    rows = [tagged(number) for number in range(200)]
    before = made(rows, mentions={"share": 1.0})
    after = made([*rows, *(tagged(number) for number in range(200, 210))], mentions={"share": 1.0})
    same = sum(one.given() == other.given() for one, other in zip(before, after, strict=False))
    assert same > 170  # of 200; 10 of 210 mentions are new


def test_the_ledger_counts_added_rows_apart_and_only_train_grows(tmp_path: Path) -> None:
    texts = [f"{text} {number}" for number in range(4) for text in SENTENCES]
    plain = read(tmp_path, texts)
    loaded = read(tmp_path, texts, augment={"words": 1, "typos": {"per_row": 0.5}})
    assert loaded.splits.validation == plain.splits.validation
    assert loaded.splits.test == plain.splits.test
    rows = loaded.ledger.document()["rows"]
    added = {reason: item["count"] for reason, item in rows["added"].items()}
    assert set(added) == {
        "words left out or swapped (data.augment.words)",
        "slips of a key (data.augment.typos)",
    }
    assert rows["used"]["train"] == len(plain.splits.train) + sum(added.values())
    assert rows["in"] == len(texts)
    assert any(line.startswith("added: ") for line in loaded.description)
    held = {row.input_key() for row in (*loaded.splits.validation, *loaded.splits.test)}
    assert not held & {row.input_key() for row in loaded.splits.train}
    loaded.ledger.add("another", Origin("f", 1))
    with pytest.raises(DataError, match="does not add up"):
        loaded.ledger.check()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"word": True}, "did you mean 'words'"),
        ({"words": {"dorp": 0.1}}, "did you mean 'drop'"),
        ({"words": {"per_row": 0}}, "above 0"),
        ({"typos": "many"}, "a number"),
        ({"casing": {"cases": ["small"]}}, "lower, upper or title"),
        ({"casing": {"cases": []}}, "list"),
        ({"mentions": [1]}, "expected a value (per_row), true, false, or settings"),
    ],
)
def test_what_is_said_of_them_is_checked_by_name(said: dict[str, Any], words: str) -> None:
    assert any(words in problem.text for problem in check("data.augment", said))


def test_many_words_and_marks_are_walked_once() -> None:
    start = time.process_time()
    texts = (
        "a" * 200_000,
        "`" * 100_000,
        "<" * 100_000,
        "[ " * 100_000,
        "{ " * 100_000,
        "a@" * 1000,
    )
    augmented(labelled(*texts, "some plain words"), {"typos": True}, Ledger(), seed=0, beside=())
    assert time.process_time() - start < 10  # from every place in them it is minutes


def test_a_new_row_takes_less_than_five_milliseconds() -> None:
    draws = random.Random(0)
    vocabulary = ["".join(draws.choices("abcdefgh", k=6)) for _ in range(500)]
    rows = labelled(*(" ".join(draws.choices(vocabulary, k=20)) for _ in range(2_000)))
    start = time.process_time()
    assert len(made(rows, words=1)) == 2_000
    assert time.process_time() - start < 10
