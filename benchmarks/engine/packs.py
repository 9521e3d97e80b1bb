"""What new sizes cost: gradients of micro-batches of a finished run, each of another size, and of
one of them again and again. `python benchmarks/engine/packs.py RUN [RUN ...]`, RUN a run directory.

A CPU's products are compiled for their shape, so that packs of ever new sizes can take twice as
long as one that is known. Prints milliseconds for the tokens of the middle micro-batch.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from luthier.engine.runtime import prepare

prepare()  # before torch is imported

import yaml  # noqa: E402

from luthier.data.batches import steps  # noqa: E402
from luthier.data.features import Features  # noqa: E402
from luthier.engine.accumulate import one_gradient, split  # noqa: E402
from luthier.engine.job import Job  # noqa: E402
from luthier.engine.memory import peak_resident_bytes  # noqa: E402
from luthier.recipe.resolve import Settled  # noqa: E402
from luthier.recipe.schema import Recipe  # noqa: E402
from luthier.run.layout import Layout  # noqa: E402
from luthier.workflow.inputs import gather  # noqa: E402
from luthier.workflow.prepared import prepare as prepared  # noqa: E402
from luthier.workflow.stages import Stages, silent  # noqa: E402

WARM, TIMED = 3, 20


def job_of(run: Path, scratch: Path) -> Job:
    """The training of a run, ready for its first step."""
    document = yaml.safe_load((run / "resolved.yaml").read_text("utf-8"))
    settled = Settled(Recipe.model_validate(document["recipe"]), {})
    stages = Stages(silent)
    return prepared(settled, gather(settled, stages), Layout(scratch), stages).job


def seconds_per_token(job: Job, parts: Sequence[list[Features]]) -> float:
    """Mean over the parts."""
    found: list[float] = []
    for rows in parts:
        start = time.perf_counter()
        one_gradient(job, rows, step=0, number=0)
        found.append((time.perf_counter() - start) / sum(item.num_tokens for item in rows))
    return statistics.mean(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    for run in parser.parse_args().runs:
        with tempfile.TemporaryDirectory() as scratch:
            job = job_of(run, Path(scratch))
        taken = steps(len(job.train), batch_size=job.plan.batch_size, seed=0, stop=WARM + TIMED)
        parts = [
            part
            for step in taken
            for part in split(
                job, [job.train[row] for row in step.rows], max_tokens=job.plan.micro_batch_tokens
            )
        ]
        new = list(islice(parts, WARM, WARM + TIMED))
        seconds_per_token(job, parts[:WARM])
        varied = seconds_per_token(job, new)
        middle = sorted(new, key=lambda rows: sum(item.num_tokens for item in rows))[TIMED // 2]
        seconds_per_token(job, [middle] * WARM)
        known = seconds_per_token(job, [middle] * TIMED)
        tokens = sum(item.num_tokens for item in middle)
        print(
            f"{run.parent.name}/{run.name}: {tokens} tokens, new sizes {varied * tokens * 1e3:.0f} "
            f"ms, one size {known * tokens * 1e3:.0f} ms, ratio {varied / known:.2f}; peak "
            f"{peak_resident_bytes() / 2**30:.2f} GiB, {os.cpu_count()} CPUs"
        )


if __name__ == "__main__":
    main()
