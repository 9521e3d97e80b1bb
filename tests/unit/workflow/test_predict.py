"""A line of predictions holds the whole row and the whole answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from luthier.core.errors import RecipeError
from luthier.workflow.predict import predict_file, with_answer


def test_a_target_in_the_row_is_kept_beside_the_answer() -> None:
    row = {"text": "hi", "label": "billing", "id": 7}
    answer = {"label": "refund", "confidence": 0.8}
    found = with_answer(row, answer)
    assert found == {
        "text": "hi",
        "given_label": "billing",
        "id": 7,
        "label": "refund",
        "confidence": 0.8,
    }
    assert list(found) == ["text", "given_label", "id", "label", "confidence"]


def test_a_row_without_such_keys_comes_back_as_it_was() -> None:
    assert with_answer({"text": "hi"}, {"answer": "yes"}) == {"text": "hi", "answer": "yes"}


@pytest.mark.parametrize("name", ["rows.jsonl", "link.jsonl", "./rows.jsonl"])
def test_the_answers_never_overwrite_the_rows(tmp_path: Path, name: str) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "hi"}')
    (tmp_path / "link.jsonl").symlink_to(rows)
    with pytest.raises(RecipeError, match=r"is the input.*Choose another file"):
        predict_file(tmp_path / "run", rows, tmp_path / name)
    assert rows.read_text() == '{"text": "hi"}'
