"""The evidence for a run that is already trained, anew: other arms, more rows, another metric."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from luthier.recipe.resolve import Settled
from luthier.run.writer import RunWriter
from luthier.workflow import resume
from luthier.workflow.exploring import lend_models
from luthier.workflow.finish import prove_better, subject_of, write_report
from luthier.workflow.inputs import Inputs, gather
from luthier.workflow.run import Run
from luthier.workflow.stages import Listener, Stages, silent
from luthier.workflow.summary import Summary


def evaluate_run(
    path: Path, *, overrides: Sequence[str] = (), on_event: Listener = silent
) -> dict[str, Any]:
    """The content of the new evaluation.json; the report is written anew too.

    Args: overrides: such as "evaluation.max_rows=50"; settings of "data" name other rows.
    Raises: RunError: not a trained run, settings of its training that are others now, or its data,
        model or tokenizer changed.
    """
    run = Run(path)
    recorded = run.files.resolved or {}
    run.check_trained()
    settled = Settled.of_document(recorded, overrides)
    resume.refuse_other_settings(settled, recorded, where=str(path))
    stages = Stages(on_event)
    names_rows = any(text.lstrip("-").startswith("data.") for text in overrides)
    with RunWriter(run.layout):
        inputs = gather(settled, stages)
        for line in _same_inputs(run, inputs, settled.get("allow"), names_rows=names_rows):
            stages.note(line, warning=True)
        lend_models(inputs.objective)
        subject = subject_of(run.bundle, run.tuner, inputs, settled, run.open_base)
        found = prove_better(subject, settled.recipe().evaluation, run.layout, stages)
        summary = Summary(run.layout, settled, stages)
        summary.update("done", verdict=found.verdict.outcome)
        write_report(run.layout, stages)
    return dict(run.evaluation or {})


def _same_inputs(run: Run, inputs: Inputs, allow: Sequence[str], *, names_rows: bool) -> list[str]:
    """What changed since the training and may: edited rows could be tested that were learned.

    Args: names_rows: the request asks for other rows; files of the training stay as they were.
    Raises: RunError: anything else changed.
    """
    recorded = run.files.resolved
    if recorded is None:
        return []
    inputs.model_as_one = resume.has_one_hash(recorded)
    then, now = recorded["identity"], inputs.identity()
    return resume.same_inputs(
        then,
        {**now, "data": then["data"]} if names_rows else now,
        allow=allow,
        where=str(run.layout.root),
        instead="name other rows with data.test=FILE",
    )
