"""Files become records with the line each begins on, whatever their line ends and quoting."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.core.errors import DataError
from luthier.data.content import Content
from luthier.data.find import digest, find_one
from luthier.data.ledger import Ledger
from luthier.data.parse import Reading, parse_file
from luthier.data.sources.contract import EXTRA
from luthier.data.sources.csv import Delimited

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=12)


def read(folder: Path, name: str, content: str | bytes) -> tuple[str, list[tuple[int, Any]]]:
    data = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(data)
    opened = find_one(str(folder / name), encoding="auto")
    return opened.kind, list(opened.records)


def held(name: str, text: str) -> Content:
    """A text in memory as a file."""
    data = text.encode()
    return Content(
        name, name.rpartition(".")[2], lambda: io.BytesIO(data), data, codec="utf-8", text=text
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_json_lines_keep_their_line_numbers_with_every_line_end(tmp_path: Path, end: str) -> None:
    lines = end.join(['{"text": "a\\u0085b\x85c"}', "", '{"text": "d"}', ""])
    kind, records = read(tmp_path, "a.jsonl", lines)
    assert kind == "jsonl"
    assert records == [(1, {"text": "a\x85b\x85c"}), (3, {"text": "d"})]


def test_unusual_separators_and_zero_bytes_stay_inside_their_string(tmp_path: Path) -> None:
    text = "a\u2028b\u2029c\x0bd\x0ce\x1cf\0g"
    _, records = read(tmp_path, "a.jsonl", json.dumps({"text": text}, ensure_ascii=False) + "\n")
    assert records == [(1, {"text": text})]


def test_cut_json_on_line_five_is_named_with_its_line(tmp_path: Path) -> None:
    lines = ['{"text": "fine"}'] * 4 + ['{"text": "cu', '{"text": "fine"}']
    with pytest.raises(DataError, match=r"a\.jsonl line 5, character \d+: not valid JSON"):
        read(tmp_path, "a.jsonl", "\n".join(lines))


def test_a_half_written_last_line_is_called_cut_off(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="looks cut off"):
        read(tmp_path, "a.jsonl", '{"text": "fine"}\n{"text": "ha')


@pytest.mark.parametrize("last", ['{"a": 1, "a": 2}', "x", '{"a": 1} {', '{"a": [1 2]}'])
def test_a_last_line_that_is_whole_and_wrong_is_not_called_cut_off(
    tmp_path: Path, last: str
) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"a": 1}}\n{{"a": 2}}\n{last}\n')
    with pytest.raises(DataError, match=r"line 3, character \d+: .*\n    Mend or delete that line"):
        list(find_one(str(tmp_path / "a.jsonl"), encoding="auto").records)


def test_a_json_array_gives_the_line_of_every_element(tmp_path: Path) -> None:
    document = json.dumps([{"a": 1}, {"a": 2}], indent=2)
    assert read(tmp_path, "a.json", document) == ("json", [(2, {"a": 1}), (5, {"a": 2})])


def test_a_json_object_keyed_by_id_keeps_the_id(tmp_path: Path) -> None:
    _, records = read(tmp_path, "a.json", '{"x": {"text": "one"},\n "y": {"text": "two"}}')
    assert records == [(1, {"id": "x", "text": "one"}), (2, {"id": "y", "text": "two"})]


def test_an_array_under_a_key_is_found(tmp_path: Path) -> None:
    _, records = read(tmp_path, "a.json", '{"version": 1,\n "data": [{"a": 1},\n {"a": 2}]}')
    assert records == [(2, {"a": 1}), (3, {"a": 2})]


def test_several_arrays_in_one_object_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'train', 'test'"):
        read(tmp_path, "a.json", '{"train": [{"a": 1}], "test": [{"a": 2}]}')


@pytest.mark.parametrize("name", ["a.json", "a.txt", "a.csv", "a", "a.jsonl"])
def test_json_lines_are_recognised_under_any_extension(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, name, '{"a": 1}\n{"a": 2}\n')[0] == "jsonl"


def test_an_array_under_a_json_lines_extension_is_recognised(tmp_path: Path) -> None:
    assert read(tmp_path, "a.jsonl", '[\n{"a": 1},\n{"a": 2}\n]')[1] == [
        (2, {"a": 1}),
        (3, {"a": 2}),
    ]


@pytest.mark.parametrize("mark", ["'", ","])
def test_broken_json_documents_name_the_line(tmp_path: Path, mark: str) -> None:
    with pytest.raises(DataError, match=r"a\.json line 3"):
        read(tmp_path, "a.json", '[\n{"a": 1},\n{"a": 2}' + mark + ";\n]")


def test_a_number_where_a_record_belongs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.jsonl line 2: got 7, expected an object"):
        read(tmp_path, "a.jsonl", '{"a": 1}\n7\n')


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_delimited_text_is_read_with_any_delimiter_and_line_end(
    tmp_path: Path, delimiter: str, end: str
) -> None:
    rows = ["text,label", '"a, b",x', '"two\nlines; ""quoted""",y', "plain,x"]
    content = "\n".join(rows).replace(",", delimiter).replace("\n", end)
    comma = f"a{delimiter} b"
    _, records = read(tmp_path, "a.csv", content)
    assert records == [
        (2, {"text": comma, "label": "x"}),
        (3, {"text": f'two{end}lines; "quoted"', "label": "y"}),
        (5, {"text": "plain", "label": "x"}),
    ]


