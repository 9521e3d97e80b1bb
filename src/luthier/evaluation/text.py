"""When two texts count as the same answer: as `core.answers` says, for metrics as for graders."""

from luthier.core.answers import is_same, json_object, leaves, normalised

__all__ = ["is_same", "json_object", "leaves", "normalised"]
