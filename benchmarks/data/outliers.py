"""Planted foreign rows found: `python benchmarks/data/outliers.py DATA SETS`.

Into BANKING77's and TREC's training rows so many SMS are put that they are 1 % of them. Told is the
share of SMS among the 1 % of rows that are farthest from their neighbours, for two draws, by a
model's vectors and by words; and how many rows the check names, and how many of these are SMS.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from luthier.data.checks.outliers import Outliers, distances
from luthier.data.load import load
from luthier.data.matching.keyed import keyed
from luthier.data.points.embedded import by_words, embedded
from luthier.data.rows import Origin
from luthier.recipe.schema import DataSection
from luthier.workflow.embedding import embedder_of
from luthier.workflow.stages import Stages, silent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", type=Path, help="what benchmarks/sets.py made")
    parser.add_argument("--model", default="minilm-l6")
    options = parser.parse_args()
    embedders = (embedder_of(options.model, Stages(silent)), by_words())
    strangers = _rows(options.data / "sms_spam" / "SMSSpamCollection.tsv")
    files = (options.data / "banking77" / "train.csv", options.sets / "trec6" / "train.jsonl")
    for path in files:
        rows = _rows(path)
        for seed in range(2):
            drawn = np.random.default_rng(seed).choice(len(strangers), len(rows) // 100)
            planted = [replace(strangers[int(at)], origin=Origin("planted", 1)) for at in drawn]
            for embedder in embedders:
                points = embedded(keyed([*rows, *planted]), embedder, most=20_000)
                assert points is not None
                is_planted_N = np.array([row.origin.file == "planted" for row in points.rows])
                first = np.argsort(-distances(points.vectors_ND)[0])[: is_planted_N.sum()]
                named = [finding.places for finding in Outliers().look_at(points)]
                places = named[0] if named else []
                hits = sum(place.startswith("planted") for place in places)
                print(
                    f"{path.parent.name}, {len(rows):,} rows and {len(planted)} SMS, draw {seed}, "
                    f"{embedder.by}: of the farthest 1 % {is_planted_N[first].mean():.3f} are "
                    f"planted; the check names {len(places)}, of which {hits} are",
                    flush=True,
                )


def _rows(path: Path) -> list:
    splits = load(DataSection(train=str(path), validation_share=0.0), seed=0).splits
    return [*splits.train, *splits.test]


if __name__ == "__main__":
    main()
