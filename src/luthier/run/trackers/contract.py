"""What a tracker is: a listener of events that reports to another program's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

from luthier.core.events import Event, Updated, Validated


class Tracker(Protocol):
    """Writes below `folder`, offline; `document` is the content of `resolved.yaml`.

    Opened once that is written, just before training.
    Raises: MissingExtra: the package is not installed.
    """

    package: ClassVar[str]
    """What has to be installed: asked for before anything slow."""

    def __init__(self, folder: Path, document: Mapping[str, Any]) -> None: ...

    def __call__(self, event: Event) -> None:
        """Report one event; those that carry no figure are ignored."""
        ...

    def close(self) -> None:
        """Write everything that is still held back; may be called twice."""
        ...


def scalars(event: Event) -> Iterator[tuple[str, float]]:
    """Name and value of each figure of `event`, named alike in every tracker."""
    if isinstance(event, Updated):
        yield "train/loss", event.loss
        yield "train/gradient_norm", event.gradient_norm
        yield "train/learning_rate", event.learning_rate
        yield "train/epoch", event.epoch
        yield "train/total_tokens", event.total_tokens
        yield "train/memory_bytes", event.memory_bytes
        yield from ((f"train/{name}", value) for name, value in event.metrics.items())
    if isinstance(event, Validated):
        yield "validation/loss", event.loss
        yield from ((f"validation/{name}", value) for name, value in event.metrics.items())
