"""Planted wrong labels found: `python benchmarks/data/label_noise.py DATA SETS`.

Of BANKING77's and TREC's training rows 5 % get another label by chance. Told is the share of these
among the 5 % that are ranked first, for three draws; beside it that of cleanlab's own scores for
the same probabilities, where it is installed, and of all rows that are called doubtful. First by
words alone, then with the vectors of `--model` beside them.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.preprocessing import normalize

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from luthier.data.checks.label_noise import doubtful, joined, probabilities, ranked
from luthier.data.load import load
from luthier.recipe.schema import DataSection
from luthier.workflow.embedding import embedder_of
from luthier.workflow.stages import Stages, silent

SHARE = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", type=Path, help="what benchmarks/sets.py made")
    parser.add_argument("--model", default="minilm-l6")
    options = parser.parse_args()
    embed = embedder_of(options.model, Stages(silent)).vectors
    files = (options.data / "banking77" / "train.csv", options.sets / "trec6" / "train.jsonl")
    for path in files:
        section = DataSection(train=str(path), validation_share=0.0)
        splits = load(section, seed=0).splits
        rows = [*splits.train, *splits.test]
        texts = [row.given() for row in rows]
        names, number_N = np.unique([row.stratum() for row in rows], return_inverse=True)
        vectors_ND = normalize(embed(texts))
        for seed in range(3):
            drawn = np.random.default_rng(seed)
            is_wrong_N = drawn.random(len(rows)) < SHARE
            moved_N = (number_N + drawn.integers(1, len(names), len(rows))) % len(names)
            said_N = np.where(is_wrong_N, moved_N, number_N)
            start = time.process_time()
            words_NC = probabilities(texts, said_N)
            middle = time.process_time()
            both_NC = joined(words_NC, vectors_ND, said_N)
            seconds = (middle - start, time.process_time() - start)
            for what, found_NC, spent in zip(
                ("words", f"words and {options.model}"), (words_NC, both_NC), seconds, strict=True
            ):
                first = ranked(found_NC, said_N)[: int(SHARE * len(rows))]
                called = doubtful(found_NC, said_N)
                hit = is_wrong_N[called].sum() / is_wrong_N.sum()
                print(
                    f"{path.parent.name}, {len(rows):,} rows, draw {seed}, {what}: of the first "
                    f"5 % {is_wrong_N[first].mean():.3f} are planted"
                    f"{theirs(said_N, found_NC, is_wrong_N)}; {len(called):,} doubtful hold "
                    f"{hit:.3f} of all planted; {spent:.1f} s",
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
