"""A name stands for the files that it should: patterns, folders, archives, and what is in them."""

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from luthier.core.errors import DataError
from luthier.data.find import digest, find
from luthier.data.load import changed_files, load
from luthier.data.packings import _unpacked
from luthier.recipe.schema import DataSection


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def line(text: str) -> bytes:
    return (json.dumps({"text": text, "label": text[0]}) + "\n").encode()


Make = Callable[[Path, Mapping[str, bytes]], Path]
FILES = {"b.jsonl": line("b"), "a.jsonl": line("a"), "in/c.csv": b"text,label\nc,d\n"}


def folder_of(path: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def zip_of(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tar_of(path: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def read(name: str | Path) -> dict[str, list[str]]:
    """The texts of every file that a name stands for."""
    found = find(str(name), encoding="auto")
    return {one.name: [record["text"] for _, record in one.records] for one in found}


def test_a_pattern_stands_for_its_files_in_order(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "d", FILES)
    assert read(folder / "*.jsonl") == {
        str(folder / "a.jsonl"): ["a"],
        str(folder / "b.jsonl"): ["b"],
    }
    assert list(read(folder / "**" / "*.csv")) == [str(folder / "in" / "c.csv")]
    with pytest.raises(DataError, match=r"\*\.xml: no file matches"):
        read(folder / "*.xml")


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tmp_path: Path) -> None:
    path = tmp_path / "rows [1].jsonl"
    path.write_bytes(line("x"))
    assert read(path) == {str(path): ["x"]}


def test_a_folder_of_tables_is_all_of_them_and_not_its_readme(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "d", {**FILES, "README.md": b"about", ".hidden.csv": b"x"})
    names = [str(folder / name) for name in ("a.jsonl", "b.jsonl", "in/c.csv")]
    assert list(read(folder)) == names
    assert list(read(f"{folder}/")) == names


def test_a_folder_of_texts_has_a_row_for_each(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "d", {"a.txt": b"one\n\ntwo\n", "b.md": "zwölf".encode("cp1252")})
    assert read(folder) == {str(folder): ["one\n\ntwo", "zwölf"]}


def test_texts_in_folders_are_labelled_by_these(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "d", {"pos/1.txt": b"good", "neg/1.txt": b"bad", "x.bin": b"\0"})
    (one,) = find(str(folder), encoding="auto")
    assert [(r["text"], r["label"]) for _, r in one.records] == [("bad", "neg"), ("good", "pos")]
    assert "2 texts in 2 classes; 1 other file in it is not read" in one.notes[0]


def test_a_folder_around_all_texts_is_no_class(tmp_path: Path) -> None:
    files = {"all/pos/1.txt": b"good", "all/neg/1.txt": b"bad", "LICENSE": b"free"}
    folder = folder_of(tmp_path / "d", files)
    (one,) = find(str(folder), encoding="auto")
    assert [r["label"] for _, r in one.records] == ["neg", "pos"]
    assert (
        f"2 texts in 2 classes; 1 other file in it is not read; all of them below {folder}/all"
        in (one.notes[0])
    )


def test_parts_of_the_data_in_one_folder_are_to_be_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "d", {"train.jsonl": line("a"), "test.jsonl": line("b")})
    with pytest.raises(
        DataError, match=r"holds test, train, which are parts of the data.*\n.*Name"
    ):
        read(folder)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "d", {"a.jsonl": line("a")})
    (tmp_path / "secret.jsonl").write_bytes(line("s"))
    (folder / "b.jsonl").symlink_to(tmp_path / "secret.jsonl")
    with pytest.raises(DataError, match=r"b\.jsonl: is a link to .*secret\.jsonl, outside"):
        read(folder)
    (folder / "b.jsonl").unlink()
    (folder / "b.jsonl").symlink_to(folder / "a.jsonl")
    assert len(read(folder)) == 2


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize("name", ["rows.zip", "rows.tar.gz", "rows"])
def test_an_archive_is_read_as_a_folder(tmp_path: Path, make: Make, name: str) -> None:
    archive = make(tmp_path / name, FILES)
    assert read(archive) == {
        f"{archive}/a.jsonl": ["a"],
        f"{archive}/b.jsonl": ["b"],
        f"{archive}/in/c.csv": ["c"],
    }
    assert read(f"{archive}/in/c.csv") == {f"{archive}/in/c.csv": ["c"]}
    assert list(read(f"{archive}/in")) == [f"{archive}/in/c.csv"]
    with pytest.raises(DataError, match="no such file in the archive"):
        read(f"{archive}/none.csv")