@given(
    rows=st.lists(st.tuples(WORDS, WORDS.filter(str.strip)), min_size=1, max_size=6),
    delimiter=st.sampled_from([",", "\t", ";"]),
)
def test_what_a_csv_writer_quotes_is_read_back(rows: list[tuple[str, str]], delimiter: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "label"), *rows])
    records, _ = Delimited().read(held("a.csv", out.getvalue()))
    assert [(r["text"], r["label"]) for _, r in records] == rows


def test_a_file_without_a_header_numbers_its_columns(tmp_path: Path) -> None:
    _, records = read(tmp_path, "a.tsv", "a good film\t1\na bad film\t0\nso so\t0\n")
    assert records[0] == (1, {"column_1": "a good film", "column_2": "1"})
    assert len(records) == 3


def test_texts_that_begin_with_a_quotation_are_not_quoting(tmp_path: Path) -> None:
    lines = ['ham\t"Hello" she said', 'spam\t"Win now', "ham\tsee you"] + ["ham\tok"] * 9
    _, records = read(tmp_path, "a.tsv", "\n".join(lines))
    assert [record["column_2"] for _, record in records][:3] == [
        '"Hello" she said',
        '"Win now',
        "see you",
    ]
    assert len(records) == 12


@pytest.mark.parametrize("around", ["{}", '{{"data": {}}}', "\n{}\n"])
def test_rows_on_one_line_of_json_are_told_by_their_number(tmp_path: Path, around: str) -> None:
    rows = [{"text": "a", "label": "x"}, {"text": "b", "label": ""}, {"text": "c", "label": "y"}]
    path, ledger = tmp_path / "a.json", Ledger()
    path.write_text(around.format(json.dumps(rows)))
    parsed = parse_file(str(path), Reading(), ledger)
    assert [str(row.origin) for row in parsed.rows] == [f"{path} row 1", f"{path} row 3"]
    assert ledger.dropped["no label"].examples == [f"{path} row 2"]
    path.write_text(around.format(json.dumps([*rows, {"text": 7, "label": "x"}])))
    with pytest.raises(DataError, match=r"a\.json row 4, text: got 7"):
        parse_file(str(path), Reading(), Ledger())
    path.write_text(around.format(json.dumps([*rows, 7])))
    with pytest.raises(DataError, match=r"a\.json row 4: got 7"):
        parse_file(str(path), Reading(), Ledger())


def test_an_empty_array_beside_the_one_that_is_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"train": [], "test": [{"text": "a"}]}')
    opened = find_one(str(path), encoding="auto")
    assert opened.notes[0] == "the JSON array under 'test' ('train' beside it: empty)"


def test_rows_on_lines_of_their_own_are_told_by_these(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"text": "a"},\n{"text": "b"}]')
    rows = parse_file(str(path), Reading(), Ledger()).rows
    assert [str(row.origin) for row in rows] == [f"{path} line 1", f"{path} line 2"]


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a"])
@pytest.mark.parametrize("mark", [";", ",", "|", ":", "\t"])
@pytest.mark.parametrize("start", ["sep={}\r\n", '"sep={}"\r\n', "sep={}\r", "\ufeffsep={}\n"])
def test_a_first_line_may_say_the_delimiter(
    tmp_path: Path, name: str, mark: str, start: str
) -> None:
    end = start.removeprefix("\ufeff").partition("}")[2].lstrip('"')
    rows = [("Text", "Label"), ("so, and; so", "good"), ("so", "bad")]
    lines = [mark.join(f'"{cell}"' if mark in cell else cell for cell in row) for row in rows]
    path = tmp_path / name
    path.write_bytes((start.format(mark) + end.join([*lines, ""])).encode())
    opened = find_one(str(path), encoding="auto")
    first, *_ = opened.notes
    assert list(opened.records) == [
        (3, {"Text": "so, and; so", "Label": "good"}),
        (4, {"Text": "so", "Label": "bad"}),
    ]
    assert "-separated, as its first line says" in first
    assert "second line is the header" in first


