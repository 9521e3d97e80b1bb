"""Search on Cranfield and similarity on STS-B, before and after tuning.

    python benchmarks/embeddings/search_and_similarity.py --data DATA --task stsb --out OUT.json

Cranfield: two thirds of the queries train (each with its relevant documents, hard negatives mined),
the others are searched for among all 1,400 documents; figures are means over those queries.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import _data

from luthier.engine.runtime import prepare

PARTS = 3


def main() -> None:
    """Measure one task and write the figures."""
    prepare()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data folders")
    parser.add_argument("--task", choices=("stsb", "cranfield"), required=True)
    parser.add_argument("--model", default="minilm-l6")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], help="further settings, key=value")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure = stsb if given.task == "stsb" else cranfield
        found = measure(given, Path(folder))
    packages = {name: version(name) for name in ("torch", "transformers")}
    entry = {"task": given.task, "seed": given.seed, "model": given.model, **found}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps({**entry, "packages": packages}, indent=1) + "\n")
    print(json.dumps(entry))


def stsb(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Spearman of the cosines on the test pairs."""
    paths = {
        name: str(_data.write(folder / f"{name}.jsonl", _data.stsb(given.data / "stsb", part)))
        for name, part in (("train", "train"), ("validation", "valid"), ("test", "test"))
    }
    recipe = {
        "data": {**paths, "on_leak": "remove"},
        "objective": {"name": "cosent"},
        "evaluation": {"arms": ["base", "tuned"]},
    }
    run, seconds = train(recipe, given, folder)
    arms = run.evaluation["arms"]
    return {
        "before": arms["base"]["spearman"]["value"],
        "after": arms["tuned"]["spearman"]["value"],
        "interval": [arms["tuned"]["spearman"]["low"], arms["tuned"]["spearman"]["high"]],
        "verdict": run.evaluation["verdict"]["words"],
        "seconds": seconds,
    }


def cranfield(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """nDCG@10 over the queries held out."""
    documents, queries, gains = _data.cranfield(given.data / "cranfield")
    held = [query for query in gains if query % PARTS == given.seed % PARTS]
    pairs = [
        {"anchor": queries[query], "positive": documents[document]}
        for query in gains
        if query not in held
        for document in gains[query]
        if documents.get(document)
    ]
    recipe = {
        "data": {
            "train": str(_data.write(folder / "train.jsonl", pairs)),
            "on_overflow": "truncate_tail",
        },
        "objective": {"name": "contrastive", "hard_negatives": 1},
        "training": {"max_length": 256},
        "evaluation": {"max_rows": 100},
    }
    run, seconds = train(recipe, given, folder)
    task = {query: gains[query] for query in held}
    return {
        "queries": len(held),
        "pairs": len(pairs),
        "before": ndcg(run.open_base(), documents, queries, task),
        "after": ndcg(run.bundle, documents, queries, task),
        "seconds": seconds,
    }


def train(recipe: dict[str, Any], given: argparse.Namespace, folder: Path) -> tuple[Any, float]:
    """The run, and the seconds of its updates."""
    import luthier  # after the allocator is set
    from luthier.core.events import Finished

    seconds = [0.0]

    def listen(event: Any) -> None:
        if isinstance(event, Finished):
            seconds[0] = event.seconds

    for setting in given.set:
        key, _, value = setting.partition("=")
        section, _, name = key.partition(".")
        recipe.setdefault(section, {})[name] = json.loads(value)
    recipe.setdefault("evaluation", {})["retention"] = False
    whole = {"model": given.model, "seed": given.seed, **recipe}
    start = time.perf_counter()
    run = luthier.train(whole, out=folder / "run", on_event=listen)
    return run, round(seconds[0] or time.perf_counter() - start, 1)


def ndcg(bundle: Any, documents: Any, queries: Any, gains: Any) -> float:
    """Mean nDCG@10 with the gains of the collection, over all documents."""
    import numpy as np
    from sklearn.metrics import ndcg_score

    from luthier.evaluation.tasks.search import vectors_of

    numbers = [number for number, text in documents.items() if text]
    texts = [documents[number] for number in numbers] + [queries[query] for query in gains]
    vectors = vectors_of(bundle, texts, tell=lambda _done, _total: None)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = vectors[len(numbers) :] @ vectors[: len(numbers)].T
    true = np.array([[gains[query].get(number, 0) for number in numbers] for query in gains])
    return float(ndcg_score(true, scores, k=10))


if __name__ == "__main__":
    main()
