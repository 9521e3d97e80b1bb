"""Which rows somebody should look at, and why: what checks doubt, and what cleaners would mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from luthier.core.config import build
from luthier.data.checks import Doubt, Doubting, checks
from luthier.data.cleaning import cleaners
from luthier.data.rows import Row

_OF_CLEANERS = {"contradictions": 20, "short_texts": 40, "artefacts": 50}
"""Cleaners whose findings somebody should look at -> their turn among the checks."""
_SETTINGS = {"contradictions": {"keep": "none"}}
"""All of them: whoever looks decides which is right."""


def doubts_of(
    rows: Sequence[Row], *, progress: Callable[[str], None] = lambda _: None
) -> list[Doubt]:
    """Rows to be looked at, each once, the most doubtful first; none that was confirmed.

    Args: progress: is told what is looked for now.
    """
    found: dict[int, Doubt] = {}
    for name, source in _sources():
        progress(f"looking for {name.replace('_', ' ')}")
        for doubt in source(rows):
            if not rows[doubt.at].is_confirmed:
                found.setdefault(doubt.at, doubt)
    return list(found.values())


def _sources() -> list[tuple[str, Callable[[Sequence[Row]], Iterator[Doubt]]]]:
    """Whoever doubts rows, in the order of their turns."""
    found: list[tuple[int, str, Callable[[Sequence[Row]], Iterator[Doubt]]]] = []
    for name, kind in checks.items():
        check = kind()
        if isinstance(check, Doubting):
            found.append((check.turn, name, check.doubts))
    found += [(turn, name, _would_mend(name)) for name, turn in _OF_CLEANERS.items()]
    return [(name, source) for _, name, source in sorted(found, key=lambda item: item[:2])]


def _would_mend(name: str) -> Callable[[Sequence[Row]], Iterator[Doubt]]:
    kind = cleaners.get(name)
    cleaner = kind(build(kind.Config, _SETTINGS.get(name, {}), where=name))

    def doubts(rows: Sequence[Row]) -> Iterator[Doubt]:
        for change in cleaner.changes(rows, ()):
            of = f" (as {change.of.origin})" if change.of else ""
            said = f": {change.found}" if change.found else ""
            guesses = ((change.of.target(), 0.0),) if change.of and change.of.stratum() else ()
            yield Doubt(change.at, f"{change.why}{of}{said}", guesses)

    return doubts