def test_a_quote_below_a_said_delimiter_is_named_with_its_line(tmp_path: Path) -> None:
    rows = [*(f'"text {at}";x' for at in range(5)), '"open;x', "more;y"]
    with pytest.raises(DataError, match=r"a\.csv line 8: .*not closed"):
        read(tmp_path, "a.csv", "\n".join(["sep=;", "text;label", *rows]))


def test_a_quote_that_is_never_closed_is_named_with_the_first_line_of_its_record(
    tmp_path: Path,
) -> None:
    rows = [f'"text, {i}",x' if i % 7 == 0 else f"text {i},x" for i in range(200)]
    rows[100] = '"text 100,x'
    with pytest.raises(DataError, match=r"a\.csv line 102: .*not closed .*lines 102 to 107"):
        read(tmp_path, "a.csv", "\n".join(["text,label", *rows]))
    rows[107:] = [f"text {i},x" for i in range(107, 200)]
    rows[105] = "text 105,x"
    with pytest.raises(DataError, match=r"a\.csv line 102: .*lines 102 to 201 would be one row"):
        read(tmp_path, "a.csv", "\n".join(["text,label", *rows]))


def test_one_open_quote_among_quoted_texts_joins_no_rows(tmp_path: Path) -> None:
    rows = [f'"text {i}",x' for i in range(200)]
    rows[100] = '"text 100,x'
    with pytest.raises(DataError, match=r"a\.csv line 102: .*\n.*Close it"):
        read(tmp_path, "a.csv", "\n".join(["text,label", *rows]))
    rows[100] = '"text" 100,x'
    with pytest.raises(DataError, match=r"a\.csv line 102: .*text follows the quote"):
        read(tmp_path, "a.csv", "\n".join(["text,label", *rows]))


def test_fields_without_a_heading_are_kept_apart(tmp_path: Path) -> None:
    _, records = read(tmp_path, "a.csv", "text,label\none,x\ntwo,y,z\n")
    assert records[1][1][EXTRA] == ["z"]


def test_a_heading_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column 'text' more than once"):
        read(tmp_path, "a.csv", "text,text\na,b\n")


def test_a_text_file_with_a_known_header_is_delimited(tmp_path: Path) -> None:
    kind, records = read(tmp_path, "train.txt", "text;label_name\ni feel good;joy\n")
    assert (kind, records) == ("csv", [(2, {"text": "i feel good", "label_name": "joy"})])


def test_a_text_file_with_a_tab_in_every_line_is_delimited(tmp_path: Path) -> None:
    kind, records = read(tmp_path, "yelp.txt", "Loved it.\t1\nCrust is \x85 not good.\t0\n")
    assert kind == "csv"
    assert records[1] == (2, {"column_1": "Crust is \x85 not good.", "column_2": "0"})


def test_plain_text_is_a_row_per_paragraph_or_else_per_line(tmp_path: Path) -> None:
    assert read(tmp_path, "a.txt", "one\ntwo\n")[1] == [(1, {"text": "one"}), (2, {"text": "two"})]
    assert read(tmp_path, "b.md", "\none\ntwo\n\nthree\n")[1] == [
        (2, {"text": "one\ntwo"}),
        (5, {"text": "three"}),
    ]


def test_parquet_rows_are_counted_from_one(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", "b"], "label": [0, 1]})
    pq.write_table(table, tmp_path / "a.parquet")
    opened = find_one(str(tmp_path / "a.parquet"), encoding="auto")
    assert list(opened.records) == [
        (1, {"text": "a", "label": 0}),
        (2, {"text": "b", "label": 1}),
    ]


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"] * 100}), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read(tmp_path, "b.parquet", whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read(tmp_path, "c.parquet", b"nonsense")


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("[" * 100_000, "nested too deep"),
        ('{"a": ' * 100_000, "nested too deep"),
        ("9" * 5_000, "too many digits"),
        ('{"b": 1, "b": 2}', "key 'b' stands twice in one object, with different values"),
    ],
)
def test_json_that_cannot_be_held_is_named_with_its_line(
    tmp_path: Path, name: str, value: str, problem: str
) -> None:
    lines = ['{"a": 1}', '{"a": ' + value + "}", '{"a": 2}']
    document = "\n".join(lines) if name == "a.jsonl" else "[" + ",\n".join(lines) + "]"
    with pytest.raises(DataError, match=rf"{name} line 2.*{problem}"):
        read(tmp_path, name, document)


