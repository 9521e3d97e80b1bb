"""What an exporter is: it writes one format, and knows nothing of staging or of the parity gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from luthier.models.bundle import Bundle
from luthier.tuners.contract import Tuner


@dataclass(frozen=True, slots=True)
class Written:
    """What an exporter put into a folder."""

    is_rounded: bool
    """Float32 weights were written as bfloat16 (`_rounding.store`); else the files are exact."""
    needs_base: bool
    """The files are of use only together with the base model."""
    facts: Mapping[str, str | int | float] = field(default_factory=dict[str, str | int | float])
    """For the manifest: data type, number of parameters and the like."""


class Exporter(Protocol):
    """Built as `Component()`. The bundle is the same before and after `write`."""

    needs_base: ClassVar[bool]
    """The files are of use only together with the base model; `load` puts them back into it."""

    def write(self, bundle: Bundle, tuner: Tuner, folder: Path, *, source_folder: Path) -> Written:
        """Write the tuned model of `bundle` into the existing, empty `folder`.

        Args: source_folder: the base model in transformers layout.
        Raises: RecipeError: this tuner cannot be written in this format.
            ParityError: what would be written is not the tuned model.
        """
        ...

    def load(self, folder: Path, bundle: Bundle, tuner: Tuner) -> None:
        """Put what was written to `folder` back into `bundle`, to which `tuner` was attached.

        Raises: RunError: the folder is damaged, or holds a model of its own, or does not fit.
        """
        ...
