"""A file of rows in, a file of answers out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from luthier.core import files
from luthier.data.asked import read_asked
from luthier.evaluation.predict import predict
from luthier.workflow.outputs import check_files
from luthier.workflow.run import Run
from luthier.workflow.stages import Listener, Stages, silent


def predict_file(
    path: Path, input: Path, output: Path, *, on_event: Listener = silent
) -> dict[str, Any]:
    """Write one JSON line per row of `input`: the row, and what the run answers.

    Returns: {"rows", "output", "seconds"}.
    Raises: DataError: a row has no input; nothing is written then. RecipeError: nothing can be
        written there, said before anything is computed.
    """
    run, stages = Run(path), Stages(on_event)
    check_files([output], [str(input)])
    with stages.stage("reading data", str(input)):
        asked = read_asked(input, run.recipe.data, wants=run.objective.row.shape())
        for line in asked.notes:
            stages.note(line)
    with stages.stage("loading model", run.recipe.model):
        bundle = run.bundle
    with stages.stage("predicting", f"{len(asked.rows)} rows, trunk '{bundle.trunk.name}'"):
        num_notes = len(bundle.notes)
        answers = predict(bundle, run.objective, asked.rows, reference=run.reference)
        for note in dict.fromkeys(bundle.notes[num_notes:]):
            stages.note(note, warning=True)
    lines = [
        json.dumps(with_answer(record, answer), ensure_ascii=False)
        for record, answer in zip(asked.records, answers, strict=True)
    ]
    files.write_text(output, "\n".join(lines) + "\n")
    return {"rows": len(lines), "output": str(output), "seconds": stages.seconds}


def with_answer(record: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """The row with the answer's keys behind it; a key of the row that the answer needs becomes
    `given_...`, so that a target is kept beside what was found."""
    kept = {f"given_{key}" if key in answer else key: value for key, value in record.items()}
    return {**kept, **answer}
