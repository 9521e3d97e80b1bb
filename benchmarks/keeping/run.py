"""One training that forgets, plain or with one option of `keep`.

$ .venv/bin/python benchmarks/keeping/run.py naive --out runs/keeping
$ for name in $(.venv/bin/python benchmarks/keeping/run.py --list); do
      .venv/bin/python benchmarks/keeping/run.py $name --out runs/keeping; done
$ .venv/bin/python benchmarks/keeping/table.py runs/keeping

All weights of SmolLM2-135M-Instruct move, at five times the usual rate, on the narrow set that
ships with Luthier (support letters to JSON). A run that was stopped goes on with the same command.
"""

from __future__ import annotations

import argparse
from importlib.resources import as_file, files
from pathlib import Path

import luthier

OPTIONS: dict[str, list[str]] = {
    "naive": [],
    "replay": ["keep.replay=0.25"],
    "kl_to_base": ["keep.kl_to_base=0.5"],
    "l2_sp": ["keep.l2_sp=0.3"],
    "ewc": ["keep.ewc=100"],
    "ema": ["keep.ema=0.9"],
    "wise_ft": ["keep.wise_ft=true"],
    "replay-and-wise_ft": ["keep.replay=0.25", "keep.wise_ft=true"],
    "lower-rate": ["training.learning_rate=2e-5"],
}
SETTINGS = (
    "data.max_rows=120",
    "objective=sft",
    "tuner=full",
    "training.learning_rate=1e-4",
    "training.epochs=1",
    "training.batch_size=8",
    "evaluation.max_rows=12",
    "evaluation.arms=[base]",
    "evaluation.num_resamples=1000",
)


def main() -> None:
    """Train into OUT/NAME, or continue there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", choices=sorted(OPTIONS))
    parser.add_argument("--out", type=Path, default=Path("runs/keeping"))
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--list", action="store_true")
    given = parser.parse_args()
    if given.list or given.name is None:
        print(*OPTIONS)
        return
    said = {key.partition("=")[0]: key for key in (*SETTINGS, *OPTIONS[given.name])}
    with as_file(files("luthier.demo").joinpath("support.jsonl")) as rows:
        recipe = {"model": given.model, "data": {"train": str(rows)}}
        run = luthier.train(recipe, out=given.out / given.name, overrides=list(said.values()))
    print(given.name, run.summary["state"], run.summary["seconds"])


if __name__ == "__main__":
    main()
