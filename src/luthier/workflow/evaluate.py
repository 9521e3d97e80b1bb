"""The evidence for a run that is already trained, anew: other arms, more rows, another metric."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from luthier.core.errors import RunError
from luthier.data.recorded import as_recorded
from luthier.recipe.resolve import Settled
from luthier.run.writer import RunWriter
from luthier.workflow import resume
from luthier.workflow.exploring import lend_models
from luthier.workflow.finish import Tested, prove_better, subject_of, write_report
from luthier.workflow.inputs import Inputs, gather
from luthier.workflow.run import Run
from luthier.workflow.stages import Listener, Stages, silent
from luthier.workflow.summary import Summary
from luthier.workflow.tested import OwnRows, is_own, leave_out_learned, put_test


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
    resume.keep_choices(settled, recorded)  # nothing is chosen anew for a model that is trained
    others = resume.other_settings(settled, recorded)
    resume.refuse_training(others, where=str(path))
    stages = Stages(on_event)
    names_rows = any(key in resume.OF_THE_TEST for key in others)
    with RunWriter(run.layout):
        with as_recorded(resume.files_of(recorded)):
            inputs = _inputs(run, settled, stages, names_rows=names_rows)
        recorded = run.files.splits or {}
        left_out = leave_out_learned(inputs, settled, recorded, stages)
        tested = Tested(inputs.loaded.files, is_own(inputs, recorded), left_out)
        lend_models(inputs.objective)
        subject = subject_of(run.bundle, run.tuner, inputs, settled, run.open_base)
        section = settled.recipe().evaluation
        found = prove_better(subject, section, run.layout, stages, tested=tested)
        summary = Summary(run.layout, settled, stages)
        summary.update("done", verdict=found.verdict.outcome)
        write_report(run.layout, stages)
    return dict(run.evaluation or {})


def _inputs(run: Run, settled: Settled, stages: Stages, *, names_rows: bool) -> Inputs:
    """What the run was trained on, and the rows to test.

    Args: names_rows: the request says otherwise which rows to test or how to read them; those of
        the training stay as they were.
    Raises: RunError: the run does not say which rows it was trained on; or as `_same_inputs`.
    """
    recorded, is_whole = run.files.splits, False
    if not names_rows:
        inputs = gather(settled, stages)
    elif recorded is None:
        raise RunError(
            f"{run.layout.splits}: missing, so which rows the run learned from is not known, and "
            "other rows cannot be told from them. Leave out what is said of data."
        )
    else:
        own = OwnRows(recorded, settled.recipe().data)
        inputs = gather(Settled.of_document(run.files.resolved or {}), stages, read=own)
        is_whole = own.is_whole(inputs.loaded)
        put_test(inputs, settled, stages)
    for line in _same_inputs(run, inputs, settled.get("allow"), is_whole=is_whole):
        stages.note(line, warning=True)
    return inputs


def _same_inputs(run: Run, inputs: Inputs, allow: Sequence[str], *, is_whole: bool) -> list[str]:
    """What changed since the training and may: edited rows could be tested that were learned.

    Args: is_whole: all rows of the training were found again; those of the test may be others.
    Raises: RunError: anything else changed.
    """
    recorded = run.files.resolved
    if recorded is None:
        return []
    inputs.model_as_one = resume.has_one_hash(recorded)
    then, now = recorded["identity"], inputs.identity()
    return resume.same_inputs(
        then,
        {**now, "data": then["data"]} if is_whole else now,
        allow=allow,
        where=str(run.layout.root),
        instead="name other rows with data.test=FILE",
    )
