"""Planted wrong labels found: `python benchmarks/data/label_noise.py DATA SETS`.

Of BANKING77's and TREC's training rows 5 % get another label by chance. Told is the share of these
among the 5 % that are ranked first, for three draws; beside it that of cleanlab's own scores for
the same probabilities, where it is installed, and of all rows that are called doubtful.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from luthier.data.checks.label_noise import doubtful, probabilities, ranked
from luthier.data.load import load
from luthier.recipe.schema import DataSection

SHARE = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", type=Path, help="what benchmarks/sets.py made")
    options = parser.parse_args()
    files = (options.data / "banking77" / "train.csv", options.sets / "trec6" / "train.jsonl")
    for path in files:
        section = DataSection(train=str(path), validation_share=0.0)
        splits = load(section, seed=0).splits
        rows = [*splits.train, *splits.test]
        texts = [row.given() for row in rows]
        names, number_N = np.unique([row.stratum() for row in rows], return_inverse=True)
        for seed in range(3):
            drawn = np.random.default_rng(seed)
            is_wrong_N = drawn.random(len(rows)) < SHARE
            moved_N = (number_N + drawn.integers(1, len(names), len(rows))) % len(names)
            said_N = np.where(is_wrong_N, moved_N, number_N)
            start = time.process_time()
            found_NC = probabilities(texts, said_N)
            seconds = time.process_time() - start
            first = ranked(found_NC, said_N)[: int(SHARE * len(rows))]
            called = doubtful(found_NC, said_N)
            hit = is_wrong_N[called].sum() / is_wrong_N.sum()
            print(
                f"{path.parent.name}, {len(rows):,} rows, draw {seed}: of the first 5 % "
                f"{is_wrong_N[first].mean():.3f} are planted"
                f"{theirs(said_N, found_NC, is_wrong_N)}; {len(called):,} doubtful hold {hit:.3f} "
                f"of all planted; {seconds:.1f} s",
                flush=True,
            )


def theirs(said_N: np.ndarray, found_NC: np.ndarray, is_wrong_N: np.ndarray) -> str:
    """The same of cleanlab's scores, in words."""
    try:
        rank = importlib.import_module("cleanlab.rank")
    except ImportError:
        return " (cleanlab is not installed)"
    words: list[str] = []
    for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
        scores = rank.get_label_quality_scores(said_N, found_NC, method=method)
        first = np.argsort(scores, kind="stable")[: int(SHARE * len(said_N))]
        words.append(f"{method} {is_wrong_N[first].mean():.3f}")
    return f" (cleanlab: {', '.join(words)})"


if __name__ == "__main__":
    main()
