"""Which files of a folder are meant, where names say what part of the data they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from luthier.core.errors import DataError
from luthier.data.parts import PARTS, Parted, are_alike, part_of, says_only, word_of


def in_part(
    tables: Sequence[Path], part: str, *, folder: Path, name: str, has_sign: bool
) -> list[Path]:
    """Those of a folder's tables that are meant.

    Args: part: as said behind "#"; empty: not said. has_sign: whether the name may have one.
    Raises: Parted: tables of several parts, and none was named. DataError: there is none of the
        part; or there are several data sets side by side.
    """
    relative = {path: path.relative_to(folder).as_posix() for path in tables}
    if not part:
        full = {where: f"{name}/{where}" for where in relative.values()}
        refuse_parts(full, name=name, has_sign=has_sign)
        return list(tables)
    parts = {path: part_of(where) for path, where in relative.items()}
    wanted = _known(part, parts.values(), name=name)
    chosen = [path for path in tables if parts[path] == wanted]
    _check_one_set(chosen, relative, name=name, part=part)
    return chosen


def refuse_parts(files: Mapping[str, str], *, name: str, has_sign: bool = False) -> None:
    """Nothing, where files may be learned together.

    Args: files: where each lies in what `name` stands for -> its own name.
    Raises: Parted: some are train and others validation or test, or some are the test and of the
        others nothing is said.
    """
    words = {where: word for where in files if (word := word_of(where))}
    counts = Counter(PARTS[word] for word in words.values())
    others = [full for where, full in files.items() if where not in words]
    has_test = any(says_only(where) not in ("", "train") for where in files)
    is_whole = len(counts) > 1 and ("train" in counts or not others)
    if not is_whole and not (has_test and (others or len(counts) > 1)):
        return
    first = {PARTS[words[where]]: files[where] for where in reversed(list(words))}
    names = {part: f"{name}#{part}" if has_sign else first[part] for part in sorted(counts)}
    is_one_each = has_sign or set(counts.values()) == {1}
    is_told = "train" in counts and is_one_each and not are_alike(set(words.values()))
    rest = _number(len(others), "other table")
    raise _parted(name, names, one=(others or [""])[0], rest=rest, is_told=is_told)


def inside(members: Sequence[Path], part: str, *, folder: Path, name: str) -> Path | None:
    """The folder or file of a part of a folder's texts or pictures; None: all of them are meant.

    Parts are folders called `train`, `test` and so on, or plain texts such as `train.txt`.
    Args: part: as said behind "#"; empty: not said.
    Raises: Parted: there are several, and none was named. DataError: there is none of the part.
    """
    heads = list(dict.fromkeys(folder / path.relative_to(folder).parts[0] for path in members))
    words = {head: word for head in heads if (word := _word(head))}
    if part:
        wanted = _known(part, [PARTS[word] for word in words.values()], name=name)
        chosen = [head for head, word in words.items() if PARTS[word] == wanted]
        if len(chosen) > 1:
            shown = ", ".join(f"{name}/{head.name}" for head in chosen)
            raise DataError(f"{name}#{part}: may be each of {shown}.\n    Name one of them")
        return chosen[0]
    parts = {PARTS[word] for word in words.values()}
    others = [head for head in heads if head not in words]
    if len(parts) < 2 or ("train" not in parts and others):
        return None
    names = {PARTS[word]: f"{name}/{head.name}" for head, word in words.items()}
    is_told = len(names) == len(words) and "train" in parts
    is_told &= not any(head.is_dir() for head in others)  # "unsup" beside "train" and "test"
    raise _parted(name, names, one="", rest=_number(len(others), "other"), is_told=is_told)


def is_called(head: Path, part: str) -> bool:
    """Whether a folder or a plain text has a word for its name that stands for this part."""
    word = _word(head)
    return bool(word) and PARTS[word] == PARTS.get(part.lower(), part)


def _word(head: Path) -> str:
    """The word for a part that a folder or a plain text is called; empty: none."""
    is_part = head.is_dir() or head.suffix.lower() == ".txt"
    word = head.name.removesuffix(head.suffix).lower()
    return word if is_part and word in PARTS else ""


def _parted(name: str, names: Mapping[str, str], *, one: str, rest: str, is_told: bool) -> Parted:
    """Args: one: of what no part is said, the first. rest: all of these, in words."""
    held = ", ".join(sorted(names))
    held += f" and {rest}" if rest and "train" not in names else ""
    shown = names.get("train") or one or next(iter(names.values()))
    return Parted(
        f"{name}: it holds {held}, which are parts of the data and not to be learned together.",
        one=shown,
        names=names if is_told else {},
        others=rest,
    )


def _known(part: str, parts: Iterable[str], *, name: str) -> str:
    """train, validation or test. Raises: DataError: there is none of it."""
    held = set(filter(None, parts))
    wanted = PARTS.get(part.lower(), part)
    if wanted not in held:
        known = ", ".join(sorted(held)) or "none is told by a name"
        raise DataError(f"{name}: got '#{part}', expected one of the parts that it holds: {known}")
    return wanted


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}" if number else ""


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
