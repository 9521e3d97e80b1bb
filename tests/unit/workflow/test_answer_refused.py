"""Questions that an endpoint does not take, and answers that outlive a change of the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.endpoint import Server, asking, saved, serving, written

from luthier.core.errors import RecipeError
from luthier.workflow import teacher
from luthier.workflow.answer import Teacher, answer_file


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serving(monkeypatch) as address:
        yield address


def test_a_row_that_is_refused_is_counted_and_the_others_are_answered(
    url: str, tmp_path: Path
) -> None:
    path, new = saved(tmp_path, *asking("one", "two", "three")), tmp_path / "new.jsonl"
    Server.refusals |= {"two": [400], "three": [413]}
    told: list[str] = []
    found = answer_file(
        path, new, teacher=Teacher("big", url), on_event=lambda event: told.append(str(event))
    )
    assert (found["answered"], found["refused"]) == (1, 2)
    [note] = [text for text in told if "refused 2 rows" in text]
    assert "400 Bad Request" in note
    assert "rows.jsonl line 2" in note
    assert [row["messages"][-1]["content"] for row in written(new)] == ["ONE"]
    assert not (tmp_path / "new.jsonl.part").exists()


def test_where_every_row_is_refused_the_endpoint_is_quoted(url: str, tmp_path: Path) -> None:
    Server.refusals |= {"one": [422], "two": [400]}
    with pytest.raises(RecipeError, match=r"(?s)refused all 2 rows.*422 .*line 1.*--model"):
        answer_file(
            saved(tmp_path, *asking("one", "two")),
            tmp_path / "new.jsonl",
            teacher=Teacher("big", url),
        )


@pytest.mark.parametrize(("code", "advice"), [(401, "--key-env"), (404, "--model")])
def test_an_endpoint_that_takes_no_row_stops_the_work(
    code: int, advice: str, url: str, tmp_path: Path
) -> None:
    rows = saved(tmp_path, *asking("one", "two"))
    Server.refusals["one"] = [code]
    with pytest.raises(RecipeError, match=rf"(?s)no chat completion \({code}.*{advice}"):
        answer_file(rows, tmp_path / "new.jsonl", teacher=Teacher("big", url))


def test_what_was_refused_is_asked_again_and_what_was_answered_is_not(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher, "AT_ONCE", 1)
    path, new = saved(tmp_path, *asking("one", "two", "three")), tmp_path / "new.jsonl"
    Server.refusals |= {"one": [400], "three": [500] * 3}
    with pytest.raises(RecipeError, match="1 answer is kept"):
        answer_file(path, new, teacher=Teacher("big", url))
    Server.heard.clear()
    Server.refusals.clear()
    assert answer_file(path, new, teacher=Teacher("big", url))["answered"] == 3
    assert [asked["messages"][-1]["content"] for asked in Server.heard] == ["one", "three"]


def test_a_row_that_is_deleted_costs_no_answer_of_the_others(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher, "AT_ONCE", 1)
    texts, new = ["drop", "one", "one", "two", "down"], tmp_path / "new.jsonl"
    Server.refusals["down"] = [500] * 3
    with pytest.raises(RecipeError, match="4 answers are kept"):
        answer_file(saved(tmp_path, *asking(*texts)), new, teacher=Teacher("big", url))
    Server.heard.clear()
    Server.refusals.clear()
    found = answer_file(saved(tmp_path, *asking(*texts[1:])), new, teacher=Teacher("big", url))
    assert found["answered"] == 4
    assert [asked["messages"][-1]["content"] for asked in Server.heard] == ["down"]


def test_answers_that_an_earlier_version_kept_by_row_number_are_found(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher, "AT_ONCE", 1)
    texts, new = ["one", "two", "two", "down"], tmp_path / "new.jsonl"
    Server.refusals["down"] = [500] * 3
    path, part = saved(tmp_path, *asking(*texts)), tmp_path / "new.jsonl.part"
    with pytest.raises(RecipeError, match="3 answers are kept"):
        answer_file(path, new, teacher=Teacher("big", url))
    head, *lines = part.read_text(encoding="utf-8").splitlines()
    old = [json.loads(line) for line in lines]
    for number, held in enumerate(old):
        held["row"] = f"{number}:{held['row'].partition(':')[0]}"
    part.write_text("\n".join([head, *map(json.dumps, old), ""]), encoding="utf-8")
    Server.heard.clear()
    Server.refusals.clear()
    assert answer_file(path, new, teacher=Teacher("big", url))["answered"] == 4
    assert [asked["messages"][-1]["content"] for asked in Server.heard] == ["down"]
