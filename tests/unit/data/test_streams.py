"""Files are read a piece at a time: the same records, the same lines, the same messages."""

import gc
import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import DataError
from luthier.data import content, read
from luthier.data.find import find_one
from luthier.data.ledger import Ledger
from luthier.data.opened import Opened
from luthier.data.parse import Reading, parse_file
from luthier.data.sources import csv

RECORDS: list[dict[str, Any]] = [
    {"text": 'it\'s "quoted" \\ and ünï\u2028code', "label": "a", "n": 12.5e3},
    {"text": "x" * 50, "label": "b", "n": -7},
    {"text": "", "label": "", "n": None},
    {"text": "last", "label": "c", "n": 123456},
]


def opened(path: Path) -> Opened:
    return find_one(str(path), encoding="auto")


@pytest.fixture(params=[1, 2, 7, 64, 1 << 20], ids=lambda size: f"pieces of {size}")
def pieces(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "PIECE_BYTES", request.param)
        yield


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("ascii", [True, False])
def test_an_array_is_the_same_in_any_pieces(tmp_path: Path, indent: int, ascii: bool) -> None:
    text = json.dumps(RECORDS, indent=indent, ensure_ascii=ascii)
    (tmp_path / "a.json").write_text(text)
    found = list(opened(tmp_path / "a.json").records)
    assert [record for _, record in found] == RECORDS
    assert [place for place, _ in found] == ([2, 7, 12, 17] if indent else [1, 2, 3, 4])


@pytest.mark.usefixtures("pieces")
def test_objects_are_the_same_in_any_pieces(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"version": [], "rows": RECORDS, "note": {"a": [1]}}, indent=1))
    assert [record for _, record in opened(path).records] == RECORDS
    path.write_text(json.dumps({str(i): record for i, record in enumerate(RECORDS)}, indent=1))
    keys = [(line, record["id"]) for line, record in opened(path).records]
    assert keys == [(2, "0"), (7, "1"), (12, "2"), (17, "3")]
    path.write_text('{"a": "x", "b": 12}')
    assert list(opened(path).records) == [(1, {"a": "x", "b": 12})]


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[\n{"a": 1},\n{"a": }\n]', r"line 3, character 7: .*expecting value.*\n.*Mend"),
        ('[\n{"a": 1},\n  {"a": "x', r"line 3, character 9: .*unterminated.*\n.*cut off"),
        ('[\n{"a": 1}\n', r"line 3, character 1: .*\n.*cut off"),
        ('[{"a": 1};\n{"a": 2}]', r"line 1, character 10: .*expecting ','.*\n.*Mend"),
        ('[{"a": 1}, {"a": tru', r"line 1, character 18: .*\n.*cut off"),
        ('[{"a": 1, "a": 2}]', r"line 1, character 2: .*stands twice"),
    ],
)
def test_what_is_wrong_with_json_is_named_in_any_pieces(
    tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=rf"a\.json {words}"):
        list(opened(tmp_path / "a.json").records)


def test_a_long_line_is_refused_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (content, csv):
        monkeypatch.setattr(module, "LONGEST_LINE", 1 << 20)
    long = "x" * (3 << 20)
    for name, text in (
        ("a.jsonl", f'{{"text": "a"}}\n{{"text": "{long}"}}\n'),
        ("a.txt", f"one\n{long}\n"),
        ("a.csv", f"text,label\n{long},b\n"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match=rf"{name} line 2: .*longer than 1 million"):
            list(opened(tmp_path / name).records)


def test_a_row_of_a_million_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,b\n" + ",".join(["x"] * 1_000_000) + "\n")
    with pytest.raises(DataError, match=r"a\.csv line 3: has 1,000,000 columns"):
        list(opened(tmp_path / "a.csv").records)


@pytest.mark.parametrize("before", [0, 3, 200])
def test_an_object_of_many_columns_is_refused_by_its_line(tmp_path: Path, before: int) -> None:
    wide = json.dumps({f"c{at}": at for at in range(20_000)})
    (tmp_path / "a.jsonl").write_text('{"text": "a", "label": "b"}\n' * before + wide + "\n")
    with pytest.raises(DataError, match=rf"a\.jsonl line {before + 1}: has 20,000 columns"):
        parse_file(str(tmp_path / "a.jsonl"), Reading(), Ledger())


def test_a_file_that_changes_while_it_is_read_ends_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n' * 100)
    records = opened(path).records
    next(records)
    with path.open("a") as file:
        file.write('{"text": "b"}\n')
    with pytest.raises(DataError, match="was changed while it was read"):
        list(records)


def test_a_file_that_vanishes_while_it_is_read_ends_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n' * 100)
    records = opened(path).records
    next(records)
    path.unlink()
    with pytest.raises(DataError, match=r"a\.jsonl: vanished while it was read\.\n    Put it back"):
        list(records)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.txt"])
def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for module in (content, read):
        monkeypatch.setattr(module, "HEAD_BYTES", 1 << 14)
    monkeypatch.setattr(content, "PIECE_BYTES", 1 << 14)
    row = json.dumps({"text": "some words " * 9, "label": "x"})
    peaks: dict[int, int] = {}
    for number in (10, 1_000, 20_000):  # the first only imports what is imported when used
        (tmp_path / name).write_text(
            {
                "a.jsonl": (row + "\n") * number,
                "a.json": "[" + ",\n".join([row] * number) + "]",
                "a.csv": "text,label\n" + "some words,x\n" * (10 * number),
                "a.txt": "some words\n" * (10 * number),
            }[name]
        )
        size = (tmp_path / name).stat().st_size
        gc.collect()
        tracemalloc.start()
        for _ in opened(tmp_path / name).records:
            pass
        peaks[size] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    _, small, large = peaks
    assert peaks[large] - peaks[small] < 0.04 * (large - small)  # held, it would be 1 or more


def test_a_pipe_is_refused_and_does_not_wait_for_ever(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(DataError, match=r"pipe\.jsonl: is a pipe or a device"):
        opened(tmp_path / "pipe.jsonl")
