"""The whole circle: recipe in, run directory out. On an unfinished directory it continues."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from luthier.core import files
from luthier.core.errors import Interrupted, LuthierError
from luthier.data.load import Loaded, changed_files, load
from luthier.data.naming import plain_name
from luthier.data.recorded import as_recorded
from luthier.recipe import yaml_text
from luthier.recipe.resolve import Settled
from luthier.recipe.schema import Recipe
from luthier.run.environment import environment
from luthier.run.layout import Layout
from luthier.run.reader import open_run
from luthier.run.writer import RunWriter
from luthier.workflow import resume
from luthier.workflow.around import finish
from luthier.workflow.device import device_name
from luthier.workflow.finish import Tested, prove_better, subject_of, write_report
from luthier.workflow.inputs import Inputs, gather
from luthier.workflow.listeners import check_trackers, open_trackers
from luthier.workflow.options import spell_out
from luthier.workflow.prepared import Prepared, open_base, prepare
from luthier.workflow.result import forget_result, load_result
from luthier.workflow.run import Run
from luthier.workflow.splits_file import write_splits
from luthier.workflow.stages import Listener, Stages, silent
from luthier.workflow.summary import Summary
from luthier.workflow.training import save_result, train_model


def train(
    recipe: Recipe,
    origins: Mapping[str, str] | None = None,
    *,
    out: Path | None = None,
    on_event: Listener = silent,
) -> Run:
    """The finished run in `out` (default runs/<time>-<name>): tuned, evaluated, reported.

    A directory that holds an unfinished run of the same recipe is continued where it stopped, and
    so is one whose training ended at a limit that the request moves on.
    Raises: LuthierError: bad input, before anything slow. Interrupted: saved; call it again.
    """
    settled = Settled(recipe, dict(origins or {}))
    settled.settle("name", name_of(recipe), "from the data file")
    out = out or Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}-{settled.get('name')}"
    layout = Layout(out)
    resume.check_folder(layout)
    try:
        # locked before it is read: what a run knows must not change under a second process
        with RunWriter(layout) as writer:
            _continue(settled, layout, writer, Stages(on_event))
    except (KeyboardInterrupt, Interrupted) as stop:
        raise Interrupted(_way_on(stop, layout)) from None
    return Run(out)


@dataclass(slots=True)
class _Work:
    """One command at work on one run directory."""

    settled: Settled
    inputs: Inputs
    layout: Layout
    writer: RunWriter
    stages: Stages
    summary: Summary
    goes_on: bool
    """The training had ended, and the request moves the limit it ended at."""


def _continue(settled: Settled, layout: Layout, writer: RunWriter, stages: Stages) -> None:
    """From the beginning, or from where the run in the directory stopped."""
    recorded = open_run(layout.root).resolved if layout.resolved.exists() else None
    spell_out(settled)
    said = resume.take_up(settled, recorded, where=str(layout.root))
    summary = Summary(layout, settled, stages)
    goes_on = resume.moves_limit(settled, recorded, summary.values.get("why_ended", ""))
    if recorded is not None and (goes_on or not summary.is_trained()):
        resume.adjust_anew(settled)
    check_trackers(settled.get("trackers"))

    def read(*asked: Any, **how: Any) -> Loaded:
        loaded = load(*asked, **how)
        where = str(layout.root)
        resume.refuse_edited(recorded, loaded.files, allow=settled.get("allow"), where=where)
        return loaded

    with as_recorded(resume.files_of(recorded)):
        inputs = gather(settled, stages, read=read)
    said += _compare(recorded, settled, inputs, layout.root)
    with stages.heard_by(writer):
        for text in filter(None, [writer.notice, *said]):
            stages.note(text)
        files.write_json(layout.environment, environment(device=device_name()))
        if goes_on or not summary.is_done():
            _carry_out(_Work(settled, inputs, layout, writer, stages, summary, goes_on))
        else:
            stages.note(
                f"{layout.root} is done already; nothing to do. `luthier evaluate` tests it anew."
            )


def _way_on(stop: BaseException, layout: Layout) -> str:
    """What a user who stopped the run reads."""
    if not layout.resolved.exists():
        return "Stopped before training began. The same command starts again."
    done = str(stop).partition(";")[0] or "Stopped"  # the engine says after which step
    out = shlex.quote(str(layout.root))
    return f"{done}. Everything that was saved stands; continue with: luthier train {out}"


def _carry_out(work: _Work) -> None:
    inputs, layout, stages, summary = work.inputs, work.layout, work.stages, work.summary
    try:
        prepared = prepare(work.settled, inputs, layout, stages)
        if work.goes_on:
            forget_result(layout)
        document = _record(work.settled, inputs, layout)
        summary.update("training", inputs, prepared)
        if summary.is_trained():
            load_result(prepared, layout)
        else:
            with open_trackers(document, layout.root) as trackers, stages.heard_by(*trackers):
                train_model(prepared.job, stages, work.writer, summary)
            summary.update("training")  # its figures outlive a process that dies while saving
            _note_changes(inputs, stages)
            finish(prepared.objective, prepared.job, work.settled, stages)
            _record(work.settled, inputs, layout)
            save_result(prepared, work.settled, inputs, layout, stages)
            summary.update("trained")
        _prove(prepared, work)
    except (LuthierError, KeyboardInterrupt) as error:
        is_stop = isinstance(error, Interrupted | KeyboardInterrupt)
        summary.update("interrupted" if is_stop else "failed", reason=str(error))
        raise


def _prove(prepared: Prepared, work: _Work) -> None:
    settled = work.settled
    subject = subject_of(
        prepared.bundle,
        prepared.tuner,
        work.inputs,
        settled,
        lambda: open_base(settled, prepared.objective),
    )
    tested = Tested(work.inputs.loaded.files)
    section = settled.recipe().evaluation
    evaluation = prove_better(subject, section, work.layout, work.stages, tested=tested)
    work.summary.update("done", verdict=evaluation.verdict.outcome)
    write_report(work.layout, work.stages)
    work.summary.update("done", verdict=evaluation.verdict.outcome)


def _compare(
    recorded: Mapping[str, Any] | None, settled: Settled, inputs: Inputs, out: Path
) -> list[str]:
    """What is to be said about inputs that changed. The hashes are then those the run knows.

    Raises: RunError: data, model or tokenizer are not those the run was started with.
    """
    if recorded is None:
        return []
    inputs.model_as_one = resume.has_one_hash(recorded)
    return resume.same_inputs(
        recorded["identity"], inputs.identity(), allow=settled.get("allow"), where=str(out)
    )


def _note_changes(inputs: Inputs, stages: Stages) -> None:
    for name in changed_files(inputs.loaded.files):
        stages.note(
            f"{name} was edited while the run went on; the run used it as it was at the start",
            warning=True,
        )


def _record(settled: Settled, inputs: Inputs, layout: Layout) -> dict[str, Any]:
    """Write what is known now: recipe, ledger, splits, samples.

    Returns: the content of `resolved.yaml`.
    """
    document = settled.document()
    document["identity"] = {**document["identity"], **inputs.identity()}
    files.write_text(layout.resolved, yaml_text.dump(document))
    files.write_json(layout.ledger, inputs.ledger_document())
    write_splits(layout.splits, inputs.loaded.splits)
    files.write_json(layout.samples, inputs.samples)
    return document


def name_of(recipe: Recipe) -> str:
    """What the first training file is called, safe as a folder name."""
    train = recipe.data.train_files
    return plain_name(train if isinstance(train, str) else next(iter(train), ""))
