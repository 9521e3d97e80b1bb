"""What a test can tell at all, said before anything is trained."""

from __future__ import annotations

from luthier.core.counted import counted
from luthier.evaluation.power import detectable_share, rows_needed

_WANTED = 0.05


def power_of(num_rows: int) -> str:
    """In words, how small a difference so many test rows show, and what a smaller one needs.

    It is of shares of right answers, for two models that differ on a fifth of the rows
    (`evaluation.power.detectable_share`).
    """
    shown = detectable_share(num_rows)
    verb = "shows" if num_rows == 1 else "show"
    said = (
        f"{counted(num_rows, 'test row')} {verb} a difference of {100 * shown:.0f} points of "
        "accuracy or more (in 4 of 5 tests)"
    )
    if shown <= _WANTED:
        return said
    return f"{said}; {100 * _WANTED:.0f} points need {rows_needed(_WANTED):,}"
