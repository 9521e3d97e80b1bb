"""Search on Cranfield before and after a run: `python benchmarks/search.py DATA RUN [RUN ...]`.

RUN was trained on the pairs of `sets.py`'s cranfield. The queries held out there are searched for
among all documents; written to RUN/search.json: mean nDCG@10 with the gains of the collection.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from _cranfield import cranfield_collection, is_held_out
from sklearn.metrics import ndcg_score

from luthier import open_run
from luthier.evaluation.tasks.search import vectors_of


def ndcg(bundle: Any, data: Path) -> float:
    """Mean nDCG@10 over the queries held out, among all documents that have a text."""
    documents, queries, gains = cranfield_collection(data)
    held = [query for query in gains if is_held_out(query)]
    numbers = [number for number, text in documents.items() if text]
    texts = [documents[number] for number in numbers] + [queries[query] for query in held]
    vectors = vectors_of(bundle, texts, tell=lambda _done, _total: None)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = vectors[len(numbers) :] @ vectors[: len(numbers)].T
    true = np.array([[gains[query].get(number, 0) for number in numbers] for query in held])
    return float(ndcg_score(true, scores, k=10))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", nargs="+", type=Path)
    given = parser.parse_args()
    for folder in given.runs:
        run = open_run(folder)
        found = {"before": ndcg(run.open_base(), given.data), "after": ndcg(run.bundle, given.data)}
        (folder / "search.json").write_text(json.dumps(found) + "\n")
        print(folder.name, found, flush=True)


if __name__ == "__main__":
    main()
