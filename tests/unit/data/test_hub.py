"""Data sets of the hub are read from its local cache; saved ones are read by their state."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from luthier.core import amount
from luthier.core.amount import told_to
from luthier.core.errors import DataError
from luthier.data.find import digest, find, find_one
from luthier.data.places._hub_meter import meter

COMMIT = "a" * 40


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's local cache; nothing is asked of the network."""
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "luthier"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def line(text: str) -> bytes:
    return (json.dumps({"text": text}) + "\n").encode()


def cached(cache: Path, files: Mapping[str, bytes], *, ref: str = "main") -> None:
    """The layout of the cache: names are links to blobs."""
    store = cache / "datasets--luthiers--wood"
    (store / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
    (store / "refs" / ref).write_text(COMMIT)
    (store / "blobs").mkdir(exist_ok=True)
    for name, data in files.items():
        blob = store / "blobs" / hashlib.sha256(data).hexdigest()
        blob.write_bytes(data)
        link = store / "snapshots" / COMMIT / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)


def read(name: str) -> dict[str, list[Any]]:
    found = find(name, encoding="auto")
    return {one.name: [record["text"] for _, record in one.records] for one in found}


PARTS = {
    "README.md": b"# Wood\n",
    "dataset_infos.json": b"{}",
    "data/train-00000-of-00002.jsonl": line("a"),
    "data/train-00001-of-00002.jsonl": line("b"),
    "data/test-00000-of-00001.jsonl": line("c"),
}
WOOD = "hf://datasets/luthiers/wood"


def test_a_part_of_a_cached_set_is_read_without_a_network(cache: Path) -> None:
    cached(cache, PARTS)
    found = read(f"{WOOD}#train")
    first = f"{WOOD}/data/train-00000-of-00002.jsonl"
    (one, _) = find(f"{WOOD}#train", encoding="auto")
    assert one.notes[-1] == "of the hub's local cache, commit aaaaaaaaaaaa"
    assert found == {first: ["a"], first.replace("00000", "00001"): ["b"]}
    assert read(f"{WOOD}#test") == {f"{WOOD}/data/test-00000-of-00001.jsonl": ["c"]}
    assert read(first) == {first: ["a"]}
    assert digest(first) == hashlib.sha256(line("a")).hexdigest()


def test_parts_of_a_set_are_to_be_named(cache: Path) -> None:
    cached(cache, PARTS)
    with pytest.raises(DataError, match=rf"holds test, train, .*\n.*data\.train = {WOOD}#train"):
        read(WOOD)
    with pytest.raises(DataError, match=r"got '#validation', expected one of .*: test, train"):
        read(f"{WOOD}#validation")


def test_a_set_of_one_part_is_all_of_it(cache: Path) -> None:
    cached(cache, {"rows.jsonl": line("a"), ".gitattributes": b"x"})
    assert read(WOOD) == {f"{WOOD}/rows.jsonl": ["a"]}


def test_sets_side_by_side_are_not_read_together(cache: Path) -> None:
    cached(cache, {"sst2/train.jsonl": line("a"), "cola/train.jsonl": line("b")})
    with pytest.raises(DataError, match=rf"2 folders hold .*cola, sst2.*\n.*{WOOD}/sst2#train"):
        read(f"{WOOD}#train")
    assert read(f"{WOOD}/sst2#train") == {f"{WOOD}/sst2/train.jsonl": ["a"]}


@pytest.mark.parametrize("ref", ["v1.0", "refs/convert/parquet"])
def test_a_revision_may_stand_behind_the_set_or_at_the_end(cache: Path, ref: str) -> None:
    cached(cache, {"in/rows.jsonl": line("a")}, ref=ref)
    name = f"{WOOD}@{ref}/in/rows.jsonl"
    assert read(name) == {name: ["a"]}
    assert read(f"{WOOD}@{ref}") == {name: ["a"]}


