"""Planted wrong labels mended by looking at few rows: `python benchmarks/data/corrections.py DATA`.

Of BANKING77's training rows 5 % get another label by chance. Somebody who knows the truth then
decides about the first 5 % of the rows that `luthier data label` asks about, and, in a second
sitting with these corrections, about as many as are asked again. Told is how many of the planted
labels are mended, as `load` reads the rows with the file of corrections.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from luthier.data.load import load
from luthier.data.rows import Row
from luthier.recipe.schema import DataSection
from luthier.workflow.label import open_sitting

SHARE, SITTINGS = 0.05, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--draws", type=int, default=3)
    options = parser.parse_args()
    clean = DataSection(train=str(options.data / "banking77" / "train.csv"))
    right = {row.given(): row.target() for row in every_row(clean)}
    for seed in range(options.draws):
        with tempfile.TemporaryDirectory() as folder:
            measure(right, Path(folder), seed=seed)


def measure(right: dict[str, str], folder: Path, *, seed: int) -> None:
    drawn, names = np.random.default_rng(seed), sorted(set(right.values()))
    wrong = {text for text in right if drawn.random() < SHARE}
    move = {text: int(drawn.integers(1, len(names))) for text in sorted(wrong)}
    file, patch = folder / "rows.jsonl", folder / "corrections.jsonl"
    with file.open("w") as lines:
        for text, label in right.items():
            at = (names.index(label) + move.get(text, 0)) % len(names)
            lines.write(json.dumps({"text": text, "label": names[at]}) + "\n")
    section = DataSection(train=str(file))
    for sitting in range(1, SITTINGS + 1):
        start = time.process_time()
        most = int(SHARE * len(right))
        with open_sitting(section, file=patch, most=most) as held:
            seconds, asked = time.process_time() - start, len(held.asked.queue)
            while not held.is_over:
                held.decide(held.number, "label", right[held.row().given()])
        corrected = section.model_copy(update={"corrections": str(patch)})
        left = {row.given() for row in every_row(corrected) if row.target() != right[row.given()]}
        assert left <= wrong
        print(
            f"draw {seed}, sitting {sitting}: {asked} of {len(right):,} rows asked; "
            f"{len(wrong) - len(left)} of {len(wrong)} planted labels mended "
            f"({1 - len(left) / len(wrong):.1%}); {seconds:.0f} s until the first row",
            flush=True,
        )


def every_row(section: DataSection) -> list[Row]:
    splits = load(section, seed=0).splits
    return [*splits.train, *splits.validation, *splits.test]


if __name__ == "__main__":
    main()
