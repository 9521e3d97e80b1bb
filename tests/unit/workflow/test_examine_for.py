"""What `luthier data check --model` adds: rows in this model's tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests import tiny

from luthier.core.errors import LuthierError, ModelError, RecipeError
from luthier.recipe.schema import Recipe
from luthier.workflow.examine_for import check_for


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny.folder(tmp_path_factory.mktemp("writer")))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny.folder(tmp_path_factory.mktemp("reader"), architecture="bert"))


def chats(path: Path, *answers: str) -> str:
    rows = [{"prompt": f"what is number {at}", "completion": a} for at, a in enumerate(answers)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def checked(model: str, train: str, **more: Any) -> dict[str, Any]:
    data = {"train": train, **more.pop("data", {})}
    return check_for(Recipe(model=model, data=data, **more))  # type: ignore[arg-type]


def test_rows_are_told_in_tokens_with_what_is_trained(writer: str, tmp_path: Path) -> None:
    file = chats(tmp_path / "a.jsonl", "red", "green and blue")
    tokens = checked(writer, file)["tokens"]
    assert (tokens["objective"], tokens["context"], tokens["limit"]) == ("sft", 256, 256)
    assert tokens["rows"] == {"looked_at": 2, "of": 2, "too_long": 0}
    assert sum(item["rows"] for item in tokens["lengths"]) == 2
    trained = {
        "".join(piece["text"] for piece in sample["pieces"] if piece["trained"])
        for sample in tokens["samples"]
    }
    assert trained == {"red<|im_end|>", "green and blue<|im_end|>"}


def test_rows_longer_than_the_recipe_allows_are_found(writer: str, tmp_path: Path) -> None:
    file = chats(tmp_path / "a.jsonl", "red", "blue", "green and good " * 5)
    found = checked(writer, file, training={"max_length": 40})
    (finding,) = (item for item in found["findings"] if item["name"] == "too_long")
    assert finding["title"] == "longer than training.max_length (40 tokens)"
    assert finding["count"] == 1
    assert finding["is_certain"]
    assert "truncate_tail (shortens 1)" in finding["remedy"]
    assert found["tokens"]["policies"]["drop"]["dropped"] == 1
    chosen = checked(
        writer, file, data={"on_overflow": "drop"}, training={"max_length": 40}
    )["findings"]  # fmt: skip
    assert [item["is_certain"] for item in chosen if item["name"] == "too_long"] == [False]


def test_a_row_that_the_model_cannot_be_given_is_a_finding(writer: str, tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": "what is red"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"type": "function", "function": {"name": "look", "arguments": {"at": "red"}}}]},
    ]  # fmt: skip
    path = tmp_path / "a.jsonl"
    lines = [
        {"messages": messages},
        {"messages": [messages[0], {"role": "assistant", "content": "no"}]},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = checked(writer, str(path))
    (finding,) = (item for item in found["findings"] if item["name"] == "unreadable")
    assert finding["count"] == 1
    assert "line 1" in finding["shown"][0]["beside"]
    assert found["tokens"]["rows"]["looked_at"] == 1


def test_labels_are_shown_behind_their_text(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"text": f"the {name} one", "label": name} for name in ("red", "blue")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    tokens = checked(reader, str(path))["tokens"]
    assert tokens["objective"] == "classify"
    pieces = tokens["samples"][0]["pieces"]
    assert pieces[0]["special"]
    assert (pieces[-1]["role"], pieces[-1]["trained"]) == ("label", True)


def test_a_model_without_a_template_reads_plain_text(tmp_path: Path) -> None:
    model = tiny.folder(tmp_path / "model", template=None)
    tokens = checked(str(model), chats(tmp_path / "a.jsonl", "red", "blue"))["tokens"]
    text = "".join(piece["text"] for piece in tokens["samples"][0]["pieces"])
    assert text.startswith("what is number")
    assert "im_start" not in text


@pytest.mark.parametrize(
    ("more", "kind", "said"),
    [
        ({"model": "nowhere/at/all"}, ModelError, "nowhere/at/all"),
        ({"objective": {"name": "sfd"}}, RecipeError, "did you mean 'sft'"),
        ({"objective": {"name": "tag"}}, LuthierError, "tag"),
        ({"training": {"max_length": 999}}, RecipeError, "context of the model is 256"),
    ],
)
def test_what_does_not_fit_is_refused(
    writer: str, tmp_path: Path, more: dict[str, Any], kind: type[Exception], said: str
) -> None:
    asked = {"model": writer, "train": chats(tmp_path / "a.jsonl", "red"), **more}
    with pytest.raises(kind, match=said):
        checked(asked.pop("model"), asked.pop("train"), **asked)