def test_texts_and_pictures_of_a_set_are_read_as_a_folder(cache: Path) -> None:
    cached(cache, {"pos/1.txt": b"good", "neg/1.txt": b"bad"})
    (one,) = find(WOOD, encoding="auto")
    assert [(r["text"], r["label"]) for _, r in one.records] == [("bad", "neg"), ("good", "pos")]
    assert digest(WOOD) == one.sha256


@pytest.mark.parametrize("name", [WOOD, f"{WOOD}/none.csv", f"{WOOD}@v9"])
def test_a_set_that_is_not_cached_tells_what_to_do(name: str) -> None:
    with pytest.raises(DataError, match=r"not in the hub's local cache.*HF_HUB_OFFLINE.*\n.*name"):
        read(name)


@pytest.mark.parametrize("name", ["hf://squad", "hf://datasets/squad", "hf://models/a/b"])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="expected hf://datasets/OWNER/NAME"):
        read(name)


# --- folders -------------------------------------------------------------------------------------


def saved(folder: Path, *texts: str) -> Path:
    """What `Dataset.save_to_disk` writes, and a file that `map` left beside it."""
    folder.mkdir(parents=True)
    names = ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]
    halves = [texts[: len(texts) // 2], texts[len(texts) // 2 :]]
    for name, half in zip([*names, "cache-1f2e.arrow"], [*halves, ("old",)], strict=True):
        table = pa.table({"text": list(half)})
        with pa.ipc.new_stream(str(folder / name), table.schema) as out:
            out.write_table(table)
    state = {"_data_files": [{"filename": name} for name in names], "_split": "train"}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(json.dumps({"features": {}}))
    return folder


def texts_in(name: str | Path) -> list[str]:
    return [text for texts in read(str(name)).values() for text in texts]


def test_a_saved_set_is_the_files_that_its_state_names(tmp_path: Path) -> None:
    assert texts_in(saved(tmp_path / "s", "a", "b", "c")) == ["a", "b", "c"]


def test_the_parts_of_a_saved_set_are_to_be_named(tmp_path: Path) -> None:
    saved(tmp_path / "s" / "train", "a", "b"), saved(tmp_path / "s" / "test", "c", "d")
    (tmp_path / "s" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(DataError, match=r"holds test, train, .*\n.*data\.train = .*s#train"):
        read(str(tmp_path / "s"))
    assert texts_in(f"{tmp_path / 's'}#train") == texts_in(tmp_path / "s" / "train") == ["a", "b"]


def test_a_saved_set_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    (saved(tmp_path / "s", "a", "b") / "data-00001-of-00002.arrow").unlink()
    with pytest.raises(DataError, match=r"s: state\.json names data-00001.*not whole.\n.*Copy it"):
        read(str(tmp_path / "s"))


def test_numbered_files_of_parts_in_a_folder_are_to_be_named(tmp_path: Path) -> None:
    for name in ("train-00.jsonl", "train-01.jsonl", "valid-00.jsonl"):
        (tmp_path / name).write_bytes(line(name))
    with pytest.raises(DataError, match="holds train, validation"):
        read(str(tmp_path))
    assert texts_in(f"{tmp_path}#valid") == ["valid-00.jsonl"]
    assert find_one(f"{tmp_path}#validation", encoding="auto").name == f"{tmp_path}/valid-00.jsonl"


def test_the_bars_of_the_client_are_told_and_not_drawn(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(amount, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(amount, "EVERY_SECONDS", 0.0)
    heard: list[tuple[str, int, int, str]] = []
    with told_to(lambda *said: heard.append(said)):
        kind = meter("fetching wood")
    with (
        kind(total=0, unit="B", name="huggingface_hub.snapshot_download") as written,
        kind(total=0, unit="B", name="huggingface_hub.snapshot_download.transfer") as came,
        kind(total=2, desc="Fetching 2 files") as files,
    ):
        written.total = 100
        for bar, number in ((written, 30), (came, 25), (files, 1), (written, 70)):
            bar.update(number)
    assert heard == [("fetching wood", done, 100, "bytes") for done in (30, 100)]
    assert capfd.readouterr().err == ""
