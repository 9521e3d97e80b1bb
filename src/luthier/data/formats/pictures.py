"""A picture in a file of its own, with the name of its class."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from luthier.core import cache, files
from luthier.core.errors import DataError
from luthier.data.columns import LABEL, find, find_ending
from luthier.data.formats import formats
from luthier.data.formats._values import label_of, text_of
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape, Unusable
from luthier.data.picture_files import is_picture
from luthier.data.rows import Labeled, Row

PICTURE = (
    "picture", "image", "image_path", "picture_path", "file_name", "filename", "image_file",
    "img", "img_path", "path", "file",
)  # fmt: skip


@formats.add
class Pictures:
    """Paths are taken from the folder that the file stands in."""

    shape: ClassVar[Shape] = "labeled"
    canonical: ClassVar[tuple[str, ...]] = ("picture", "label")
    rank: ClassVar[int] = 45
    about: ClassVar[About] = About(
        words="a picture with its label",
        example="{picture: NAME, label: NAME}",
        targets=frozenset({"label"}),
        names=frozenset(PICTURE),
    )

    def recognise(self, sample: Sample) -> Match | None:
        column = find(PICTURE, sample.columns)
        if not column or not _are_mostly_pictures(sample, column):
            return None
        others = [name for name in sample.columns if name != column]
        label = find(LABEL, others) or find_ending(LABEL, others)
        if not label and sample.answered:
            return None
        named = f", '{label}' its class" if label else ""
        columns = {"picture": column} | ({"label": label} if label else {})
        return Match(columns, f"column '{column}' names a picture{named}")

    def parse(self, record: Record, context: Context) -> Labeled:
        path = text_of(context.value(record, "picture"), where=f"{context.origin}, picture")
        given = context.value(record, "label") if context.answered else None
        label = label_of(given, where=f"{context.origin}, label", missing=context.missing)
        if not path:
            raise Unusable("no picture")
        if context.answered and not label:
            raise Unusable("no label")
        place = _place(path, context)
        if not place.is_file():
            raise DataError(f"{context.origin}: no such picture: '{place}'")
        return Labeled(
            origin=context.origin,
            group=context.group(record),
            text="",
            label=label,
            picture=str(place),
            digest=files.sha256(place),
        )

    def record(self, row: Row) -> dict[str, Any] | None:
        assert isinstance(row, Labeled)
        path = str(Path(row.picture).absolute())
        return {"picture": path, "label": row.label} if row.picture else None


def _are_mostly_pictures(sample: Sample, column: str) -> bool:
    """One odd name among many does not make texts of the others."""
    values = [record.get(column) for record in sample.records]
    named = [value for value in values if isinstance(value, str) and is_picture(value)]
    return 2 * len(named) > len(values)


def _place(path: str, context: Context) -> Path:
    """Beside the file of rows; records of a folder, or at hand, name their pictures in full.

    Raises: DataError: a table in an archive, or from elsewhere, names something outside of it.
    """
    if context.folder is None:
        return Path(path).expanduser()
    is_here = Path(context.origin.file).expanduser().is_file()
    place = context.folder / path
    is_inside = ".." not in Path(path).parts and place.is_relative_to(
        cache.root() if Path(path).is_absolute() else context.folder
    )
    if not is_here and not is_inside:
        raise DataError(
            f"{context.origin}: picture '{path}' leads out of what the table came with.\n"
            "    If you trust it, unpack it yourself and name the table"
        )
    return place
