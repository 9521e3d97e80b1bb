"""A row of answers as a judge reads it: whatever its length, something of it is judged."""

from __future__ import annotations

from luthier.core.errors import DataError
from luthier.data.features import Features
from luthier.data.overflow import fit_to
from luthier.data.rows import Row
from luthier.models.bundle import Bundle
from luthier.objectives import Objective


def within_context(bundle: Bundle, objective: Objective, row: Row, *, index: int) -> Features:
    """The row as features, cut to the context of the model: the beginning of the prompt goes first.

    Raises: DataError, MaskError: as the objective's `prepare`.
    """
    features = objective.prepare(row, bundle.codec, index=index)
    limit, where = bundle.facts.context_length, str(row.origin)
    try:
        return fit_to(features, limit, "truncate_prompt", where)[0]
    except DataError:  # an answer that does not fit is judged by its beginning
        return fit_to(features, limit, "truncate_tail", where)[0]
