"""What training saved in a run directory, back in the open model."""

from __future__ import annotations

from luthier.run.layout import Layout
from luthier.workflow.prepared import Prepared
from luthier.workflow.run import Run, open_tuned


def load_result(prepared: Prepared, layout: Layout) -> None:
    """Put the trained weights into the model that `prepare` opened, as they were after training.

    An adapter comes back to the bit, a whole model as it was saved: in the type of its base.
    Raises: RunError: the folder is damaged, or does not fit the model and the tuner.
    """
    saved = open_tuned(Run(layout.root))
    prepared.tuner.restore(prepared.bundle.model, prepared.tuner.state(saved.model))
