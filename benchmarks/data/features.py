"""Memory from reading to the first steps: `python benchmarks/data/features.py --rows 100000`.

Short labelled rows (10 words of 200, near-duplicates not looked for) are written to a temporary
file, and trained on in a process of its own until so many steps are done. Told of each stage are
the seconds of the processor, and the most memory that the process had held by its end; then the
steps per such second, and a hash of all losses: the same rows, model and seed give the same one
on as many threads, as two add in another order than one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from luthier.core.errors import Interrupted
from luthier.core.events import Event, Stage, Updated
from luthier.recipe.load import read
from luthier.workflow.train import train

WORDS = [f"{a}{b}" for a in ("time", "form", "work", "sun", "rain") for b in map(str, range(40))]


def write(path: Path, rows: int) -> None:
    """That many rows, of two classes."""
    drawn = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for at in range(rows):
            text = " ".join([f"{at}", *drawn.choices(WORDS, k=10)])
            file.write(json.dumps({"text": text, "label": "ab"[at % 2]}) + "\n")


class Clock:
    """Tells what each stage took, and ends the run after so many steps."""

    def __init__(self, steps: int) -> None:
        self._steps, self._stage = steps, ""
        self._start = self._first = time.process_time()
        self._losses: list[float] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, Stage):
            self.told(event.name)
        if isinstance(event, Updated):
            if not self._losses:
                self.told("steps")
                self._first = time.process_time()
            self._losses.append(event.loss)
            if len(self._losses) > self._steps:
                raise Interrupted("enough")

    def told(self, new: str) -> None:
        """The stage that ends now."""
        now = time.process_time()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        if self._stage:
            print(f"{self._stage}: {now - self._start:.1f} s, peak {peak} MB", flush=True)
        self._start, self._stage = now, new

    def end(self) -> None:
        rate = self._steps / (time.process_time() - self._first)
        digest = hashlib.sha256(repr(self._losses).encode()).hexdigest()[:16]
        self.told("")
        print(f"{rate:.1f} steps per second, losses {digest}")


def measure(path: Path, model: str, steps: int, settings: list[str]) -> None:
    content = {
        "model": model,
        "data": {"train": str(path), "near_duplicates": 0.0, "test_share": 0.001,
                 "validation_share": 0.001, "on_finding": "off"},
        "training": {"epochs": 1, "batch_size": 8},
    }  # fmt: skip
    recipe, origins = read(content, settings, name="benchmark")
    clock = Clock(steps)
    with tempfile.TemporaryDirectory() as folder:
        try:
            train(recipe, origins, out=Path(folder) / "run", on_event=clock)
        except Interrupted:
            clock.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000])
    parser.add_argument("--model", default="minilm-l6")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--file", type=Path, help="one written before, trained on here")
    parser.add_argument("settings", nargs="*", help="such as objective.name=classify")
    options = parser.parse_args()
    if options.file:
        measure(options.file, options.model, options.steps, options.settings)
        return
    with tempfile.TemporaryDirectory() as folder:
        for rows in options.rows:
            path = Path(folder) / f"{rows}.jsonl"
            write(path, rows)
            print(f"{rows:,} rows of {path.stat().st_size >> 20} MB")
            more = ["--model", options.model, "--steps", str(options.steps), *options.settings]
            subprocess.run([sys.executable, __file__, "--file", str(path), *more], check=True)


if __name__ == "__main__":
    main()
