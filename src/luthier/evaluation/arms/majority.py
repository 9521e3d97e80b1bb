"""Always the most frequent training answer: what knowing nothing is worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

from luthier.evaluation.arms import arms
from luthier.evaluation.arms._fields import fields_of, filled
from luthier.evaluation.arms.contract import Standing
from luthier.evaluation.bench import Bench
from luthier.evaluation.outcome import Outcome


@arms.add
class Majority:
    """Its probabilities are the classes' shares in the training rows. Where the targets are JSON
    objects, every field with few values gets its most frequent one."""

    tasks: ClassVar[frozenset[str]] = frozenset({"answer", "label", "rate"})
    standing: ClassVar[Standing] = "rival"
    words: ClassVar[str] = "always giving the most frequent answer"

    def missing(self, bench: Bench) -> str:
        if bench.frame.is_json:
            has_any = bool(fields_of(bench.subject.train).columns)
            return "" if has_any else "no field of the JSON answers has few values"
        if not bench.frame.classes:
            return "the answers are not a few labels"
        return "" if bench.subject.train else "there are no training rows"

    def outcomes(self, bench: Bench) -> list[Outcome]:
        if bench.frame.is_json:
            fields = fields_of(bench.subject.train)
            bench.notes["majority"] = dict(fields.note())
            modes = {path: _mode(names) for path, names in fields.columns.items()}
            return filled(bench, {path: [name] * len(bench.rows) for path, name in modes.items()})
        key, names = bench.frame.key, bench.frame.classes
        known = {key(name): name for name in names}
        counts = Counter(known[key(row.target())] for row in bench.subject.train)
        top = _mode(counts.elements())
        shares = tuple(counts[name] / counts.total() for name in names)
        return [
            Outcome(index, row.target(), top, probabilities=shares)
            for index, row in enumerate(bench.rows)
        ]


def _mode(names: Iterable[str]) -> str:
    """The most frequent name; of several the first in the alphabet."""
    counts = Counter(names)
    return min(counts, key=lambda name: (-counts[name], name))
