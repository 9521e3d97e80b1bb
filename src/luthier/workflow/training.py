"""The engine inside a run directory: events out, signals in, the result saved and proved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, islice

from luthier.core import files
from luthier.core.errors import Interrupted
from luthier.core.events import Finished, Updated, Validated
from luthier.data.features import Features
from luthier.engine import checkpoint, keepers
from luthier.engine.fit import fit
from luthier.engine.job import Job
from luthier.export import exporters, run_export
from luthier.recipe.resolve import Settled
from luthier.run.layout import Layout
from luthier.run.writer import RunWriter
from luthier.workflow.inputs import Inputs
from luthier.workflow.keeping import finish
from luthier.workflow.prepared import Prepared
from luthier.workflow.stages import Stages
from luthier.workflow.stop import Stop
from luthier.workflow.summary import Summary

NUM_PARITY_PROMPTS = 4


def train_model(job: Job, stages: Stages, writer: RunWriter, summary: Summary) -> None:
    """Train to the end, or raise Interrupted with everything saved.

    Events logged after the checkpoint that is continued from are removed first: they happen again.
    """
    stop = Stop()
    job.should_stop = stop.requested
    writer.rewind(checkpoint.latest_step(job.checkpoints))
    with stages.stage("training"), stop.graceful():
        for event in fit(job):
            stages.tell(event)
            if isinstance(event, Updated | Validated | Finished):
                summary.see(event)
    if stop.requested():  # too late for the loop to see it
        raise Interrupted("Stopped after the last step; everything is saved.")
    found, warnings = checkpoint.load_best(job)
    if not found.is_best:
        keepers.take_averages(job, found)
    for text in warnings:
        stages.note(text, warning=True)
        loss = found.state["progress"]["best_loss"] if found.is_best else None
        summary.values.update(best_step=found.step, validation_loss=loss)
    if measured := finish(job, stages):
        summary.values["keep"] = measured
    for figures in measured.values():
        if "validation_loss" in figures:  # the weights are others since
            summary.values["validation_loss"] = figures["validation_loss"]


def save_result(
    prepared: Prepared, settled: Settled, inputs: Inputs, layout: Layout, stages: Stages
) -> None:
    """`adapter/` or `model/` in the run directory, through the parity gate.

    Raises: ParityError: what was saved does not behave like what was trained; it was removed.
    """
    prompts = parity_rows(inputs.features)
    files.write_json(layout.prompts, [item.input_ids.tolist() for item in prompts])
    form = prepared.tuner.saved_as
    needs_base = exporters.get(form).needs_base
    with stages.stage("saving", form if needs_base else "model"):
        run_export(
            prepared.bundle,
            prepared.tuner,
            format=form,
            folder=layout.adapter if needs_base else layout.model,
            prompts=[item.input_ids for item in prompts],
            source_folder=inputs.source.folder,
            objective=settled.recipe().objective,
        )


def parity_rows(features: Mapping[str, Sequence[Features]]) -> list[Features]:
    """What every artefact of the run is compared on: test rows, and where they are few, others."""
    found = chain.from_iterable(features[split] for split in ("test", "validation", "train"))
    return list(islice(found, NUM_PARITY_PROMPTS))
