"""Predicting running text."""

from __future__ import annotations

from luthier.evaluation.bench import Bench
from luthier.evaluation.likelihood import row_nlls
from luthier.evaluation.outcome import Outcome
from luthier.models.bundle import Bundle


def readings(bundle: Bundle, bench: Bench) -> list[Outcome]:
    """The NLL of each row's text; nothing is written."""
    nlls = row_nlls(bundle, bench.subject.objective, bench.rows)
    return [
        Outcome(index, "", has_text=False, nll=nll, tokens=tokens)
        for index, (nll, tokens) in enumerate(nlls)
    ]
