"""Which tables of a folder are meant, where names say what part of the data they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from luthier.core.errors import DataError
from luthier.data.parts import PARTS, Parted, part_of


def in_part(
    tables: Sequence[Path], part: str, *, folder: Path, name: str, has_sign: bool
) -> list[Path]:
    """Those of a folder's tables that are meant.

    Args: part: as said behind "#"; empty: not said. has_sign: whether the name may have one.
    Raises: Parted: tables of several parts, and none was named. DataError: there is none of the
        part; or there are several data sets side by side.
    """
    relative = {path: path.relative_to(folder).as_posix() for path in tables}
    parts = {path: part_of(where) for path, where in relative.items()}
    found = Counter(parts.values())
    held = ", ".join(sorted(filter(None, found)))
    if part and not found[PARTS.get(part, part)]:
        raise DataError(f"{name}: got '#{part}', expected one of the parts that it holds: {held}")
    named, num_others = set(filter(None, found)), found[""]
    if not part and len(named) > 1 and ("train" in named or not num_others):
        first = {parts[path]: f"{name}/{relative[path]}" for path in reversed(tables)}
        names = {each: f"{name}#{each}" if has_sign else first[each] for each in sorted(named)}
        is_told = "train" in named and (has_sign or all(found[each] == 1 for each in named))
        one = names["train"] if "train" in named else next(iter(names.values()))
        raise Parted(
            f"{name}: it holds {held}, which are parts of the data and not to be learned "
            f"together.\n    Name each: data.train = {one}",
            names=names if is_told else {},
            others=_others(num_others),
        )
    chosen = [path for path in tables if not part or parts[path] == PARTS.get(part, part)]
    if part:
        _check_one_set(chosen, relative, name=name, part=part)
    return chosen


def _others(number: int) -> str:
    return f"{number} other table{'s' if number > 1 else ''}" if number else ""


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
