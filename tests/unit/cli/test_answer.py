"""One strict JSON document, whatever was found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from luthier.cli.answer import as_json


@dataclass
class Pair:
    a: int
    b: Path


def test_anything_becomes_strict_json() -> None:
    found = json.loads(as_json({"x": [float("nan"), float("inf"), 1.5], 3: Pair(1, Path("a/b"))}))
    assert found == {"x": [None, None, 1.5], "3": {"a": 1, "b": "a/b"}}


def test_letters_stay_letters() -> None:
    assert "ü" in as_json({"x": "ü"})
