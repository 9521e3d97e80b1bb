"""Rows of the benchmarks on vectors, as files that every system reads.

The folders hold the data as published: STS-B (tab-separated), Cranfield (cran.all.1400, cran.qry,
cranqrel), BANKING77 (csv) and emotion (text;label).
"""

from __future__ import annotations

import csv
import json
import random
import re
from pathlib import Path
from typing import Any


def stsb(folder: Path, part: str) -> list[dict[str, Any]]:
    """Pairs with a score from 0 to 5. Args: part: train, valid or test."""
    lines = (folder / f"{part}.csv").read_text(encoding="utf-8").splitlines()
    cells = [line.split("\t") for line in lines if line.strip()]
    return [{"sentence1": cell[5], "sentence2": cell[6], "score": float(cell[4])} for cell in cells]


def cranfield(folder: Path) -> tuple[dict[int, str], dict[int, str], dict[int, dict[int, int]]]:
    """Documents and queries by number, and the gain of relevant documents: 4 for a complete answer
    (grade 1 of the collection) down to 1 (grade 4); queries are numbered as they stand."""
    documents = {
        number: _field(text, "W") or _field(text, "T")
        for number, text in _records(folder / "cran.all.1400")
    }
    queries = {
        place: _field(text, "W")
        for place, (_, text) in enumerate(_records(folder / "cran.qry"), start=1)
    }
    gains: dict[int, dict[int, int]] = {}
    for line in (folder / "cranqrel").read_text().splitlines():
        query, document, grade = (int(word) for word in line.split()[:3])
        if 1 <= grade <= 4:
            gains.setdefault(query, {})[document] = 5 - grade
    return documents, queries, gains


def _records(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"^\.I (\d+)\s*$", path.read_text(encoding="utf-8"), flags=re.M)[1:]
    return [(int(number), text) for number, text in zip(parts[::2], parts[1::2], strict=True)]


def _field(record: str, name: str) -> str:
    found = re.search(rf"^\.{name}\n(.*?)(?=^\.[A-Z]$|\Z)", record, flags=re.M | re.S)
    return " ".join(found[1].split()) if found else ""


def labelled(folder: Path) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Training and test rows of BANKING77 or of emotion."""
    if (folder / "train.csv").is_file():
        return _csv(folder / "train.csv"), _csv(folder / "test.csv")
    return _lines(folder / "train.txt"), _lines(folder / "test.txt")


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{"text": row["text"], "label": row["category"]} for row in csv.DictReader(file)]


def _lines(path: Path) -> list[dict[str, str]]:
    pairs = [line.rpartition(";") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return [{"text": text, "label": label} for text, _, label in pairs]


def shots(rows: list[dict[str, str]], number: int, *, seed: int) -> list[dict[str, str]]:
    """So many rows of every class, drawn from the seed."""
    draws = random.Random(seed)
    texts: dict[str, set[str]] = {}
    for row in rows:
        texts.setdefault(row["label"], set()).add(row["text"])
    return [
        {"text": text, "label": label}
        for label in sorted(texts)
        for text in draws.sample(sorted(texts[label]), number)
    ]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """As JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path
