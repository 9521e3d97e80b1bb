"""Luthier's side of dpo.py: as a user runs it, the reference asked included in the time."""

from __future__ import annotations

import json
import time
from pathlib import Path

import common
from _luthier import write_rows

from luthier.engine.runtime import prepare

prepare()  # the allocator, before anything allocates

import torch  # noqa: E402

import luthier  # noqa: E402
from luthier.core.events import Event, Finished, Stage, Updated  # noqa: E402
from luthier.data.asked import read_rows  # noqa: E402
from luthier.data.order import order  # noqa: E402
from luthier.objectives import Roles  # noqa: E402
from luthier.workflow.prepared import view_before  # noqa: E402
from luthier.workflow.run import Run  # noqa: E402


def main() -> None:
    """Train on the pairs and print one line."""
    given = common.arguments(__doc__ or "")
    data = common.rows(given.rows)
    pairs, rest = data["train"], data["held_out"]
    folder = Path(given.out)
    parts = {"train": pairs, "validation": rest[:1], "test": rest[1:]}
    recipe = {
        "model": given.model,
        "data": {**write_rows(parts, folder), "on_duplicate": "keep"},
        "objective": {"name": "dpo"},
        "tuner": {"name": "lora", "rank": common.RANK, "alpha": common.ALPHA},
        "training": {
            "epochs": 1,
            "learning_rate": common.LEARNING_RATE,
            "batch_size": common.BATCH_SIZE,
            "warmup_ratio": common.WARMUP,
            "precision": given.precision,
            "save_every": 0,
            "evaluate_every": 0,
        },
        "evaluation": {"arms": ["tuned"], "max_rows": 1, "retention": False},
    }
    updates: list[Updated] = []
    clock: dict[str, tuple[float, float]] = {}
    peak = 0

    def listen(event: Event) -> None:
        nonlocal peak
        now = (time.perf_counter(), time.process_time())
        if isinstance(event, Stage):
            clock.setdefault(event.name, now)
        if isinstance(event, Updated):
            clock["last update"] = now
            updates.append(event)
        if isinstance(event, Finished):
            peak = common.peak_bytes()

    run = luthier.train(recipe, out=folder / "run", on_event=listen)
    asked, asked_cpu = _between(clock, "asking the model before training", "pre-flight")
    spent, spent_cpu = _between(clock, "training", "last update")
    seconds = asked + spent
    adapter = folder / "run" / "adapter"
    logged = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").open()]
    common.report(
        system="luthier",
        pairs_per_second=len(pairs) / seconds,
        seconds=seconds,
        seconds_asking=asked,
        cpu_seconds=asked_cpu + spent_cpu,
        losses=[update.loss for update in updates],
        margins=[line["metrics"]["margin"] for line in logged if line["event"] == "updated"],
        adapter=str(adapter),
        peak_bytes_while_training=peak,
        loss_of_our_adapter=_loss(run, folder / "train.jsonl"),
    )


def _between(clock: dict[str, tuple[float, float]], start: str, end: str) -> tuple[float, float]:
    """Seconds of the wall clock and of the processor from one moment to another."""
    return clock[end][0] - clock[start][0], clock[end][1] - clock[start][1]


def _loss(run: Run, path: Path) -> float:
    """Mean loss, under the adapter that was trained, of the pairs that were trained first."""
    rows = read_rows(path, wants="preference")
    first = [rows[index] for index in order(len(rows), seed=0, epoch=0)[: common.BATCH_SIZE]]
    bundle, objective = run.bundle, run.objective
    features = [objective.prepare(row, bundle.codec, index=n) for n, row in enumerate(first)]
    models = Roles(bundle, view_before(run.tuner, bundle))
    with torch.no_grad():
        for item in features:
            said = objective.constants(models, objective.collate([item]))
            item.arrays.update({name: values[0] for name, values in said.items()})  # type: ignore[attr-defined]
        loss = objective.loss(models, objective.collate(features))
    return float(loss.sum / loss.count)


if __name__ == "__main__":
    main()