def test_packed_tables_in_an_archive_are_unpacked_too(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", {"rows.jsonl.gz": gzip.compress(line("z"))})
    assert read(archive) == {f"{archive}/rows.jsonl.gz": ["z"]}


@pytest.mark.parametrize("name", ["../evil.jsonl", "/evil.jsonl", "a/../../evil.jsonl", "C:evil"])
@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_names_that_lead_out_of_an_archive_are_refused(
    tmp_path: Path, cache: Path, make: Make, name: str
) -> None:
    archive = make(tmp_path / "a.zip", {"ok.jsonl": line("a"), name: line("b")})
    with pytest.raises(DataError, match=r"a\.zip, member '.*evil.*': its name leads out"):
        read(archive)
    assert not list(cache.rglob("*.jsonl"))
    assert not list(tmp_path.rglob("evil*"))


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("x.jsonl")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(DataError, match=r"member 'x\.jsonl': is a link or a device"):
        read(tmp_path / "a.tar")


def test_an_archive_made_to_fill_the_disk_is_refused(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_unpacked, "FREE_BYTES", 1 << 20)
    archive = zip_of(tmp_path / "bomb.zip", {"a.jsonl": b"0" * (40 << 20)})
    with pytest.raises(DataError, match=r"bomb\.zip, member 'a\.jsonl': with it more than 300"):
        read(archive)
    assert not list(cache.rglob("a.jsonl"))


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_a_cut_archive_is_refused_and_leaves_nothing(
    tmp_path: Path, cache: Path, make: Make
) -> None:
    big = {"a.jsonl": b"".join(line(f"{i} {i * 7919 % 1000}") for i in range(3000))}
    data = make(tmp_path / "a.tar.gz", big).read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="damaged or cut off"):
        read(tmp_path / "a.tar.gz")
    assert not list(cache.rglob("*.jsonl"))


def test_a_run_knows_when_what_it_read_has_changed(tmp_path: Path) -> None:
    rows = {"a.jsonl": b"".join(line(f"{'ab'[i % 2]} {i}") for i in range(60))}
    archive = zip_of(tmp_path / "a.zip", rows)
    written = {f"{c}/{i}.txt": f"{c} {i}".encode() for c in "xy" for i in range(30)}
    texts = folder_of(tmp_path / "t", written)
    changes: list[tuple[Path, Callable[[], object]]] = [
        (archive, lambda: zip_of(archive, {"a.jsonl": line("a")})),
        (texts, lambda: (texts / "x" / "0.txt").write_text("other")),
    ]
    for name, change in changes:
        files = load(DataSection(train=str(name)), seed=0).files
        assert changed_files(files) == []
        change()
        assert changed_files(files) == list(files)
    assert digest(str(tmp_path / "gone.jsonl")) == ""


def test_a_file_that_a_pattern_names_again_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "d", FILES)
    both = [str(folder / "a.jsonl"), str(folder / "*.jsonl")]
    with pytest.raises(DataError, match=r"a\.jsonl is listed twice"):
        load(DataSection(train=both), seed=0)


def test_the_folder_of_a_model_is_no_data(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "m", {"config.json": b"{}", "vocab.txt": b"a\nb\n"})
    with pytest.raises(DataError, match="is the folder of a model, expected one of rows"):
        read(folder)


def test_a_name_that_cannot_be_looked_for_is_refused() -> None:
    with pytest.raises(DataError, match=r"cannot be looked for \(file name too long\)"):
        find("x" * 5000, encoding="auto")


def test_a_name_with_a_colon_in_an_archive_is_one(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", {"day:1.jsonl": line("a")})
    assert list(read(archive)) == [f"{archive}/day:1.jsonl"]


def test_what_a_system_puts_into_folders_is_no_data(tmp_path: Path) -> None:
    (tmp_path / "Thumbs.db").write_bytes(b"no database")
    (tmp_path / "desktop.ini").write_text("[Shell]")
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    assert [one.name for one in find(str(tmp_path), encoding="auto")] == [str(tmp_path / "a.jsonl")]


def test_runs_that_lie_among_the_data_are_no_data(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "first"
    run.mkdir(parents=True)
    for name in ("a.jsonl", "runs/first/predictions.jsonl", "runs/first/resolved.yaml"):
        (tmp_path / name).write_text('{"text": "a"}\n')
    both = [str(tmp_path / "a.jsonl"), str(run / "predictions.jsonl")]
    assert [one.name for one in find(str(tmp_path), encoding="auto")] == both
    (run / "environment.json").write_text("{}")
    assert [one.name for one in find(str(tmp_path), encoding="auto")] == both[:1]
    assert both[1] in [one.name for one in find(str(run), encoding="auto")]


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(DataError, match="got an empty name"):
        find("", encoding="auto")
