"""Typed tables become records of texts, numbers, lists and null: spreadsheets, Arrow, SQL, XML."""

import datetime
import io
import math
import sqlite3
import sys
import zipfile
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from luthier.core.errors import DataError, MissingExtra
from luthier.data.find import digest, find_one
from luthier.data.sources._cells import plain
from luthier.data.sources.contract import EXTRA

DAY = datetime.date(2024, 3, 1)


def read(name: str | Path) -> list[dict[str, Any]]:
    return [record for _, record in find_one(str(name), encoding="auto").records]


def cell(column: int, row: int, value: object) -> str:
    place = f'r="{chr(65 + column)}{row}"'
    if isinstance(value, datetime.date):
        return f'<c {place} s="1"><v>{(value - datetime.date(1899, 12, 30)).days}</v></c>'
    if isinstance(value, bool):
        return f'<c {place} t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f"<c {place}><v>{value}</v></c>"
    return f'<c {place} t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'


def xlsx(path: Path, sheets: dict[str, Sequence[Sequence[object]]], first_row: int = 1) -> Path:
    """A workbook as ECMA-376 describes it, with the parts that readers need."""
    office = "http://schemas.openxmlformats.org/officeDocument/2006"
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    numbers = range(1, len(sheets) + 1)
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-'
        f'package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="{kinds}'
        '.sheet.main+xml"/></Types>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        f'relationships"><Relationship Id="r1" Type="{office}/relationships/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/'
        'package/2006/relationships">'
        + "".join(
            f'<Relationship Id="s{n}" Type="{office}/relationships/worksheet" '
            f'Target="worksheets/sheet{n}.xml"/>'
            for n in numbers
        )
        + f'<Relationship Id="st" Type="{office}/relationships/styles" Target="styles.xml"/>'
        "</Relationships>",
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{office}/relationships"><sheets>'
        + "".join(
            f'<sheet name="{name}" sheetId="{n}" r:id="s{n}"/>'
            for n, name in zip(numbers, sheets, strict=True)
        )
        + "</sheets></workbook>",
        "xl/styles.xml": f'<styleSheet {main}><cellXfs count="2"><xf numFmtId="0"/>'
        '<xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>',
    }
    for number, rows in zip(numbers, sheets.values(), strict=True):
        lines = [
            f'<row r="{at}">' + "".join(cell(i, at, v) for i, v in enumerate(row)) + "</row>"
            for at, row in enumerate(rows, start=first_row)
        ]
        parts[f"xl/worksheets/sheet{number}.xml"] = (
            f"<worksheet {main}><sheetData>{''.join(lines)}</sheetData></worksheet>"
        )
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path


def test_a_spreadsheet_is_read_as_texts(tmp_path: Path) -> None:
    rows = [["text", "label"], ["naïve & <odd>", 7], ["", ""], [404, DAY], [1.5, True]]
    path = xlsx(tmp_path / "a.xlsx", {"Notes": [], "Rows": rows})
    opened = find_one(str(path), encoding="auto")
    assert list(opened.records) == [
        (2, {"text": "naïve & <odd>", "label": "7"}),
        (4, {"text": "404", "label": "2024-03-01"}),
        (5, {"text": "1.5", "label": "true"}),
    ]
    said = "sheet 'Rows' ('Notes' beside it: empty), first row is the header; 1 cells are dates"
    assert said in opened.notes[0]


def test_an_empty_sheet_beside_the_one_that_is_read_is_said(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "a.xlsx", {"train": [], "test": [["text", "label"], ["a", "b"]]})
    opened = find_one(str(path), encoding="auto")
    assert opened.notes[0].startswith("spreadsheet, sheet 'test' ('train' beside it: empty), first")


def test_a_spreadsheet_without_header_that_begins_below_numbers_its_columns(tmp_path: Path) -> None:
    rows = [["a long text of which no heading consists, as anyone can see", 1], ["x", 2, "more"]]
    path = xlsx(tmp_path / "a.xlsx", {"S": [*rows, ["y", 3]]}, first_row=4)
    found = list(find_one(str(path), encoding="auto").records)
    assert [line for line, _ in found] == [4, 5, 6]
    assert found[0][1]["column_2"] == "1"
    assert found[1][1] == {"column_1": "x", "column_2": "2", EXTRA: ["more"]}


def test_a_workbook_with_several_sheets_of_rows_is_refused(tmp_path: Path) -> None:
    rows = [["text", "label"], ["x", "y"]]
    path = xlsx(tmp_path / "a.xlsx", {"One": rows, "Two": rows})
    with pytest.raises(DataError, match=r"2 of its sheets hold rows \('One', 'Two'\).*\n.*#One'"):
        read(path)
    assert read(f"{path}#Two") == [{"text": "x", "label": "y"}]
    with pytest.raises(DataError, match=r"none of its sheets is called 'two'; did you mean 'Two'"):
        read(f"{path}#two")


