"""Prompt, prefix, IA3 and bottleneck adapters beside LoRA, on the demo's rows as a user runs them.

    .venv/bin/python benchmarks/tuners/light.py [--setups 'lora;prompt'] [--rate 1e-2]

Each setup is a process of its own, one after another; `--before` is put before its command line (a
lock, for instance). Prints a table: held-out loss, seconds, memory, and the verdict on test rows.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1]))
import _luthier  # noqa: E402
import common  # noqa: E402

ROWS = HERE.parents[2] / "src" / "luthier" / "demo" / "support.jsonl"
SETUPS: dict[str, dict[str, Any]] = {
    "lora": {"name": "lora"},
    "prompt": {"name": "prompt"},
    "prompt, 8": {"name": "prompt", "num_virtual_tokens": 8},
    "prompt, random": {"name": "prompt", "init": "random"},
    "prompt, text": {
        "name": "prompt",
        "text": "Fill in intent, product, urgency and summary as JSON.",
    },
    "p-tuning, mlp": {"name": "prompt", "encoder": "mlp"},
    "p-tuning, lstm": {"name": "prompt", "encoder": "lstm"},
    "prefix": {"name": "prefix"},
    "prefix, random": {"name": "prefix", "init": "random"},
    "prefix, projected": {"name": "prefix", "projection": True},
    "ia3": {"name": "ia3"},
    "adapter, pfeiffer": {"name": "adapter"},
    "adapter, houlsby": {"name": "adapter", "placement": "houlsby"},
    "adapter, parallel": {"name": "adapter", "parallel": True},
}
TABLE = (
    "| setup | trained | rate | held-out loss | s | peak GiB | verdict |\n"
    "|---|---|---|---|---|---|---|\n"
)


def main() -> None:
    """Run the setups and print what they say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--setups", default=";".join(SETUPS), help="separated by ;")
    parser.add_argument("--rate", type=float, default=0.0, help="0: the usual one")
    parser.add_argument("--epochs", type=float, default=2.0)
    parser.add_argument("--test-rows", type=int, default=0, help="0: all; -1: no verdict")
    parser.add_argument("--rows", type=int, default=0, help="of the demo; 0: all")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--before", default="", help="put before every command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", default="")
    given = parser.parse_args()
    if given.one:
        run_one(given)
        return
    sys.stdout.write(TABLE)
    for name in given.setups.split(";"):
        sys.stdout.write(line(child(name, given)))
        sys.stdout.flush()


def child(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """One setup in a process of its own."""
    own = [sys.executable, "-W", "ignore", str(HERE), "--one", name]
    for key in ("rate", "epochs", "test_rows", "rows", "model", "seed"):
        own += [f"--{key.replace('_', '-')}", str(getattr(given, key))]
    done = subprocess.run(
        [*shlex.split(given.before), *own], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def run_one(given: argparse.Namespace) -> None:
    """Train one setup and print one line."""
    _luthier.prepare()
    import luthier
    from luthier.core.events import Finished, Updated, Validated

    seen: list[Any] = []
    training = {"epochs": given.epochs, "save_every": 0}
    if given.rate:
        training["learning_rate"] = given.rate
    arms = ["base", "tuned"] if given.test_rows >= 0 else ["tuned"]
    with tempfile.TemporaryDirectory() as folder:
        recipe = {
            "model": given.model,
            "seed": given.seed,
            "data": {"train": str(ROWS), "max_rows": given.rows},
            "tuner": SETUPS[given.one],
            "training": training,
            "evaluation": {"arms": arms, "max_rows": given.test_rows if arms[0] == "base" else 2},
        }
        recipe["evaluation"]["retention"] = False
        run = luthier.train(recipe, out=Path(folder) / "run", on_event=seen.append)
        scores = (run.evaluation or {}).get("arms", {})
        verdict = (run.evaluation or {}).get("verdict")
        bundle = run.bundle
    updates = [event for event in seen if isinstance(event, Updated)]
    losses = [event.loss for event in seen if isinstance(event, Validated)]
    ended = next(event for event in seen if isinstance(event, Finished))
    common.report(
        setup=given.one,
        trunk=bundle.trunk.name,
        trained=sum(p.numel() for p in bundle.model.parameters() if p.requires_grad),
        rate=run.recipe.training.learning_rate,
        first=updates[0].loss,
        held_out=losses,
        seconds=updates[-1].seconds,
        training_peak_bytes=ended.peak_bytes,
        scores={name: arm.get("score") for name, arm in scores.items()},
        verdict=verdict,
    )


def line(found: dict[str, Any]) -> str:
    """A row of the table."""
    losses = found["held_out"]
    return (
        f"| {found['setup']} ({found['trunk']}) | {found['trained']:,} | {found['rate']:g} "
        f"| {losses[0]:.3f} to {losses[-1]:.3f} | {found['seconds']:.0f} "
        f"| {found['training_peak_bytes'] / 2**30:.2f} | {found['scores']} {found['verdict']} |\n"
    )


if __name__ == "__main__":
    main()
