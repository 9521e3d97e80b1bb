"""What an exporter is: it writes one format, and knows nothing of staging or of the parity gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from luthier.models.bundle import Bundle
from luthier.tuners.contract import Tuner


@dataclass(frozen=True, slots=True)
class Written:
    """What an exporter put into a folder."""

    rounding: float
    """Largest relative error of a weight made by writing it: 2**-9 in bfloat16, 0 if exact."""
    needs_base: bool
    """The files are of use only together with the base model."""
    facts: Mapping[str, str | int | float] = field(default_factory=dict[str, str | int | float])
    """For the manifest: data type, number of parameters and the like."""


class Exporter(Protocol):
    """Built as `Component()`. The bundle is the same before and after `write`."""

    def write(self, bundle: Bundle, tuner: Tuner, folder: Path, *, source_folder: Path) -> Written:
        """Write the tuned model of `bundle` into the existing, empty `folder`.

        Args: source_folder: the base model in transformers layout.
        Raises: RecipeError: this tuner cannot be written in this format.
            ParityError: what would be written is not the tuned model.
        """
        ...
