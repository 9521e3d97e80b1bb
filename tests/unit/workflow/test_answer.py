"""Answers of another model, here or over HTTP, as rows to learn from."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import tiny
from tests.endpoint import Server, asking, saved, serving, written

from luthier.core.errors import Interrupted, RecipeError
from luthier.core.events import Progress
from luthier.workflow import answer, teacher
from luthier.workflow.answer import Teacher, answer_file

ROWS = [
    {"messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "yes"}]},
    {"messages": [{"role": "user", "content": "long"}, {"role": "assistant", "content": "no"}]},
]


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serving(monkeypatch) as address:
        yield address


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return saved(tmp_path, *ROWS)


def test_answers_of_an_endpoint_become_rows_and_cut_ones_are_counted(
    rows: Path, url: str, tmp_path: Path
) -> None:
    found = answer_file(rows, tmp_path / "new.jsonl", teacher=Teacher("big", url))
    assert (found["answered"], found["unfinished"]) == (1, 1)
    [row] = written(tmp_path / "new.jsonl")
    assert row["messages"] == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "ONE"},
    ]
    assert all(len(asked["messages"]) == 1 for asked in Server.heard)


def test_what_is_left_out_is_told_apart(url: str, tmp_path: Path) -> None:
    path = saved(tmp_path, *asking("one", "long", "call it", "call me", "held"))
    found = answer_file(path, tmp_path / "new.jsonl", teacher=Teacher("big", url))
    counts = {key: found[key] for key in ("answered", "unfinished", "calls", "empty")}
    assert counts == {"answered": 1, "unfinished": 1, "calls": 2, "empty": 1}
    path = saved(tmp_path, *asking("long", "call it"))
    with pytest.raises(RecipeError, match=r"not one of 2 .*1 longer than .*, 1 calls of tools"):
        answer_file(path, tmp_path / "new.jsonl", teacher=Teacher("big", url))


def test_the_key_of_an_endpoint_is_sent_as_a_bearer_token(
    rows: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_file(rows, tmp_path / "new.jsonl", teacher=Teacher("big", url))
    assert set(Server.keys) == {""}
    monkeypatch.setenv("KEY_OF_TEST", "secret")
    Server.keys.clear()
    answer_file(rows, tmp_path / "new.jsonl", teacher=Teacher("big", url, "KEY_OF_TEST"))
    assert set(Server.keys) == {"Bearer secret"}
    assert "secret" not in (tmp_path / "new.jsonl").read_text(encoding="utf-8")


def test_a_busy_endpoint_is_asked_again(rows: Path, url: str, tmp_path: Path) -> None:
    Server.refusals["one"] = [429, 503]
    found = answer_file(rows, tmp_path / "new.jsonl", teacher=Teacher("big", url))
    assert found["answered"] == 1
    assert len(Server.heard) == 4


def test_a_question_that_is_refused_is_asked_once(rows: Path, url: str, tmp_path: Path) -> None:
    Server.refusals["one"] = [400]
    with pytest.raises(RecipeError, match=r"400 Bad Request .*too many.*rows\.jsonl line 1"):
        answer_file(rows, tmp_path / "new.jsonl", teacher=Teacher("big", url))
    assert sum(asked["messages"][-1]["content"] == "one" for asked in Server.heard) == 1


def test_a_second_start_asks_only_for_what_is_missing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher, "AT_ONCE", 1)
    texts = [f"text {index}" for index in range(4)]
    path, new = saved(tmp_path, *asking(*texts)), tmp_path / "new.jsonl"
    Server.refusals |= {"text 2": [500] * 3, "text 3": [500] * 3}
    with pytest.raises(RecipeError, match=r"2 answers are kept in .*new\.jsonl\.part: the same"):
        answer_file(path, new, teacher=Teacher("big", url))
    with pytest.raises(RecipeError, match=r"part: holds answers .* other settings"):
        answer_file(path, new, teacher=Teacher("bigger", url))
    with (tmp_path / "new.jsonl.part").open("a", encoding="utf-8") as file:
        file.write('{"row": "torn')
    Server.heard.clear()
    Server.refusals.clear()
    assert answer_file(path, new, teacher=Teacher("big", url))["answered"] == 4
    assert [asked["messages"][-1]["content"] for asked in Server.heard] == texts[2:]
    assert [row["messages"][-1]["content"] for row in written(new)] == [t.upper() for t in texts]
    assert not (tmp_path / "new.jsonl.part").exists()


def test_who_stops_is_told_what_is_kept(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher, "AT_ONCE", 1)
    path, new = saved(tmp_path, *asking("one", "two")), tmp_path / "new.jsonl"

    def stop(event: object) -> None:
        if isinstance(event, Progress):
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=rf"^Stopped; \d answers? (is|are) kept in {new}\.part: "):
        answer_file(path, new, teacher=Teacher("big", url), on_event=stop)
    assert answer_file(path, new, teacher=Teacher("big", url))["answered"] == 2
    assert len(Server.heard) == 2


def test_a_disk_that_is_full_at_the_end_costs_no_answer(
    rows: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, _content: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    new = tmp_path / "new.jsonl"
    with monkeypatch.context() as patched:
        patched.setattr(answer.files, "write_text", full)
        with pytest.raises(OSError, match="No space left"):
            answer_file(rows, new, teacher=Teacher("big", url))
    Server.heard.clear()
    assert answer_file(rows, new, teacher=Teacher("big", url))["answered"] == 1
    assert Server.heard == []


def test_what_counts_of_earlier_answers_stays(url: str, tmp_path: Path) -> None:
    earlier = [
        {"role": "assistant", "content": "no", "weight": 0},
        {"role": "assistant", "content": "yes", "spans": [{"start": 0, "end": 1, "weight": 2.0}]},
    ]
    ask = {"role": "user", "content": "one"}
    path = saved(tmp_path, {"messages": [ask, earlier[0], ask, earlier[1], ask]})
    answer_file(path, tmp_path / "new.jsonl", teacher=Teacher("big", url))
    [row] = written(tmp_path / "new.jsonl")
    assert [row["messages"][1], row["messages"][3]] == earlier
    assert "weight" not in row["messages"][-1]
    sent = Server.heard[0]["messages"]
    assert all(set(turn) == {"role", "content"} for turn in sent)


def test_calls_are_sent_in_openais_form(url: str, tmp_path: Path) -> None:
    def call(x: int, **more: str) -> dict[str, Any]:
        return {**more, "function": {"name": "add", "arguments": {"x": x, "to": "Köln"}}}

    messages = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "", "tool_calls": [call(1, id="first"), call(2)]},
        {"role": "tool", "content": "3", "tool_call_id": "first"},
        {"role": "tool", "content": "4"},
        {"role": "user", "content": "two"},
        {"role": "assistant", "content": "", "tool_calls": [call(5)]},
        {"role": "tool", "content": "6", "tool_call_id": "given"},
    ]
    answer_file(
        saved(tmp_path, {"messages": messages}),
        tmp_path / "new.jsonl",
        teacher=Teacher("big", url),
    )
    sent = Server.heard[0]["messages"]
    calls = [call for turn in sent for call in turn.get("tool_calls", [])]
    assert [json.loads(call["function"]["arguments"])["x"] for call in calls] == [1, 2, 5]
    ids = [turn["tool_call_id"] for turn in sent if turn["role"] == "tool"]
    assert ids == [call["id"] for call in calls]
    assert (ids[0], ids[2]) == ("first", "given")
    assert len(ids[1]) == 9
    assert {call["type"] for call in calls} == {"function"}


def test_rewriting_shows_the_rows_own_answer_and_keeps_its_question(
    rows: Path, url: str, tmp_path: Path
) -> None:
    answer_file(rows, tmp_path / "new.jsonl", teacher=Teacher("big", url, rewrite=True))
    shown = sorted(asked["messages"][-1]["content"] for asked in Server.heard)
    assert "yes" in shown[1]
    assert written(tmp_path / "new.jsonl")[0]["messages"][0]["content"] == "one"


def test_a_model_of_this_machine_that_ends_no_answer_is_told_so_and_nothing_is_written(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    model = tiny.folder(tmp_path / "model")
    teacher = Teacher(str(model), max_new_tokens=4)
    with pytest.raises(RecipeError, match="not one of 2 answers came to its end within 4 tokens"):
        answer_file(rows, tmp_path / "new.jsonl", teacher=teacher)
    assert not (tmp_path / "new.jsonl").exists()


def test_nobody_at_the_endpoint_is_told_at_once(rows: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no chat completion .*refused"):
        answer_file(rows, tmp_path / "n.jsonl", teacher=Teacher("big", "http://127.0.0.1:9/v1"))
    key = Teacher("big", "http://127.0.0.1:9/v1", key_env="NO_SUCH_KEY")
    with pytest.raises(RecipeError, match="NO_SUCH_KEY"):
        answer_file(rows, tmp_path / "n.jsonl", teacher=key)
