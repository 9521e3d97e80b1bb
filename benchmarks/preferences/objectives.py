"""Held-out preference accuracy of every objective on preferences, at several learning rates.

    .venv/bin/python benchmarks/preferences/objectives.py --data pairs.json --objectives dpo reward

Each training is a process of its own; lines are added to results/<date>-preferences.jsonl as they
come, so that a run that is cut short keeps what it has.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).parent


def main() -> None:
    """Train and evaluate each, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--objectives", nargs="+", default=["dpo", "simpo", "orpo", "reward"])
    parser.add_argument("--rates", nargs="+", default=["auto"], help="learning rates")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--test", type=int, default=60, help="held-out rows")
    parser.add_argument("--max-length", type=int, default=384)
    given = parser.parse_args()
    path = HERE.parent / "results" / f"{date.today()}-preferences.jsonl"
    for objective in given.objectives:
        for rate in given.rates:
            line = _one(given, objective, rate)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


def _one(given: argparse.Namespace, objective: str, rate: str) -> dict[str, Any]:
    """What one training reached."""
    started = time.perf_counter()
    with TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "luthier", "train", given.data, "--model", given.model]
        command += ["--out", str(out), f"objective.name={objective}", "tuner.name=lora"]
        command += [f"training.max_steps={given.steps}", f"evaluation.max_rows={given.test}"]
        command += [f"training.max_length={given.max_length}", "data.on_overflow=drop"]
        command += [
            "evaluation.retention=false",
            "training.evaluate_every=0",
            "data.test_share=0.25",
        ]
        command += [] if rate == "auto" else [f"training.learning_rate={rate}"]
        done = subprocess.run([*command, "--json"], capture_output=True, text=True)
        line = {"objective": objective, "data": Path(given.data).name, "rate": rate}
        if done.returncode not in (0, 1):
            return {**line, "error": done.stderr[-600:]}
        evaluation = json.loads((out / "evaluation.json").read_text())
        events = [json.loads(text) for text in (out / "metrics.jsonl").open()]
        updates = [event for event in events if event["event"] == "updated"]
    return {
        **line,
        "learning_rate": max(event["learning_rate"] for event in updates),
        "steps": len(updates),
        "losses": [round(event["loss"], 4) for event in updates],
        "arms": evaluation["arms"],
        "verdict": evaluation["verdict"]["outcome"],
        "seconds": round(time.perf_counter() - started, 1),
    }


if __name__ == "__main__":
    main()
