"""Predicting running text."""

from __future__ import annotations

from luthier.evaluation.bench import Bench
from luthier.evaluation.likelihood import nll_of, row_nlls
from luthier.evaluation.outcome import Outcome
from luthier.models.bundle import Bundle


def readings(bundle: Bundle, bench: Bench) -> list[Outcome]:
    """The NLL of each row's text; nothing is written."""
    objective = bench.subject.objective
    prepared = [bench.subject.prepared(place) for place in bench.places]
    if any(prepared):
        nlls = [nll_of(bundle, objective, features) for features in prepared]
    else:
        nlls = row_nlls(bundle, objective, bench.rows)
    return [
        Outcome(index, "", has_text=False, nll=nll, tokens=tokens)
        for index, (nll, tokens) in enumerate(nlls)
    ]
