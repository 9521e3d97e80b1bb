"""What an arm is: one way to get answers to the test rows, to hold beside the tuned model."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome

Standing = Literal["untrained", "rival", "tuned", "variant"]
"""The same model without training; a cheap method without this model; what is judged; the same in
another form, shown beside it and not judged."""


class Arm(Protocol):
    """Built without arguments; keeps nothing between calls."""

    tasks: ClassVar[frozenset[str]]
    """Names of the tasks it can do; empty: every one."""
    standing: ClassVar[Standing]
    words: ClassVar[str]
    """What it is, for a reader who is no specialist; fits into "compared with ...".
    Where the task makes it something else, the arm says what in `bench.notes[name]["what"]`."""

    def missing(self, bench: Bench) -> str | None:
        """Why it cannot run on these rows; an empty string where it can, and None where there is
        nothing that it could show, of which nobody needs to be told."""
        ...

    def outcomes(self, bench: Bench) -> list[Outcome]:
        """One outcome per row of `bench.rows`, in order."""
        ...