def test_a_key_that_comes_twice_with_one_value_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, "a.jsonl", '{"a": 1, "a": 1}')[1] == [(1, {"a": 1})]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.pptx", b"PK\x03\x04\x14\x00", r"Office document.*\n.*CSV"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"Office document"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c....", r"7-Zip archive.*\n.*Unpack it"),
    ],
)
def test_a_packed_file_is_called_what_it_is(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    with pytest.raises(DataError, match=rf"{name}: is an? (old )?{words}"):
        read(tmp_path, name, content)


@pytest.mark.parametrize(("content", "words"), [(b"", "empty"), (b" \n\r\n", "white space")])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(DataError, match=rf"{words}.*\n.*Write it again"):
        read(tmp_path, "a.jsonl", content)


def test_a_missing_file_offers_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "tickets.jsonl").write_text("{}")
    with pytest.raises(DataError, match=r"did you mean 'tickets\.jsonl'"):
        find_one(str(tmp_path / "ticket.jsonl"), encoding="auto")


def test_a_path_with_spaces_and_umlauts_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, "häufige Fragen.jsonl", '{"text": "a"}\n')[1] == [(1, {"text": "a"})]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "cp1252"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_every_encoding_gives_the_same_records(tmp_path: Path, encoding: str, name: str) -> None:
    content = '{"text": "café", "label": "é"}\n' if name == "a.jsonl" else "text,label\ncafé,é\n"
    records = read(tmp_path, name, content.encode(encoding))[1]
    assert [record for _, record in records] == [{"text": "café", "label": "é"}]


def test_quotes_after_a_backslash_are_text_where_the_file_is_written_so(tmp_path: Path) -> None:
    rows = 'text,label\n"say \\"hi\\", twice",a\n"plain, too",b\n"C:\\\\dir",c\n'
    (tmp_path / "a.csv").write_text(rows)
    opened = find_one(str(tmp_path / "a.csv"), encoding="auto")
    texts = [record["text"] for _, record in opened.records]
    assert texts == ['say "hi", twice', "plain, too", "C:\\dir"]
    assert "quotes after a backslash are text" in opened.notes[0]


def test_a_backslash_before_a_closing_quote_is_a_backslash(tmp_path: Path) -> None:
    records = read(tmp_path, "a.csv", 'text,label\n"C:\\dir\\","a"\n"x, y","b"\n')[1]
    assert [record["text"] for _, record in records] == ["C:\\dir\\", "x, y"]


def test_the_odd_quotation_in_a_table_of_tabs_is_text(tmp_path: Path) -> None:
    lines = ["plain words here\t1.5"] * 20 + ['"We are ready," he said.\t2.0', '"Ready"\t3.0\tmore']
    records = read(tmp_path, "a.tsv", "\n".join(lines) + "\n")[1]
    assert records[20][1]["column_1"] == '"We are ready," he said.'
    assert records[21][1] == {"column_1": '"Ready"', "column_2": "3.0", "column_3": "more"}


def test_an_array_of_several_is_named_behind_the_file(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    path.write_text('{"train": [{"a": 1}], "test": [{"a": 2}], "none": [], "version": 1}')
    records = find_one(f"{path}#test", encoding="auto").records
    assert list(records) == [(1, {"a": 2})]
    assert digest(f"{path}#test") == digest(str(path)) != ""
    with pytest.raises(DataError, match=r"2 of its arrays hold rows .*\n.*all\.json#train'"):
        find_one(str(path), encoding="auto")
    with pytest.raises(DataError, match=r"none of its arrays is called 'trian'; did you mean"):
        find_one(f"{path}#trian", encoding="auto")
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    with pytest.raises(DataError, match=r"has no parts, so there is no 'x' in it"):
        find_one(f"{tmp_path}/a.jsonl#x", encoding="auto")
    (tmp_path / "b#2.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    assert len(list(find_one(str(tmp_path / "b#2.jsonl"), encoding="auto").records)) == 2


def test_binary_data_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.csv: holds binary data of a kind that is not known"):
        read(tmp_path, "a.csv", bytes(range(256)) * 20)
