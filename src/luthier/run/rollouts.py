"""What a model said while it learned from its own answers: one line per completion."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from luthier.core import files


def append(path: Path, step: int, rollouts: Sequence[Mapping[str, Any]]) -> None:
    """Add the completions that update `step` learns from; on the disk when this returns."""
    lines = [json.dumps({"step": step, **line}, ensure_ascii=False) + "\n" for line in rollouts]
    with path.open("ab") as file:
        file.write("".join(lines).encode("utf-8", "replace"))
        file.flush()


def keep(path: Path, is_kept: Callable[[int], bool]) -> None:
    """Keep whole lines whose step `is_kept`: what comes after will happen again."""
    if not path.exists():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if line.endswith(b"\n") and is_kept(_step_of(line))]
    if len(kept) < len(lines):
        files.write_bytes(path, b"".join(kept))


def read(path: Path) -> list[dict[str, Any]]:
    """Every whole line; empty where there is no such file."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _step_of(line: bytes) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, TypeError, KeyError):
        return 0
