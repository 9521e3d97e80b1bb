"""A save that does not fit says what it needs and what stands."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.cases import case

from luthier.core.errors import DataError, RunError
from luthier.engine import checkpoint


def full_for(is_refused: Callable[[Path], bool], monkeypatch: pytest.MonkeyPatch) -> None:
    write = checkpoint.write_tensors

    def limited(path: Path, content: Any) -> Any:
        if is_refused(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(checkpoint, "write_tensors", limited)


def test_the_best_checkpoint_is_named_where_no_other_was_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_for(lambda path: path.name == checkpoint.OPTIMIZER, monkeypatch)
    with pytest.raises(RunError) as caught:
        case("lora", "sft").fit(tmp_path, max_steps=2)
    (stands,) = (tmp_path / "checkpoints").glob("best-*")
    assert f"What was saved before stands ({stands.name})" in str(caught.value)
    assert "KiB" in str(caught.value)
    assert "No space left on device" in str(caught.value)


def test_a_first_save_that_fails_says_that_nothing_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_for(lambda path: "best" in path.parent.name, monkeypatch)
    with pytest.raises(RunError, match="Nothing was saved before; the same command"):
        case("lora", "sft").fit(tmp_path, max_steps=2)


@pytest.mark.parametrize(
    ("fault", "raised", "words"),
    [
        (DataError("the grader broke"), RunError, r"^the grader broke\n.*No space left on device"),
        (KeyError("our fault"), KeyError, r"^'our fault'\n.*No space left on device"),
    ],
)
def test_a_save_that_fails_after_a_grader_did_does_not_hide_why(
    fault: Exception,
    raised: type[Exception],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = case("lora", "grpo")
    healthy, calls = found.objective.explore, list[int]()  # type: ignore[attr-defined]

    def explore(models: Any, features: Any, *, step: int, seed: int) -> Any:
        calls.append(step)
        if len(calls) > 1:
            raise fault
        return healthy(models, features, step=step, seed=seed)

    found.objective.explore = explore  # type: ignore[attr-defined]
    full_for(lambda path: path.name == checkpoint.OPTIMIZER, monkeypatch)
    with pytest.raises(raised, match=words):
        found.fit(tmp_path, max_steps=5, validation=[])
