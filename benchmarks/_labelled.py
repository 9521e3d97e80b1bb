"""BANKING77 and emotion: a handful of rows of each class, and what else their classes teach."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from pathlib import Path

from _rows import Parts, Rows

SHOTS = (8, 16)
SEEDS = range(6)


def labelled(folder: Path, name: str) -> tuple[Rows, Rows]:
    """Training and test rows of BANKING77 (csv) or of emotion (text;label)."""

    def from_csv(path: Path) -> Rows:
        with path.open(encoding="utf-8", newline="") as file:
            return [{"text": row["text"], "label": row["category"]} for row in csv.DictReader(file)]

    def from_lines(path: Path) -> Rows:
        pairs = [line.rpartition(";") for line in path.read_text("utf-8").splitlines()[1:]]
        return [{"text": text, "label": label} for text, _, label in pairs]

    if (folder / name / "train.csv").is_file():
        return from_csv(folder / name / "train.csv"), from_csv(folder / name / "test.csv")
    return from_lines(folder / name / "train.txt"), from_lines(folder / name / "test.txt")


def shots(rows: Rows, number: int, *, seed: int) -> Rows:
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


def few(folder: Path) -> dict[str, Parts]:
    """A handful of rows of every class, for every seed; tests are whole."""
    found: dict[str, Parts] = {}
    for name in ("banking77", "emotion"):
        train, test = labelled(folder, name)
        for number in SHOTS:
            for seed in SEEDS:
                drawn = shots(train, number, seed=seed)
                found[f"{name}-{number}-{seed}"] = {"train": drawn, "test": test}
    return found


def intents(folder: Path) -> Parts:
    """Two texts of one intent and one of another; 17 of 77 intents are held out."""
    train, test = labelled(folder, "banking77")
    names = sorted({row["label"] for row in train})
    random.Random(0).shuffle(names)

    def rows(found: Rows, kept: Sequence[str], number: int) -> Rows:
        draws = random.Random(0)
        by_name: dict[str, list[str]] = {name: [] for name in sorted(kept)}
        for row in found:
            if row["label"] in by_name:
                by_name[row["label"]].append(row["text"].strip())
        drawn: Rows = []
        for _ in range(number):
            one, other = draws.sample(list(by_name), 2)
            anchor, positive = draws.sample(by_name[one], 2)
            negative = draws.choice(by_name[other])
            drawn.append({"anchor": anchor, "positive": positive, "negative": negative})
        return drawn

    return {"train": rows(train, names[17:], 2000), "test": rows(test, names[:17], 300)}


def routes(folder: Path) -> Parts:
    """What a customer asks, and intents by their names, one of which is right."""
    train, test = labelled(folder, "banking77")
    names = sorted({row["label"] for row in train})
    draws = random.Random(0)

    def rows(found: Rows, number: int, others: int) -> Rows:
        drawn: Rows = []
        for row in draws.sample(found, number):
            wrong = draws.sample([name for name in names if name != row["label"]], others)
            shown = draws.sample([row["label"], *wrong], others + 1)
            texts = [
                {"text": name.replace("_", " "), "relevance": int(name == row["label"])}
                for name in shown
            ]
            drawn.append({"query": row["text"].strip(), "documents": texts})
        return drawn

    return {"train": rows(train, 2000, 7), "test": rows(test, 400, 29)}
