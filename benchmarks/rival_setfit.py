"""SetFit on the rows of finished runs: `python benchmarks/rival_setfit.py MODEL RUN [RUN ...]`.

Runs in an environment of its own that has setfit (see benchmarks/README.md); MODEL is the folder of
the sentence-transformers model that the runs began from. Writes RUN/rival-setfit.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import yaml
from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments

PAIRS = 20
"""Pairs of each kind for every row, as SetFit's paper has it (arXiv:2209.11055)."""


def rows(path: str) -> list[dict[str, str]]:
    """The lines of a file of sets.py."""
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def train(model: str, folder: Path) -> dict[str, Any]:
    """Pairs first, then a head; judged on all test rows."""
    recipe = yaml.safe_load((folder / "resolved.yaml").read_text())["recipe"]
    test = rows(recipe["data"]["test"])
    tuned = SetFitModel.from_pretrained(model, device="cpu")
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch,
            batch_size=16,
            num_epochs=1,
            num_iterations=PAIRS,
            seed=recipe["seed"],
            save_strategy="no",
            report_to="none",
            show_progress_bar=False,
        )
        few = Dataset.from_list(rows(recipe["data"]["train"]))
        trainer = Trainer(tuned, arguments, train_dataset=few)
        start = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - start
    said = tuned.predict([row["text"] for row in test], batch_size=64)
    right = sum(str(a) == row["label"] for a, row in zip(said, test, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = {"accuracy": right / len(test)}
    cores = len(os.sched_getaffinity(0))
    return {"figures": figures, "seconds": seconds, "peak_bytes": peak, "cores": cores}


def main() -> None:
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("runs", nargs="+", type=Path)
    given = parser.parse_args()
    for run in given.runs:
        path = run / "rival-setfit.json"
        if not path.is_file():
            path.write_text(json.dumps(train(given.model, run)) + "\n")
        print(run.name, path.read_text(), flush=True)


if __name__ == "__main__":
    main()
