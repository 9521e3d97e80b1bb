"""What a name in the recipe stands for: files that are open, found by the places that hold it."""

from __future__ import annotations

from pathlib import Path

from luthier.core.errors import DataError
from luthier.core.hints import nearest
from luthier.data.opened import Opened
from luthier.data.places import places
from luthier.data.places.contract import Place, Unreachable


def find(name: str, *, encoding: str) -> list[Opened]:
    """Every file that the name stands for.

    Raises: DataError: nothing is there, or it cannot be read.
    """
    if not name.strip():
        raise DataError(
            "data: got an empty name, expected a file, a folder or an address.\n"
            "    Is it a variable of the shell that was never set?"
        )
    try:
        place = _place_of(name)
    except OSError as error:
        raise DataError(
            f"{name[:200]}: cannot be looked for ({(error.strerror or str(error)).lower()}).\n"
            "    Give the path of a file that you may read"
        ) from None
    if place is None:
        raise DataError(
            f"{name}: no such file{_near(Path(name).expanduser())}\n"
            "    Give the path of a file that exists"
        )
    return place.find(name, encoding=encoding)


def find_one(name: str, *, encoding: str) -> Opened:
    """The one file that the name stands for.

    Raises: DataError: as `find`, or it stands for several.
    """
    found = find(name, encoding=encoding)
    if len(found) > 1:
        shown = ", ".join(one.name for one in found[:3])
        raise DataError(
            f"{name}: stands for {len(found)} files ({shown}, ...), expected one.\n    Name one"
        )
    return found[0]


def holds(name: str) -> bool:
    """Whether some place has the name."""
    try:
        return _place_of(name) is not None
    except OSError:  # too long for a file name
        return False


def reads(name: str, path: Path) -> bool:
    """Whether a file that is written to `path` is, or would be, one that the name stands for."""
    try:
        place = _place_of(name)
        return place is not None and place.reads(name, path)
    except OSError:  # whoever reads it says what is wrong
        return False


def digest(name: str) -> str | None:
    """SHA-256 of what was found under a name; empty: it is gone; None: nobody can say now."""
    try:
        place = _place_of(name)
        return place.digest(name) if place else ""
    except Unreachable as error:
        return "" if error.is_gone else None
    except (OSError, DataError):
        return ""


def _place_of(name: str) -> Place | None:
    kinds = (kind() for _, kind in places.items())
    return next((kind for kind in kinds if kind.holds(name)), None)


def _near(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"; the folder {folder} does not exist either"
    guess = nearest(path.name, [entry.name for entry in folder.iterdir() if entry.is_file()])
    return f"; did you mean '{guess}'?" if guess else ""
