"""`luthier data label` as somebody at a terminal has it, and what training makes of it."""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from tests import tiny
from tests.journeys.desk import QUICK, Desk
from tests.journeys.terminal import CTRL_C, Terminal

SAID = {"money": "refund paid charge bank fee cost", "food": "menu soup pasta dinner lunch rice"}
ROWS = [
    (f"{' '.join(words.split()[at % 4 :])} {at}", name)
    for at in range(30)
    for name, words in SAID.items()
]
WRONG = [("refund cost bank fee of today", "food"), ("soup and dinner and rice", "money")]


@pytest.fixture
def place(tmp_path: Path) -> Desk:
    (tmp_path / "cache").mkdir()
    lines = [json.dumps({"text": t, "label": n}) + "\n" for t, n in (*ROWS, *WRONG)]
    (tmp_path / "rows.jsonl").write_text("".join(lines))
    return Desk(tmp_path)


def decided(place: Desk, name: str = "corrections.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place.root / name).read_text().splitlines()]


def test_a_sitting_with_keys_is_taken_up_again_and_training_reads_it(place: Desk) -> None:
    words = ("data", "label", "rows.jsonl", "--terminal", "--corrections", "mine.jsonl")
    words += ("--all", "--most", "2")
    with Terminal(place, *words) as talk:
        talk.wait_for("1 of 2, 0 decided")
        talk.type(b"z")
        talk.wait_for("1-9: that label")
        talk.type(b"1")
        talk.wait_for("2 of 2, 1 decided")
        talk.type(CTRL_C)
        talk.wait_for("left: 1; the same command goes on")
        assert talk.exit_code() == 3
    assert [line["label"] for line in decided(place, "mine.jsonl")] in (["money"], ["food"])
    with Terminal(place, *words) as talk:
        talk.wait_for("1 of 2, 0 decided")
        talk.type(b"x")
        talk.wait_for("2 of 2, 1 decided")
        talk.type(b"q")
        talk.wait_for("decided: 1 (1 left out)")
        talk.wait_for("data.corrections=mine.jsonl")
        assert talk.exit_code() == 0
    tiny.folder(place.model)
    train = ("train", "rows.jsonl", "--model", "model", "--out", "run", "objective=classify")
    told = ("data.corrections=mine.jsonl", *QUICK)
    code, _, said = place.luthier(*train, *told, "training.max_steps=1")
    assert code in (0, 1), said
    assert "1 row corrected, 1 row left out of train" in said
    rows = json.loads((place.root / "run" / "ledger.json").read_text())["rows"]
    assert rows["changed"]["corrected by mine.jsonl"]["count"] == 1
    assert rows["dropped"]["left out by mine.jsonl"]["count"] == 1
    assert sum(rows["used"].values()) == len(ROWS) + 1

    decisions = (place.root / "mine.jsonl").read_text().splitlines()
    (place.root / "mine.jsonl").write_text(decisions[0] + "\n")
    code, _, said = place.luthier(*train, *told, "training.max_steps=1")
    assert code == 2
    assert "mine.jsonl changed" in said


def test_a_label_is_typed_and_taken_back(place: Desk) -> None:
    with Terminal(place, "data", "label", "rows.jsonl", "--terminal") as talk:
        talk.wait_for("1 of 2")
        talk.type(b"/")
        talk.wait_for("label: ")
        talk.type("o")
        talk.wait_for("which of: ")
        talk.type("spam")
        talk.wait_for("type it once more: ")
        talk.type("")
        talk.wait_for("label: ")
        talk.type("foo")
        talk.wait_for("2 of 2")
        talk.type(b"u")
        talk.wait_for("1 of 2, 0 decided")
        talk.type(b"\x1b[A")  # an arrow, which means nothing
        talk.wait_for("1-9: that label")
        talk.type(b"q")
        talk.wait_for("left: 2")
        assert talk.exit_code() == 0
    assert not (place.root / "corrections.jsonl").exists()


def test_esc_leaves_what_is_being_typed(place: Desk) -> None:
    with Terminal(place, "data", "label", "rows.jsonl", "--terminal") as talk:
        talk.wait_for("1 of 2")
        for typed in (b"", b"spam"):
            talk.type(b"/")
            talk.wait_for("label: ")
            talk.type(typed + b"\x1b")
            talk.wait_for("nothing is decided")
        talk.type(b"/")
        talk.wait_for("label: ")
        talk.type("new")
        talk.wait_for("type it once more: ")
        talk.type(b"\x1b")
        talk.wait_for("nothing is decided")
        talk.type(b"?")
        talk.wait_for("Esc: back to the row")
        talk.type(b"/")
        talk.wait_for("label: ")
        talk.type(b"mo\x1b[D")  # an arrow, which means nothing
        talk.type("ne")
        talk.wait_for("2 of 2, 1 decided")
        talk.type(b"/spam\x1b")  # ahead of the question
        talk.wait_for("nothing is decided")
        talk.type(b"/foo\x1b[Dd\n")
        assert talk.exit_code() == 0
    assert [line["label"] for line in decided(place)] == ["money", "food"]


def test_esc_leaves_an_answer_as_it_is(place: Desk) -> None:
    chat = {"prompt": "Who are you?", "completion": "As an AI language model I cannot say."}
    (place.root / "chats.jsonl").write_text(json.dumps(chat) + "\n")
    place.environment.pop("EDITOR", None)
    place.environment.pop("VISUAL", None)
    with Terminal(place, "data", "label", "chats.jsonl", "--terminal") as talk:
        talk.wait_for("1 of 1, 0 decided")
        talk.type(b"e")
        talk.wait_for("answer (or set $EDITOR): ")
        talk.type(b"I am\x1b")
        talk.wait_for("nothing is decided")
        talk.type(b"q")
        talk.wait_for("left: 1")
        assert talk.exit_code() == 0
    assert not (place.root / "corrections.jsonl").exists()


def test_the_page_is_told_its_address_and_a_killed_process_loses_nothing(place: Desk) -> None:
    process = place.start("data", "label", "rows.jsonl", "--json")
    assert process.stderr is not None
    url = next(found for line in process.stderr if (found := re.findall(r"http://\S+/", line)))[0]
    body = json.dumps({"what": "drop", "number": 0}).encode()
    headers = {"Content-Type": "application/json", "Origin": url[: url.index("/", 7)]}
    with urllib.request.urlopen(urllib.request.Request(f"{url}act", body, headers)) as reply:
        assert json.loads(reply.read())["decided"] == 1
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [line["drop"] for line in decided(place)] == [True]


def test_ctrl_c_ends_the_page_with_what_was_decided(place: Desk) -> None:
    process = place.start("data", "label", "rows.jsonl", "--json")
    assert process.stderr is not None
    next(line for line in process.stderr if "http://" in line)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert json.loads(output)["left"] == 2


def test_where_nothing_is_doubtful_it_says_so(place: Desk) -> None:
    lines = [json.dumps({"text": text, "label": name}) + "\n" for text, name in ROWS]
    (place.root / "rows.jsonl").write_text("".join(lines))
    code, found, _ = place.luthier("data", "label", "rows.jsonl")
    assert (code, found["asked"], found["decided"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("rows.jsonl", "--terminal"), "no terminal here"),
        (("rows.jsonl", "--corrections", "rows.jsonl"), "is the input"),
        (("rows.jsonl", "--corrections", "none/../rows.jsonl"), "is the input"),
        (("rosw.jsonl",), "did you mean 'rows.jsonl'"),
        (("rows.jsonl", "data.corections=x"), "did you mean 'corrections'"),
        (("rows.jsonl", "data.corrections=[x.jsonl,y.jsonl]"), "x.jsonl: no such file of"),
        ((), "no file named"),
    ],
)
def test_what_a_new_user_gets_wrong_is_said(place: Desk, words: tuple[str, ...], says: str) -> None:
    code, _, said = place.luthier("data", "label", *words)
    assert code == 2
    assert says in said
