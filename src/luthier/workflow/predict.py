"""A file of rows in, a file of answers out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from luthier.core import files
from luthier.data.load import read_records
from luthier.workflow.run import Run
from luthier.workflow.stages import Listener, Stages, silent


def predict_file(
    path: Path, input: Path, output: Path, *, on_event: Listener = silent
) -> dict[str, Any]:
    """Write one JSON line per row of `input`: the row as it came, and what the run answers.

    Returns: {"rows", "output", "seconds"}.
    Raises: DataError: a row has no input; nothing is written then.
    """
    run, stages = Run(path), Stages(on_event)
    with stages.stage("reading data", str(input)):
        records = read_records(input, encoding=run.recipe.data.encoding)
    with stages.stage("loading model", run.recipe.model):
        bundle = run.bundle
    with stages.stage("predicting", f"{len(records)} rows, trunk '{bundle.trunk.name}'"):
        answers = run.predict(records)
    lines = [
        json.dumps({**record, **answer}, ensure_ascii=False)
        for record, answer in zip(records, answers, strict=True)
    ]
    files.write_text(output, "\n".join(lines) + "\n")
    return {"rows": len(lines), "output": str(output), "seconds": stages.seconds}
