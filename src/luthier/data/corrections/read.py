"""Files of corrections to what they say of each row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from luthier.core.errors import DataError
from luthier.core.hints import nearest
from luthier.data.corrections.correction import Correction, parsed


@dataclass(frozen=True, slots=True)
class Corrections:
    """What some files say."""

    by_key: dict[str, Correction]
    files: dict[str, str]
    """File as the user named it -> SHA-256 of its bytes."""


def read_corrections(names: str | Sequence[str]) -> Corrections:
    """What all the files say of the rows.

    Raises: DataError: a file is missing or damaged, or two lines contradict each other.
    """
    by_key: dict[str, Correction] = {}
    digests: dict[str, str] = {}
    for name in [names] if isinstance(names, str) else names:
        if name in digests:
            raise DataError(f"data.corrections: {name} is listed twice; expected each file once")
        content = _content(name)
        digests[name] = hashlib.sha256(content).hexdigest()
        for correction in corrections_in(content, file=name):
            before = by_key.setdefault(correction.key, correction)
            _refuse_two(before, correction)
    return Corrections(by_key, digests)


def corrections_in(content: bytes, *, file: str) -> list[Correction]:
    """The corrections of one file, in its order; blank lines are none.

    Raises: DataError: a line is none.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{file} line {line}: byte {content[error.start]:#04x} is no UTF-8; expected a file as "
            "luthier data label writes it.\n    Save it as UTF-8"
        ) from None
    lines = enumerate(text.split("\n"), start=1)
    return [parsed(line, file=file, line=number) for number, line in lines if line.strip()]


def _content(name: str) -> bytes:
    path = Path(name).expanduser()
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"{name}: no such file of corrections{_near(path)}\n"
            "    luthier data label writes one; or take data.corrections out"
        ) from None
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        raise DataError(f"{name}: corrections cannot be read ({said}).") from None


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f"; the folder {path.parent} does not exist either"
    guess = nearest(path.name, [item.name for item in path.parent.iterdir() if item.is_file()])
    return f"; did you mean '{guess}'?" if guess else ""


def _refuse_two(before: Correction, after: Correction) -> None:
    if (before.what, before.value) != (after.what, after.value):
        raise DataError(
            f"{before.place} and {after.place} contradict each other about the same row"
            f"{f' ({after.at})' if after.at else ''}: {_said(before)} and {_said(after)}.\n"
            "    Delete one of the lines"
        )


def _said(correction: Correction) -> str:
    return (
        correction.what
        if correction.value is True
        else f"{correction.what} {correction.value!r:.60}"
    )
