"""Who hears the events of a run: the caller, the run directory, and the trackers asked for."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from luthier.core.events import Event
from luthier.recipe.resolve import Settled
from luthier.run.layout import Layout
from luthier.run.trackers import trackers
from luthier.run.writer import RunWriter
from luthier.workflow.stages import Listener


@contextmanager
def open_listeners(
    settled: Settled, layout: Layout, writer: RunWriter, on_event: Listener
) -> Generator[Listener]:
    """One function that passes each event to all; trackers are closed at the end.

    Raises: MissingExtra: a tracker's package is not installed; RecipeError: an unknown tracker.
    """
    with ExitStack() as stack:
        others = [trackers.get(name)(layout.root, settled.document()) for name in _names(settled)]
        for tracker in others:
            stack.callback(tracker.close)

        def tell(event: Event) -> None:
            for listener in (writer, on_event, *others):
                listener(event)

        yield tell


def _names(settled: Settled) -> list[str]:
    return list(settled.get("trackers"))
