"""What training saved in a run directory: back in the open model, or gone for good."""

from __future__ import annotations

import os
import shutil

from luthier.export import exporters
from luthier.run.layout import Layout
from luthier.workflow.prepared import Prepared
from luthier.workflow.run import Run, open_tuned


def load_result(prepared: Prepared, layout: Layout) -> None:
    """Put the trained weights into the model that `prepare` opened, as they were after training.

    An adapter comes back to the bit, a whole model as it was saved: in the type of its base.
    Raises: RunError: the folder is damaged, or does not fit the model and the tuner.
    """
    exporter = exporters.get(prepared.tuner.saved_as)
    if exporter.needs_base:
        exporter().load(layout.adapter, prepared.bundle, prepared.tuner)
        return
    saved = open_tuned(Run(layout.root))
    prepared.tuner.restore(prepared.bundle.model, prepared.tuner.state(saved.model))


def forget_result(layout: Layout) -> None:
    """Remove what was saved, as training goes on: whatever the directory holds next is newer.

    Each folder goes at once: a process that dies here leaves the whole of it or nothing.
    """
    for folder in (layout.adapter, layout.model):
        if folder.is_dir():
            gone = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
            folder.rename(gone)
            shutil.rmtree(gone)
