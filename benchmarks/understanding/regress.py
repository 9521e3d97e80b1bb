"""Spearman's correlation on STS-B's pairs with luthier's `regress`.

    python benchmarks/understanding/regress.py --folder STSB --model minilm-l6 --out DIR

The files have the score in column 5 and the two sentences in columns 6 and 7, unquoted, with tabs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from luthier.core.events import Event, Updated
from luthier.engine.runtime import prepare

prepare()  # before luthier is imported whole: it sets the allocator
from luthier import train  # noqa: E402

SCORE, FIRST, SECOND = 4, 5, 6


def write(source: Path, target: Path, limit: int) -> str:
    """The pairs as JSON Lines."""
    rows: list[str] = []
    for line in source.read_text(encoding="utf-8").splitlines():
        cells = line.split("\t")
        row = {"sentence1": cells[FIRST], "sentence2": cells[SECOND], "score": float(cells[SCORE])}
        rows.append(json.dumps(row))
    target.write_text("\n".join(rows[: limit or None]) + "\n", encoding="utf-8")
    return str(target)


def main() -> None:
    """Train once and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("folder", "model", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--epochs", type=float, default=0.0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    out = Path(given.out)
    out.mkdir(parents=True, exist_ok=True)
    source = Path(given.folder)
    data = {
        "train": write(source / "train.csv", out / "train.jsonl", given.rows),
        "test": write(source / "test.csv", out / "test.jsonl", 0),
    }
    training: dict[str, Any] = {"save_every": 0, "evaluate_every": 0}
    training |= {"epochs": given.epochs} if given.epochs else {}
    training |= {"learning_rate": given.rate} if given.rate else {}
    recipe = {
        "model": given.model,
        "seed": given.seed,
        "data": {**data, "validation_share": 0, "on_duplicate": "keep"},
        "objective": "regress",
        "training": training,
        "evaluation": {"num_resamples": 500},
    }
    updates: list[Updated] = []

    def listen(event: Event) -> None:
        if isinstance(event, Updated):
            updates.append(event)

    run = train(recipe, out=out / f"run-{time.time_ns()}", on_event=listen)
    arms = (run.evaluation or {})["arms"]
    facts = {"figures": arms, "train_seconds": updates[-1].seconds, "steps": len(updates)}
    sys.stdout.write("\n" + json.dumps({"rate": max(u.learning_rate for u in updates), **facts}))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
