"""What training saved in a run directory: back in the open model, or gone for good."""

from __future__ import annotations

import os
import shutil

from luthier.export import exporters, run_load
from luthier.run.layout import Layout
from luthier.workflow.prepared import Prepared
from luthier.workflow.run import Run, open_tuned


def load_result(prepared: Prepared, layout: Layout) -> None:
    """Put the trained weights into the model that `prepare` opened, as they were after training.

    An adapter comes back to the bit, a whole model as it was saved: in the type of its base.
    Raises: RunError: the folder is damaged, or does not fit the model and the tuner.
    """
    bundle, tuner = prepared.bundle, prepared.tuner
    if exporters.get(tuner.saved_as).needs_base:
        run_load(bundle, tuner, format=tuner.saved_as, folder=layout.adapter)
        return
    saved = open_tuned(Run(layout.root))
    tuner.restore(bundle.model, tuner.state(saved.model))
    bundle.vectors = saved.vectors


def forget_result(layout: Layout) -> None:
    """Remove what was saved, as training goes on: whatever the directory holds next is newer.

    Each folder goes at once: a process that dies here leaves the whole of it or nothing.
    """
    for folder in (layout.adapter, layout.model):
        if folder.is_dir():
            gone = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
            folder.rename(gone)
            shutil.rmtree(gone)
