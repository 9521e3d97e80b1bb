"""SetFit on a handful of rows of each class; prints one line of JSON.

Runs in an environment of its own that has setfit (see benchmarks/README.md).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import _data
from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments


def main() -> None:
    """Train on the shots, test on all test rows."""
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of BANKING77 or emotion")
    parser.add_argument("--model", required=True, help="a sentence-transformers folder")
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--iterations", type=int, default=20, help="pairs of each kind per row")
    given = parser.parse_args()
    train, test = _data.labelled(given.data)
    few = _data.shots(train, given.shots, seed=given.seed)
    model = SetFitModel.from_pretrained(given.model, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            batch_size=16,
            num_epochs=1,
            num_iterations=given.iterations,
            seed=given.seed,
            save_strategy="no",
            report_to="none",
            show_progress_bar=False,
        )
        trainer = Trainer(model, arguments, train_dataset=Dataset.from_list(few))
        start = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - start
    said = model.predict([row["text"] for row in test], batch_size=64)
    right = sum(str(a) == row["label"] for a, row in zip(said, test, strict=True))
    entry = {
        "system": f"setfit {version('setfit')}, {given.iterations} pairs per row",
        "data": given.data.name,
        "shots": given.shots,
        "seed": given.seed,
        "accuracy": right / len(test),
        "seconds": round(seconds, 1),
    }
    print(json.dumps(entry))


if __name__ == "__main__":
    main()
