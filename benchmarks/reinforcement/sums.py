"""Does reinforcement raise the held-out score of a verifiable task? One JSON line per objective.

Sums of two numbers from 2 to 24, to be answered with the number alone: half of the score is for the
number, half for nothing but the number. 400 prompts to learn from, 100 others to be tested on.

    python benchmarks/reinforcement/sums.py --objective grpo --out FOLDER
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

import luthier

SPLITS = {"train": (0, 400), "validation": (400, 412), "test": (412, 512)}
GRADER = {"name": "multi", "graders": [{"name": "exact"}, {"name": "number"}]}
SETTINGS: dict[str, dict[str, Any]] = {
    "grpo": {"objective": {"group_size": 8}, "training": {"batch_size": 4}},
    "ppo": {"objective": {"updates": 2}, "training": {"batch_size": 32}},
}


def write_rows(folder: Path) -> dict[str, str]:
    """The files of the three splits."""
    pairs = [(a, b) for a in range(2, 25) for b in range(2, 25)]
    random.Random(0).shuffle(pairs)
    files: dict[str, str] = {}
    for name, (start, end) in SPLITS.items():
        path = folder / f"{name}.jsonl"
        lines = [
            {"prompt": f"What is {a} + {b}? Answer with the number only.", "reference": str(a + b)}
            for a, b in pairs[start:end]
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        files[name] = str(path)
    return files


def recipe(objective: str, files: dict[str, str], *, seconds: float, seed: int) -> dict[str, Any]:
    """The request, as a user would write it."""
    own = SETTINGS[objective]
    return {
        "model": "smollm2-135m",
        "data": files,
        "objective": {
            "name": objective,
            "grader": GRADER,
            "max_new_tokens": 16,
            **own["objective"],
        },
        "tuner": "lora",
        "training": {"max_steps": 60, "max_seconds": seconds, "evaluate_every": 0, "save_every": 0,
                     **own["training"]},
        "evaluation": {"retention": False},
        "seed": seed,
    }  # fmt: skip


def figures(run: luthier.Run) -> dict[str, Any]:
    """What the run directory says."""
    found = run.evaluation or {}
    arms = {name: estimates["score"] for name, estimates in found["arms"].items()}
    updates = run.files.events("updated")
    return {
        "objective": run.recipe.objective["name"],
        "verdict": found["verdict"]["outcome"],
        "arms": arms,
        "steps": updates[-1]["step"],
        "train_seconds": round(updates[-1]["seconds"], 1),
        "reward_first_last": [updates[0]["metrics"]["reward"], updates[-1]["metrics"]["reward"]],
        "last": updates[-1]["metrics"],
        "memory_bytes": updates[-1]["memory_bytes"],
    }


def main() -> None:
    """Train unless the folder holds a finished run, and print its line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objective", choices=sorted(SETTINGS), default="grpo")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=150.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if not (asked.out / "evaluation.json").exists():
        rows = asked.out.with_name(asked.out.name + "-rows")
        rows.mkdir(parents=True, exist_ok=True)
        request = recipe(asked.objective, write_rows(rows), seconds=asked.seconds, seed=asked.seed)
        luthier.train(request, out=asked.out)
    sys.stdout.write(json.dumps(figures(luthier.open_run(asked.out))) + "\n")


if __name__ == "__main__":
    main()
