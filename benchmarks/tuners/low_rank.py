"""LoRA, its variants and a base in few bits on the same rows: loss, speed, memory, bytes.

    .venv/bin/python benchmarks/tuners/low_rank.py --rows FILE [--setups "lora;qlora*"] [--out FILE]

FILE is a JSON array in the alpaca format. Every setup is a process of its own, one after another;
`--before` is put before its command line (a lock, for instance). Writes one JSON file and a table.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1]))
import _luthier  # noqa: E402
import common  # noqa: E402

LORA: dict[str, Any] = {"name": "lora", "rank": 16}
SETUPS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "full": ({"name": "full"}, {}),
    "lora": (LORA, {}),
    "lora, float32": (LORA, {"precision": "float32"}),
    "lora, general path": (LORA, {"path": "general"}),
    "qlora, 4 bits": ({**LORA, "name": "qlora", "recover": "nothing"}, {}),
    "qlora, 4 bits, qera": ({**LORA, "name": "qlora", "recover": "qera"}, {}),
    "qlora, 8 bits": ({**LORA, "name": "qlora", "bits": 8}, {}),
    "lora, q and v, rank 8": (
        {"name": "lora", "rank": 8, "target": ["q_proj", "v_proj"]},
        {},
    ),
    "lora, 60 best by score": ({**LORA, "target": "best:60"}, {}),
    "rslora": ({**LORA, "rank_stabilised": True}, {}),
    "dora": ({**LORA, "lengths": True}, {}),
    "pissa": ({**LORA, "start": "pissa"}, {}),
    "lora+": ({**LORA, "rate_ratio": 4.0}, {"learning_rate": 4e-4}),
}
TABLE = (
    "| setup | trained | share | held-out loss | tok/s | peak GiB | base MB | matrices |\n"
    "|---|---|---|---|---|---|---|---|\n"
)


def main() -> None:
    """Run the setups and write what they say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", required=True)
    parser.add_argument("--train", type=int, default=256)
    parser.add_argument("--held-out", type=int, default=96)
    parser.add_argument("--setups", default="lora;qlora*", help="names, or beginnings and *")
    parser.add_argument("--before", default="", help="put before every command")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", default="")
    parser.add_argument("--out", default="", help="file to write; .md is written beside it")
    given = parser.parse_args()
    if given.one:
        run_one(given)
        return
    wanted = given.setups.split(";")
    found: list[dict[str, Any]] = []
    for name in SETUPS:
        if not any(
            name == each or (each[-1] == "*" and name.startswith(each[:-1])) for each in wanted
        ):
            continue
        found.append(child(name, given))
        sys.stdout.write(line(found[-1]))
        sys.stdout.flush()
        write(found, given)


def write(found: list[dict[str, Any]], given: argparse.Namespace) -> None:
    """What is there so far, as JSON and as a table."""
    if given.out:
        command = "benchmarks/tuners/low_rank.py " + shlex.join(
            ["--setups", given.setups, "--train", str(given.train), "--seed", str(given.seed)]
        )
        document = {"command": command, "rows": Path(given.rows).name, "runs": found}
        Path(given.out).write_text(json.dumps(document, indent=1) + "\n")
        table = f"`{command}`\n\n{TABLE}" + "".join(line(each) for each in found)
        Path(given.out).with_suffix(".md").write_text(table)


