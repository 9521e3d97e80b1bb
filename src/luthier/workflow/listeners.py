"""The trackers that a recipe asks for."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from luthier.core.errors import missing
from luthier.run.trackers import Tracker, trackers


def check_trackers(names: Sequence[str]) -> None:
    """Nothing, when each of them can be opened once the recipe is resolved.

    Raises: MissingExtra: a tracker's package is not installed; RecipeError: an unknown tracker.
    """
    for name in names:
        package = trackers.get(name).package
        if find_spec(package) is None:
            raise missing(package, "trackers", f"Tracker '{name}'")


@contextmanager
def open_trackers(document: Mapping[str, Any], folder: Path) -> Generator[list[Tracker]]:
    """The trackers of a run in `folder`, closed at the end.

    Args: document: the content of `resolved.yaml`.
    """
    with ExitStack() as stack:
        found: list[Tracker] = []
        for name in document["recipe"]["trackers"]:
            found.append(trackers.get(name)(folder, document))
            stack.callback(found[-1].close)
        yield found
