"""Which part of the data a file holds, by its name and those of its folders."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from luthier.core.errors import DataError

_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_PARTS = {word: part for part, words in _WORDS.items() for word in words}
_BETWEEN = re.compile(r"[-._ /0-9]+")


def part_of(name: str) -> str:
    """train, validation or test, as in `data/train-00000-of-00002.parquet`; empty: not said."""
    found = [_PARTS[word] for word in _BETWEEN.split(name.lower()) if word in _PARTS]
    return found[-1] if found else ""


def in_part(
    tables: Sequence[Path], part: str, *, folder: Path, name: str, has_sign: bool
) -> list[Path]:
    """Those of a folder's tables that are meant.

    Args: part: as said behind "#"; empty: not said. has_sign: whether the name may have one.
    Raises: DataError: none are; or tables of several parts, or of several data sets side by side.
    """
    relative = {path: path.relative_to(folder).as_posix() for path in tables}
    parts = {path: part_of(where) for path, where in relative.items()}
    found = Counter(parts.values())
    held = ", ".join(sorted(found))
    if part and not found[_PARTS.get(part, part)]:
        raise DataError(f"{name}: got '#{part}', expected one of the parts that it holds: {held}")
    if not part and len(found) > 1 and "" not in found:
        first = next(relative[path] for path in tables if parts[path] == min(found))
        named = "train" if "train" in found else min(found)
        one = f"{name}#{named}" if has_sign else f"{name}/{first}"
        raise DataError(
            f"{name}: it holds {held}, which are parts of the data and not to be learned "
            f"together.\n    Name each: data.train = {one}"
        )
    chosen = [path for path in tables if not part or parts[path] == _PARTS.get(part, part)]
    if part:
        _check_one_set(chosen, relative, name=name, part=part)
    return chosen


def _check_one_set(
    chosen: Sequence[Path], relative: Mapping[Path, str], *, name: str, part: str
) -> None:
    """Raises: DataError: the files of a part stand in several folders, each a set of its own."""
    sets = sorted({relative[path].rpartition("/")[0] for path in chosen})
    sets = [folder for folder in sets if not folder or not part_of(folder)]
    if len(sets) > 1:
        shown = ", ".join(folder or "." for folder in sets[:5])
        raise DataError(
            f"{name}#{part}: {len(sets)} folders hold such files ({shown}), a set each.\n"
            f"    Name one, such as {name}/{sets[-1]}#{part}, or several as a list"
        )
