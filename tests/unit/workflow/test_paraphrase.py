"""Rows in other words, which a model behind HTTP writes and nothing speaks against."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.endpoint import Server, saved, serving, written

from luthier.cli.main import run
from luthier.data.augmenting._wordings import bare, objection
from luthier.data.load import load
from luthier.recipe.schema import DataSection

SOFT = ("please", "kindly", "by the way")


def wording(asked: str) -> str:
    """The text that was to be said in other words, begun in another way."""
    text = asked.rpartition("\n\n")[2]
    return f"{SOFT['briefly' in asked]} {text}"


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serving(monkeypatch) as address:
        Server.models.append("big")
        Server.script.append(wording)
        yield address


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    topics = ("parcel", "guitar", "string", "refund", "invoice")
    rows = [
        {"text": f"where did my {topics[n % 5]} of order {n} go", "label": "ab"[n % 3 > 0]}
        for n in range(30)
    ]
    return saved(tmp_path, *rows)


def augment(words: list[Any], capfd: pytest.CaptureFixture[str], *, code: int = 0) -> Any:
    assert run(["data", "augment", *map(str, words), "--json"]) == code
    said = capfd.readouterr()
    return json.loads(said.out) if not code else said.err


def test_every_row_of_train_is_said_in_other_words_and_the_account_says_by_whom(
    tickets: Path, url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    asked = [tickets, "data.augment.paraphrase.per_row=2", "data.augment.paraphrase.similarity=0"]
    found = augment([*asked, "--by", url, "--output", out], capfd)
    plain = load(DataSection(train=str(tickets)), seed=0).splits
    rows = written(out / "train.jsonl")
    made = [row["text"] for row in rows if "made" in row]
    texts = [row.given() for row in plain.train]
    assert sorted(made) == sorted(f"{soft} {text}" for soft in SOFT[:2] for text in texts)
    assert len(Server.heard) == len(made)
    assert {row.given() for row in plain.test} == {
        row["text"] for row in written(out / "test.jsonl")
    }
    assert f"replies by big at {url}" in found["how"]
    assert list(found["rows"]["added"]) == ["other wordings by a model (data.augment.paraphrase)"]
    assert not (tmp_path / "out.part").exists()


def test_rows_for_which_nothing_usable_comes_lose_words_instead_and_are_counted_apart(
    tickets: Path, url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Server.script[0] = lambda asked: (
        wording(asked) if "parcel" in asked else f"Sure, here it is: {wording(asked)}"
    )
    words = ["data.augment.paraphrase.similarity=0", "--by", url, "--output", tmp_path / "out"]
    found = augment([tickets, *words], capfd)
    added = {why: entry["count"] for why, entry in found["rows"]["added"].items()}
    taken = added["other wordings by a model (data.augment.paraphrase)"]
    backed = added["words left out or swapped, as nothing else was found (data.augment.paraphrase)"]
    assert 0 < taken < backed
    rows = written(tmp_path / "out" / "train.jsonl")
    by_words = [row for row in rows if row.get("made", "").endswith("(paraphrase 1, by words)")]
    assert len(by_words) == backed
    [said] = [line for line in found["how"] if line.startswith("data.augment.paraphrase: ")]
    num_asked = sum("made" not in row for row in rows)
    assert said.endswith(
        f"{taken} of {num_asked} wordings taken; left out: {num_asked - taken} talk around it"
    )


def test_after_a_stop_nothing_is_asked_twice(
    tickets: Path, url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [tickets, "data.augment.paraphrase.similarity=0", "--by", url]
    words += ["--output", tmp_path / "out"]

    def stopped(asked: str) -> str:
        if len(Server.heard) > 12:
            raise ConnectionError
        return wording(asked)

    Server.script[0] = stopped
    error = augment(words, capfd, code=2)
    assert "the same command goes on with the others" in error
    kept = len(written(tmp_path / "out.part")) - 1
    assert kept >= 8
    assert not (tmp_path / "out").exists()
    Server.script[0] = wording
    Server.heard.clear()
    found = augment(words, capfd)
    assert len(Server.heard) == found["files"]["train"]["rows"] // 2 - kept


def test_wordings_that_mean_something_else_are_left_out(
    tickets: Path, url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Server.script[0] = lambda asked: f"our cat sleeps on {asked.rpartition('order ')[2]}"
    words = ["data.augment.paraphrase=true", "--by", url, "--output", tmp_path / "out"]
    found = augment([tickets, *words], capfd)
    [said] = [line for line in found["how"] if line.startswith("data.augment.paraphrase: ")]
    assert said.startswith("data.augment.paraphrase: 0 of ")
    assert said.endswith(" too far in meaning")


TEXT = "how do I send 2 guitars of mine that came last week back to https://example.org/a?"


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ("in which way can 2 guitars go back to https://example.org/a?", ""),
        ("In what way? Return 2 guitars to https://example.org/a.", "no question any more"),
        (TEXT.capitalize(), "the same words"),
        ("Here is another wording: can 2 guitars go to https://example.org/a?", "talk around it"),
        ("can 2 guitars go to https://example.org/a?\n\nI hope this helps?", "talk around it"),
        ("can 3 guitars go back to https://example.org/a?", "numbers, addresses or code not kept"),
        ("can 2 guitars go back to example dot org?", "numbers, addresses or code not kept"),
        ("can I not send 2 guitars to https://example.org/a?", "a denial too many or too few"),
        (f"{TEXT[:-1]}{' and so on' * 20}?", "too long or too short"),
    ],
)
def test_what_speaks_against_a_wording(new: str, why: str) -> None:
    assert objection(new, TEXT) == why


def test_quotes_around_a_wording_go_and_those_of_the_text_stay() -> None:
    assert bare(' "where is it?" ', "where is the parcel?") == "where is it?"
    assert bare('"where" is it "now"', '"where" is it') == '"where" is it "now"'


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data.augment.paraphrase=1"], "--by: missing"),
        (["data.augment.words=1", "--by", "smollm2-135m"], "--by: would write other wordings"),
        (["data.augment.words=1", "--model", "big"], "--model: says more of --by"),
        (["data.augment.paraphrase=9", "--by", "smollm2-135m"], "paraphrase.per_row: got 9"),
    ],
)
def test_who_writes_must_be_named_where_somebody_writes(
    words: list[str],
    said: str,
    tickets: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert said in augment([tickets, *words, "--output", tmp_path / "out"], capfd, code=2)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "needs"), [("paraphrase", "a model that writes"), ("synonyms", "an encoder")]
)
def test_a_training_that_asks_for_a_model_is_refused_before_anything_is_read(
    name: str, needs: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.jsonl").write_text("{")
    words = ["train", str(tmp_path / "broken.jsonl"), "--model", "smollm2-135m"]
    assert run([*words, f"data.augment.{name}=1"]) == 2
    said = capfd.readouterr().err
    assert f"recipe data.augment.{name}: needs {needs}, which is asked when files are made" in said
    assert f"luthier data augment DATA data.augment.{name}=1 " in said