@pytest.mark.parametrize(
    "data", [b"PK\x03\x04\x14\x00", b"\xd0\xcf\x11\xe0 cut off", b"text,label"]
)
def test_what_is_no_spreadsheet_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.xlsx").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.xlsx: not a readable spreadsheet .*\n.*CSV"):
        read(tmp_path / "a.xlsx")


TYPED = {"text": "a", "at": datetime.datetime(2024, 3, 1, 12, 30), "day": DAY,
         "price": Decimal("2.50"), "whole": Decimal("3"), "bytes": b"caf\xc3\xa9",
         "list": [{"n": Decimal("1.5")}], "nothing": None}  # fmt: skip
PLAIN = {"text": "a", "at": "2024-03-01 12:30:00", "day": "2024-03-01", "price": 2.5, "whole": 3,
         "bytes": "café", "list": [{"n": 1.5}], "nothing": None}  # fmt: skip


def test_decimals_that_are_no_numbers_stay_what_they_are() -> None:
    assert plain(Decimal("Infinity"), where="here") == math.inf
    assert math.isnan(plain(Decimal("NaN"), where="here"))


def test_parquet_and_arrow_give_plain_values(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([TYPED, {**TYPED, "text": "b"}])
    pq.write_table(table, tmp_path / "a.parquet")
    pyarrow.feather.write_feather(table, str(tmp_path / "a.feather"))
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as out:
        out.write_table(table)
    (tmp_path / "a.arrow").write_bytes(stream.getvalue())
    for name in ("a.parquet", "a.feather", "a.arrow"):
        assert read(tmp_path / name) == [PLAIN, {**PLAIN, "text": "b"}], name


@pytest.mark.parametrize("kept", [20, 300])
@pytest.mark.parametrize("kind", ["file", "stream"])
def test_a_cut_arrow_file_is_refused(tmp_path: Path, kind: str, kept: int) -> None:
    table, out = pa.table({"text": ["a" * 50] * 50}), io.BytesIO()
    make = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    with make(out, table.schema) as writer:
        writer.write_table(table)
    (tmp_path / "a.arrow").write_bytes(out.getvalue()[:kept])
    with pytest.raises(DataError, match=r"a\.arrow.*: not a readable Arrow file"):
        read(tmp_path / "a.arrow")


def database(path: Path, *tables: str) -> Path:
    with closing(sqlite3.connect(path)) as made, made:
        for table in tables:
            table = table.replace('"', '""')
            made.execute(f'CREATE TABLE "{table}" (text TEXT, label TEXT, n INTEGER)')
            made.executemany(
                f'INSERT INTO "{table}" VALUES (?, ?, ?)', [("a", "x", 1), ("b", "y: :z", None)]
            )
    return path


ROWS = [{"text": "a", "label": "x", "n": 1}, {"text": "b", "label": "y: :z", "n": None}]


def test_a_database_of_one_table_is_read(tmp_path: Path) -> None:
    assert read(database(tmp_path / "a.db", 'od"d')) == ROWS


def test_a_database_of_several_tables_wants_a_query(tmp_path: Path) -> None:
    path = database(tmp_path / "a.sqlite", "one", "two")
    with pytest.raises(DataError, match=r"2 of its tables hold rows \('one', 'two'\)"):
        read(path)
    assert read(f"{path}#one") == ROWS
    assert read(f"sqlite:///{path}#two") == ROWS
    found = find_one(f"sqlite:///{path}#SELECT text FROM one WHERE label LIKE '%: :z'", encoding="")
    assert list(found.records) == [(1, {"text": "b"})]


def test_the_same_rows_of_a_query_are_the_same_data_in_any_order(tmp_path: Path) -> None:
    path = database(tmp_path / "a.db", "t")
    up, down = (f"sqlite:///{path}#SELECT * FROM t ORDER BY text {way}" for way in ("ASC", "DESC"))
    before = digest(up)
    assert before == digest(down) == find_one(up, encoding="").sha256
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("INSERT INTO t VALUES ('c', 'x', 3)")
    assert digest(up) != before


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("DELETE FROM t", r"got 'DELETE FROM t' behind '#', expected a query that reads"),
        ("", r"got nothing behind '#'"),
        ("SELECT nope FROM t", r"the database answers: no such column: nope"),
        ("SELECT text, label AS text FROM t", r"gives column 'text' more than once"),
        ("WITH x AS (SELECT 1) INSERT INTO t SELECT 'd', 'x', 1", r"the database answers: .*read"),
    ],
)
def test_a_query_that_cannot_be_read_is_refused(tmp_path: Path, query: str, words: str) -> None:
    path = database(tmp_path / "a.db", "t")
    before = path.read_bytes()
    with pytest.raises(DataError, match=words):
        read(f"sqlite:///{path}#{query}")
    assert path.read_bytes() == before


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unable to open"):
        read(f"sqlite:///{tmp_path}/none.db#t")
    assert list(tmp_path.iterdir()) == []


