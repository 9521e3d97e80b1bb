"""Which row format a file holds, from its columns, said with the reason."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from luthier.core.errors import DataError
from luthier.core.hints import did_you_mean, nearest
from luthier.data.formats import formats
from luthier.data.formats.contract import Format, Match, Sample
from luthier.data.headings import known

_COMPARED = 200
_SHOWN = 12
_ALIKE = 0.75
"""How like a known name a column must be for the message to say so."""
_PLAIN = re.compile(r"[^\W\d][\w ]*")
"""Names that need no quotes in YAML."""


def recognise(
    sample: Sample, *, file: str, wants: str, format: str, columns: Mapping[str, str]
) -> tuple[Format, Match]:
    """The format of a file and the columns it reads.

    Args: wants: "auto", or a shape such as "chat": only formats of that shape are considered.
        format: a format by name, or "auto". columns: canonical column -> name in the file.
    Raises: DataError: nothing fits, or too much does; with what to write in the recipe.
    """
    if not sample.answered:
        targets = frozenset[str]().union(*(kind.about.targets for _, kind in formats.items()))
        columns = {
            canonical: name
            for canonical, name in columns.items()
            if name in sample.columns or canonical not in targets
        }
    _check_columns(sample, file=file, columns=columns)
    renamed = _renamed(sample, columns)
    try:
        found = _forced(renamed, format) if format != "auto" else _best(renamed, wants, columns)
    except DataError as error:
        raise DataError(f"{file}, {error}") from None
    if found is None:
        raise _nothing_fits(sample, file=file, wants=wants, format=format)
    chosen, match = found
    why = re.sub(r"'(\w+)'", lambda said: f"'{columns.get(said[1], said[1])}'", match.why)
    return chosen, replace(match, why=why, columns={**match.columns, **columns})


def _check_columns(sample: Sample, *, file: str, columns: Mapping[str, str]) -> None:
    canonicals = {name for _, kind in formats.items() for name in kind.canonical}
    given: dict[str, str] = {}
    for canonical, name in columns.items():
        if name in given:
            raise DataError(
                f"data.columns: '{name}' is named twice, as {given[name]} and as {canonical}; "
                "expected a column for each. Leave one of them out"
            )
        given[name] = canonical
        if canonical not in canonicals:
            hint = did_you_mean(canonical, canonicals)
            raise DataError(f"data.columns: '{canonical}' is no column Luthier knows{hint}")
        if name not in sample.columns:
            hint = did_you_mean(name, sample.columns)
            raise DataError(
                f"{file}: column '{name}' (data.columns.{canonical}) is not there{hint}"
            )


def _renamed(sample: Sample, columns: Mapping[str, str]) -> Sample:
    """The sample as it would look had the user named the columns canonically."""
    back = {name: canonical for canonical, name in columns.items()}
    names = [back.get(column, column) for column in sample.columns]
    names = [name for name in names if name not in columns or name in back.values()]
    records = [_moved(record, columns) for record in sample.records]
    named = frozenset(columns)
    return replace(sample, columns=list(dict.fromkeys(names)), records=records, named=named)


def _moved(record: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    taken = set(columns.values())
    kept = {name: value for name, value in record.items() if name not in taken}
    return kept | {name: record.get(column) for name, column in columns.items()}


def _forced(sample: Sample, format: str) -> tuple[Format, Match] | None:
    kind = formats.get(format)()
    match = kind.recognise(sample)
    return None if match is None else (kind, replace(match, why=f"{match.why}; as asked"))


def _best(sample: Sample, wants: str, columns: Mapping[str, str]) -> tuple[Format, Match] | None:
    kinds = sorted((kind for _, kind in formats.items()), key=lambda kind: kind.rank)
    found: list[tuple[Format, Match]] = []
    others: list[tuple[Format, Match]] = []
    for kind in kinds:
        if not set(columns) <= set(kind.canonical):
            continue
        is_wanted = wants in ("auto", kind.shape)
        if not is_wanted and not kind.about.is_exclusive:
            continue
        match = kind().recognise(sample)
        if match is not None:
            (found if is_wanted else others).append((kind(), match))
    if sample.answered:
        _refuse_others(sample, wants, found, others)
    best = min(found, key=lambda pair: pair[1].weak, default=None)
    return best and _doubted(*best, [*found, *others])


def _doubted(
    kind: Format, match: Match, all_found: Sequence[tuple[Format, Match]]
) -> tuple[Format, Match]:
    """The same, saying where rows may be of a kind that teaches the wrong thing if read so."""
    for other, its in all_found:
        left = sorted(its.read() - match.read())
        if other.about.is_exclusive and not match.weak and left:
            names = ", ".join(f"'{name}'" for name in left)
            so = (
                f"; with {names}, which is not read, each row may be {other.about.words} "
                f"(data.format = {_name_of(other)})"
            )
            return kind, replace(match, why=match.why + so)
    return kind, match


def _refuse_others(
    sample: Sample,
    wants: str,
    found: Sequence[tuple[Format, Match]],
    others: Sequence[tuple[Format, Match]],
) -> None:
    """Nothing, unless rows look like what is wanted and are something else.

    Raises: DataError: with how to read them so all the same.
    """
    sure = [(kind, match) for kind, match in others if not match.weak]
    if not sure:
        return
    kind, match = sure[0]
    columns = ", ".join(f"'{name}'" for name in sample.columns[:_SHOWN])
    so = _naming(sample, wants)
    if found:
        so = f"data.format = {_name_of(min(found, key=lambda pair: pair[1].weak)[0])}"
    raise DataError(
        f"columns {columns}: each row is {kind.about.words} ({match.why}), not "
        f"{_wording(wants)}.\n    Use an objective that learns from rows of the shape "
        f"'{kind.shape}', or read them so all the same: {so}"
    )


def _name_of(kind: Format) -> str:
    return type(kind).__module__.rpartition(".")[2]


def _nothing_fits(sample: Sample, *, file: str, wants: str, format: str) -> DataError:
    columns = ", ".join(f"'{name}'" for name in sample.columns[:_SHOWN]) or "none"
    more = f" and {len(sample.columns) - _SHOWN} more" if len(sample.columns) > _SHOWN else ""
    asked = f"the format '{format}'" if format != "auto" else _wording(wants)
    shape = formats.get(format).shape if format != "auto" else wants
    names = known()
    guesses = [
        f"'{name}' looks like '{guess}'"
        for name in sample.columns[:_COMPARED]
        if name not in names and (guess := nearest(name, names, cutoff=_ALIKE))
    ]
    guessed = f" ({'; '.join(guesses[:3])})" if guesses else ""
    advice = _by_values(sample, wants, format) if sample.answered else ""
    advice = advice or _naming(sample, shape)
    return DataError(
        f"{file}: columns {columns}{more} are not recognised as {asked}{guessed}.\n"
        f"    {advice[:1].upper()}{advice[1:]}"
    )


def _by_values(sample: Sample, wants: str, format: str) -> str:
    """What the values of columns look like, for somebody to confirm; "" where they tell nothing."""
    # called as in a table without a header, of which formats go by the values alone
    names = {f"column_{place + 1}": name for place, name in enumerate(sample.columns)}
    records = [{own: record.get(name) for own, name in names.items()} for record in sample.records]
    unnamed = Sample(list(names), records, sample.answered)
    try:
        found = _forced(unnamed, format) if format != "auto" else _best(unnamed, wants, {})
    except DataError:
        return ""  # what is wrong with these values is no answer to what was asked
    if found is None:
        return ""
    columns = {canonical: names[own] for canonical, own in found[1].columns.items()}
    return f"by their values they may be {found[0].about.words}: data.columns = {_written(columns)}"


def _written(columns: Mapping[str, str]) -> str:
    """As YAML says it."""
    parts = (
        f"{canonical}: {name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False)}"
        for canonical, name in columns.items()
    )
    return f"{{{', '.join(parts)}}}"


def _naming(sample: Sample, shape: str) -> str:
    """How columns get names that are known; those that are to be predicted have no recipe."""
    if sample.answered:
        return f"name columns: data.columns = {_example(shape)}"
    names = dict.fromkeys(re.findall(r"(\w+):", _example(shape)))
    return f"call them as in the training file, or {', '.join(names)}"


def _example(shape: str) -> str:
    """Of `data.columns`, for rows of a shape."""
    kinds = sorted((kind for _, kind in formats.items()), key=lambda kind: kind.rank)
    fitting = [kind.about.example for kind in kinds if kind.shape == shape and kind.about.example]
    return " or ".join(dict.fromkeys(fitting)) or "{prompt: NAME, completion: NAME}"


def _wording(wants: str) -> str:
    """What rows of a shape are called, by the formats that read them."""
    kinds = sorted((kind for _, kind in formats.items()), key=lambda kind: kind.rank)
    words = dict.fromkeys(kind.about.words for kind in kinds if kind.shape == wants)
    return ", or ".join(words) or ("a row format" if wants == "auto" else wants)
