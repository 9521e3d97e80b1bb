"""Files that hold rows, if at all, inside something else: told by their first bytes."""

from __future__ import annotations

from luthier.core.errors import DataError

_UNPACK = "Unpack it, and name the file that comes out"
_SAVE = "Open it and save the table as CSV (UTF-8), then name that file"
_KINDS = (
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
    (b"\xfd7zXZ\x00", "an xz archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"BZh91AY&SY", "a bzip2 archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file, such as .xls", _SAVE),
    (b"%PDF-", "a PDF", "Save its text, or its table as CSV, then name that file"),
    (b"SQLite format 3\x00", "an SQLite database", "Export the table as CSV, then name that file"),
    (b"ARROW1", "an Arrow (Feather) file", "Save it as Parquet, then name that file"),
)
_ZIP = b"PK\x03\x04"
_TABLES = ("xlsx", "xlsm", "ods")


def refuse_packed(data: bytes, *, file: str, suffix: str) -> None:
    """Nothing, for a file that may be text.

    Raises: DataError: it is an archive, a spreadsheet or the like; with what to do.
    """
    if data.startswith(_ZIP):
        is_table = suffix in _TABLES or b"xl/" in data[:4096]
        what, todo = ("a spreadsheet", _SAVE) if is_table else ("a ZIP archive", _UNPACK)
        raise _refusal(file, what, todo)
    for start, what, todo in _KINDS:
        if data.startswith(start):
            raise _refusal(file, what, todo)


def _refusal(file: str, what: str, todo: str) -> DataError:
    return DataError(f"{file}: is {what}; expected rows as text or Parquet.\n    {todo}")