def test_a_password_is_kept_out_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError) as caught:
        read("postgresql://me:secret@localhost/db#SELECT 1")
    assert "secret" not in str(caught.value)
    assert "postgresql://me:$PASSWORD@localhost/db: the address holds a password" in str(
        caught.value
    )
    monkeypatch.setenv("LUTHIER_TEST_PASSWORD", "secret")
    with pytest.raises(DataError, match="no driver for it is installed") as caught:
        read("postgresql+nodriver://me:$LUTHIER_TEST_PASSWORD@localhost/db#SELECT 1")
    assert "secret" not in str(caught.value)


XML = """<?xml version="1.0" encoding="{encoding}"?>
<!-- rows --><export xmlns="urn:x"><title>All</title><rows>
<row id="1"><text>naïve &amp; so</text><tag>a</tag><tag>b</tag></row>
<row id="2"><text>two <b>words</b> here</text><who><name>X</name></who></row>
</rows></export>"""


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "utf-16"])
def test_the_records_of_xml_are_what_repeats(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.xml").write_bytes(XML.format(encoding=encoding).encode(encoding))
    opened = find_one(str(tmp_path / "a.xml"), encoding="auto")
    assert [record for _, record in opened.records] == [
        {"id": "1", "text": "naïve & so", "tag": ["a", "b"]},
        {"id": "2", "text": {"b": "words", "text": "two  here"}, "who": {"name": "X"}},
    ]
    assert "a row per <row>" in opened.notes[0]


def test_broken_xml_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<?xml version='1.0'?>\n<a><r>1</r>\n<r>2</a>")
    with pytest.raises(
        DataError, match=r"a\.xml line 3, character \d+: not valid XML \(mismatched"
    ):
        read(tmp_path / "a.xml")
    (tmp_path / "b.xml").write_text("<?xml version='1.0'?>\n<a><r>1</r></a>")
    with pytest.raises(DataError, match="no element in it comes twice"):
        read(tmp_path / "b.xml")


def test_xml_made_to_fill_memory_is_refused(tmp_path: Path) -> None:
    names = "abcdefghij"
    entities = "".join(
        f'<!ENTITY {name} "{f"&{names[at - 1]};" * 10 if at else "laugh" * 10}">'
        for at, name in enumerate(names)
    )
    (tmp_path / "a.xml").write_text(
        f"<?xml version='1.0'?><!DOCTYPE r [{entities}]><r><x>&j;</x><x>&j;</x></r>"
    )
    with pytest.raises(DataError, match="not valid XML"):
        read(tmp_path / "a.xml")


@pytest.mark.parametrize(
    ("module", "name", "extra"),
    [
        ("python_calamine", "a.xlsx", "excel"),
        ("sqlalchemy", "sqlite:///a.db#t", "sql"),
        ("fsspec", "https://localhost/a.jsonl", "remote"),
    ],
)
def test_what_is_not_installed_is_answered_by_how_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str, extra: str
) -> None:
    monkeypatch.chdir(tmp_path)
    xlsx(tmp_path / "a.xlsx", {"S": [["text", "label"], ["a", "b"]]})
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"pip install 'luthier\[{extra}\]'"):
        read(name)


@pytest.mark.parametrize("header", ["text,label", "text;label", "text|label"])
def test_a_table_with_a_delimiter_for_every_line_is_refused_with_their_numbers(
    tmp_path: Path, header: str
) -> None:
    rows = "".join(f"some text {at}{',;|'[at % 3]}{'ab'[at % 2]}\n" for at in range(60))
    (tmp_path / "a.csv").write_text(f"{header}\n{rows}")
    with pytest.raises(
        DataError, match=r"a\.csv: no one delimiter parts its lines; of the first 61 .* bar in 2"
    ):
        read(tmp_path / "a.csv")


def test_a_column_of_texts_alone_may_hold_any_delimiter(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\nsome; text\nand | more\n")
    assert read(tmp_path / "a.csv") == [{"text": "some; text"}, {"text": "and | more"}]
