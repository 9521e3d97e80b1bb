"""Rows, pictures and graders that cannot be used, through the command line: one message each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests import pictures, tiny
from tests.journeys.desk import QUICK, Desk
from tests.journeys.test_understanding import tagged


@pytest.fixture
def place(tmp_path: Path) -> Desk:
    tiny.folder(tmp_path / "model")
    tiny.folder(tmp_path / "encoder", architecture="bert")
    (tmp_path / "cache").mkdir()
    return Desk(tmp_path)


def write(place: Desk, rows: list[dict[str, Any]]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    place.data.write_text(text, encoding="utf-8")
    return place.data


def with_tags(tags: list[str]) -> Callable[[Desk], list[str | Path]]:
    """Rows of which the eighth is tagged like this."""

    def make(place: Desk) -> list[str | Path]:
        rows = [tagged(number) for number in range(40)]
        rows[7]["ner_tags"] = tags
        return [write(place, rows), "--model", place.root / "encoder", "--objective", "tag"]

    return make


def not_a_picture(place: Desk) -> list[str | Path]:
    folder = pictures.folder(place.root / "pictures", per_class=5)
    (folder / "red" / "00.png").write_text("a letter, not a picture")
    return [folder, "--model", pictures.model(place.root / "sees")]


def cut_picture(place: Desk) -> list[str | Path]:
    folder = pictures.folder(place.root / "pictures", per_class=5)
    path = folder / "red" / "00.png"
    path.write_bytes(path.read_bytes()[:200])
    return [folder, "--model", pictures.model(place.root / "sees")]


def other_teacher(place: Desk) -> list[str | Path]:
    teacher = tiny.folder(place.root / "teacher")
    tiny.word_tokenizer().save_pretrained(teacher)
    rows = [{"prompt": f"say {n}", "completion": f"it is {n}"} for n in range(40)]
    said = ["--objective", "distill", f"objective.teacher={teacher}"]
    return [write(place, rows), "--model", place.model, *said]


def equal_answers(place: Desk) -> list[str | Path]:
    rows = [{"prompt": f"say {n}", "chosen": "yes", "rejected": "yes"} for n in range(40)]
    return [write(place, rows), "--model", place.model]


CASES: dict[str, tuple[Callable[[Desk], list[str | Path]], tuple[str, ...]]] = {
    "an entity that has not begun": (
        with_tags(["O", "O", "I-COL", "O", "O", "O"]),
        ("rows.jsonl line 8", "word 3", "'I-COL'", "has not begun", "Write B-COL"),
    ),
    "fewer tags than words": (
        with_tags(["O", "B-COL"]),
        ("rows.jsonl line 8", "2 tags for 6 words"),
    ),
    "a letter among pictures": (not_a_picture, ("00.png",)),
    "a picture cut short": (cut_picture, ("00.png", "damaged")),
    "a teacher with other tokens": (
        other_teacher,
        ("recipe objective.teacher", "has other tokens than the model that learns"),
    ),
    "answers that are equal": (equal_answers, ("chosen and rejected are the same answer",)),
}


@pytest.mark.parametrize("name", CASES)
def test_rows_that_cannot_be_learned_are_answered_before_anything_begins(
    name: str, place: Desk
) -> None:
    make, words = CASES[name]
    out = place.root / "run"
    code, document, said = place.luthier("train", *make(place), *QUICK, "--out", out)
    assert code == document["error"]["exit_code"] == 2, said
    assert "Traceback" not in said
    for word in words:
        assert word in said, said
    assert not (out / "checkpoints").exists()


@dataclass(frozen=True)
class Grading:
    """The body of a grader, and how it ends."""

    body: str
    words: tuple[str, ...]
    code: int = 2


GRADERS = {
    "loop": Grading("while True: pass", ("line 2: took more than 0.5 s", "rows.jsonl line 1")),
    "socket": Grading(
        "__import__('socket').create_connection(('127.0.0.1', 9))",
        ("line 2: opens a network connection",),
    ),
    "home": Grading(
        "open(__import__('os').path.expanduser('~/luthier-test'), 'w')",
        ("line 2: writes to", "luthier-test"),
    ),
    "two numbers": Grading("return __import__('array').array('d', [1, 2])", ("expected a number",)),
    "nan": Grading("return float('nan')", ("not a number",), code=1),
}


@pytest.mark.parametrize("name", GRADERS)
def test_a_grader_that_cannot_be_used_is_answered_with_one_message(name: str, place: Desk) -> None:
    wanted = GRADERS[name]
    file = place.root / "mine.py"
    file.write_text(f"def grade(completion, row):\n    {wanted.body}\n", encoding="utf-8")
    rows = [{"prompt": f"{n} + 1?", "reference": str(n + 1), "said": str(n)} for n in range(12)]
    seconds = 0.5 if name == "loop" else 20
    code, document, said = place.luthier(
        *("grade", write(place, rows), "--grader", file, "--completion", "said"),
        f"grader.seconds={seconds}",
    )
    assert code == wanted.code, said
    assert "Traceback" not in said
    heard = said if code == 2 else json.dumps(document)
    for word in wanted.words:
        assert word in heard, heard
    assert not Path("~/luthier-test").expanduser().exists()