def child(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """One setup in a process of its own."""
    own = [sys.executable, "-W", "ignore", str(HERE), "--one", name, "--rows", given.rows]
    own += ["--train", str(given.train), "--held-out", str(given.held_out)]
    own += ["--model", given.model, "--seed", str(given.seed)]
    done = subprocess.run(
        [*shlex.split(given.before), *own], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def run_one(given: argparse.Namespace) -> None:
    """Train one setup with the engine alone, and print one line."""
    _luthier.prepare()
    import torch

    from luthier.core.events import Finished, Updated, Validated
    from luthier.engine.fit import fit
    from luthier.engine.input_moments import input_moments
    from luthier.engine.job import Job
    from luthier.models import trunks
    from luthier.models.load import open_model
    from luthier.objectives import objectives
    from luthier.tuners import attach, tuners
    from luthier.tuners.contract import Calibrating

    settings, options = SETUPS[given.one]
    dtype = torch.float32 if options.get("precision") == "float32" else torch.bfloat16
    kind = tuners.get(settings["name"])
    opened = torch.float32 if kind.moves_base else dtype
    bundle = open_model(given.model, dtype=opened, seed=given.seed)
    num_parameters = bundle.facts.num_parameters
    learned = objectives.get("sft")
    objective = learned(learned.Config())
    rows = enumerate(_chats(given))
    features = [objective.prepare(row, bundle.codec, index=at) for at, row in rows]
    train, held_out = features[: given.train], features[given.train :]
    tuner = _tuner(bundle, objective, train, settings)
    if isinstance(tuner, Calibrating) and tuner.calibrated_by():
        measure = partial(input_moments, bundle, objective, train)
        tuner.calibrate(bundle, measure, seed=given.seed)
    bundle = attach(tuner, bundle, seed=given.seed, frozen=dtype)
    path = options.get("path", "auto")
    bundle.trunk = trunks.build(bundle.model, bundle.kind, prefer=path, compute_dtype=dtype)
    plan = _plan(options, kind.usual_rate(bundle.facts, bundle.kind)[0])
    with tempfile.TemporaryDirectory() as folder:
        steps = Path(folder) / "steps"
        seen = list(fit(Job(bundle, tuner, objective, train, held_out, plan, given.seed, steps)))
    updates = [event for event in seen if isinstance(event, Updated)]
    trained = sum(p.numel() for p in bundle.model.parameters() if p.requires_grad)
    common.report(
        setup=given.one,
        trained=trained,
        share=trained / (num_parameters + (0 if kind.moves_base else trained)),
        held_out=[event.loss for event in seen if isinstance(event, Validated)],
        train=[event.loss for event in updates],
        tokens=updates[-1].total_tokens,
        seconds=updates[-1].seconds,
        training_peak_bytes=next(e.peak_bytes for e in seen if isinstance(e, Finished)),
        base_bytes=bundle.facts.weight_bytes,
        matrices=[note for note in bundle.notes if note.startswith("base in")],
        trunk=bundle.trunk.name,
        learning_rate=plan.learning_rate,
    )


def _tuner(bundle: Any, objective: Any, train: list[Any], settings: dict[str, Any]) -> Any:
    """The tuner of the setup, its matrices chosen by their gradients where it says so."""
    from luthier.core.config import build
    from luthier.engine.relevance import relevance
    from luthier.tuners import tuners

    kind = tuners.get(settings["name"])
    own = {key: value for key, value in settings.items() if key != "name"}
    tuner: Any = kind(build(kind.Config, own, where="tuner"))
    if str(own.get("target", "")).startswith("best:"):
        found = tuner.choose(relevance(bundle, objective, train, tuner.parts(bundle)))
        own |= {key: value for key, (value, _) in found.items()}
        tuner = kind(build(kind.Config, own, where="tuner"))
    return tuner


def _plan(options: dict[str, Any], usual: float) -> Any:
    """One pass over the rows. Args: usual: learning rate where the setup names none."""
    from luthier.engine.job import Plan

    return Plan(
        epochs=1.0,
        batch_size=8,
        micro_batch_tokens=2048,
        learning_rate=options.get("learning_rate", usual),
        lr_scheduler_type="cosine",
        warmup_steps=1,
        weight_decay=0.0,
        max_grad_norm=1.0,
        may_recompute=False,
        precision=options.get("precision", "bfloat16"),
    )


def _chats(given: argparse.Namespace) -> list[Any]:
    """The first rows of the file that are short enough, as conversations."""
    from luthier.data.rows import Chat, Message, Origin

    found = json.loads(Path(given.rows).read_text(encoding="utf-8"))
    short = [row for row in found if sum(map(len, row.values())) < 1800]  # below 512 tokens
    chats: list[Any] = []
    for at, row in enumerate(short[: given.train + given.held_out]):
        asked = "\n".join(filter(None, [row["instruction"], row.get("input", "")]))
        turns = (Message("user", asked), Message("assistant", row["output"]))
        chats.append(Chat(origin=Origin("rows", at + 1), messages=turns))
    return chats


def line(found: dict[str, Any]) -> str:
    """A row of the table."""
    matrices = (
        found["matrices"][0].partition(": ")[2].partition(";")[0] if found["matrices"] else ""
    )
    return (
        f"| {found['setup']} ({found['trunk']}) | {found['trained']:,} | {found['share']:.2%} "
        f"| {found['held_out'][-1]:.4f} | {found['tokens'] / found['seconds']:.0f} "
        f"| {found['training_peak_bytes'] / 2**30:.2f} | {found['base_bytes'] / 1e6:.0f} "
        f"| {matrices} |\n"
    )


if __name__ == "__main__":
    main()
