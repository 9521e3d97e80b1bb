"""Luthier on a handful of rows of each class: `fewshot`, or `classify` with lora; one JSON line."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import _data

from luthier.engine.runtime import prepare


def main() -> None:
    """Train on the shots, test on all test rows."""
    prepare()
    import luthier  # after the allocator is set
    from luthier.core.events import Finished

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of BANKING77 or emotion")
    parser.add_argument("--model", default="minilm-l6")
    parser.add_argument("--objective", default="fewshot", choices=("fewshot", "classify"))
    parser.add_argument("--tuner", default="auto")
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    train, test = _data.labelled(given.data)
    seconds = [0.0]

    def listen(event: Any) -> None:
        if isinstance(event, Finished):
            seconds[0] = event.seconds

    with tempfile.TemporaryDirectory() as folder:
        few = _data.shots(train, given.shots, seed=given.seed)
        paths = {
            name: str(_data.write(Path(folder, f"{name}.jsonl"), rows))
            for name, rows in (("train", few), ("test", test))
        }
        recipe = {
            "model": given.model,
            "seed": given.seed,
            "data": {**paths, "validation_share": 0, "on_duplicate": "keep"},
            "objective": given.objective,
            "tuner": given.tuner,
            "evaluation": {"arms": ["tuned"], "retention": False},
        }
        run = luthier.train(recipe, out=Path(folder, "run"), on_event=listen)
        accuracy = run.evaluation["arms"]["tuned"]["accuracy"]["value"]
        tuner = run.recipe.tuner["name"]
    entry = {
        "system": f"luthier {given.objective} {tuner}",
        "data": given.data.name,
        "shots": given.shots,
        "seed": given.seed,
        "accuracy": accuracy,
        "seconds": round(seconds[0], 1),
    }
    print(json.dumps(entry))


if __name__ == "__main__":
    main()
