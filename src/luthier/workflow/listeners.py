"""Who hears the events of a run: the caller, the run directory, and the trackers asked for."""

from __future__ import annotations

from luthier.core.events import Event
from luthier.recipe.resolve import Settled
from luthier.run.layout import Layout
from luthier.run.trackers import trackers
from luthier.run.writer import RunWriter
from luthier.workflow.stages import Listener


def open_listeners(
    settled: Settled, layout: Layout, writer: RunWriter, on_event: Listener
) -> Listener:
    """One function that passes each event to all.

    Raises: MissingExtra: a tracker's package is not installed; RecipeError: an unknown tracker.
    """
    others = [
        trackers.get(name)(layout.root, settled.document()) for name in settled.get("trackers")
    ]

    def tell(event: Event) -> None:
        writer.event(event)
        on_event(event)
        for tracker in others:
            tracker(event)

    return tell
