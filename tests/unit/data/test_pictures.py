"""Pictures in folders and tables; those that cannot be used are named."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests import pictures
from transformers import ViTImageProcessorPil

from luthier.core.errors import DataError, MissingExtra, ModelError
from luthier.data.examine import examine, findings_of
from luthier.data.ledger import Ledger
from luthier.data.load import changed_files, load
from luthier.data.parse import Reading, parse_file
from luthier.data.rows import Labeled, open_picture
from luthier.models.pictures import open_picture_codec
from luthier.recipe.schema import DataSection
from luthier.workflow.rewrite import augment_files, clean_files, fold_files, split_files


def rows_of(path: Path) -> list[Labeled]:
    rows = parse_file(str(path), Reading(), Ledger()).rows
    assert all(isinstance(row, Labeled) for row in rows)
    return [row for row in rows if isinstance(row, Labeled)]


def test_folders_are_classes(tmp_path: Path) -> None:
    rows = rows_of(pictures.folder(tmp_path / "all", per_class=3))
    assert sorted({row.label for row in rows}) == ["blue", "green", "red"]
    assert all(Path(row.picture).parent.name == row.label for row in rows)
    assert len(rows) == 9


@pytest.mark.parametrize("suffix", ["", "zip", "tar.gz"])
@pytest.mark.parametrize("around", ["pets", "pets/animals", "train"])
def test_folders_around_all_classes_are_none(tmp_path: Path, around: str, suffix: str) -> None:
    pictures.folder(tmp_path / "all" / around, per_class=2)
    (tmp_path / "all" / "README.md").write_text("Squares of three colours.\n")
    (tmp_path / "all" / ".DS_Store").write_bytes(b"\0")
    path = tmp_path / "all"
    if suffix:
        kind = {"zip": "zip", "tar.gz": "gztar"}[suffix]
        path = Path(shutil.make_archive(str(tmp_path / "packed"), kind, tmp_path / "all"))
    parsed = parse_file(str(path), Reading(), Ledger())
    assert sorted({row.target() for row in parsed.rows}) == ["blue", "green", "red"]
    assert (
        f"in 3 classes; 1 other file in it is not read; all of them below {path}/{around}"
        in (parsed.description[0])
    )


def test_a_lone_folder_of_pictures_is_one_class(tmp_path: Path) -> None:
    pictures.folder(tmp_path / "all", per_class=2)
    for colour in ("blue", "green"):
        shutil.rmtree(tmp_path / "all" / colour)
    parsed = parse_file(str(tmp_path / "all"), Reading(), Ledger())
    assert {row.target() for row in parsed.rows} == {"red"}
    assert "folder of 2 pictures in one class, 'red'" in parsed.description[0]


def test_a_part_that_stands_alone_is_found_by_its_name(tmp_path: Path) -> None:
    pictures.folder(tmp_path / "all" / "train", per_class=1)
    for name in (f"{tmp_path}/all#train", f"{tmp_path}/all"):
        assert {row.label for row in rows_of(Path(name))} == {"blue", "green", "red"}


def test_a_table_names_pictures_beside_it(tmp_path: Path) -> None:
    pictures.folder(tmp_path / "all", per_class=1)
    table = tmp_path / "table.csv"
    table.write_text("file_name,colour\nall/red/00.png,warm\nall/blue/00.png,cold\n")
    found = load(
        DataSection(
            train=str(table), columns={"label": "colour"}, validation_share=0, test_share=0
        ),
        seed=0,
    )
    rows = found.splits.train
    assert {row.target() for row in rows} == {"warm", "cold"}


@pytest.mark.parametrize("suffix", ["zip", "tar.gz"])
def test_a_table_in_an_archive_names_pictures_in_it(tmp_path: Path, suffix: str) -> None:
    pictures.folder(tmp_path / "all" / "img", per_class=2)
    lines = [f"img/{color}/0{at}.png,{color}" for color in ("red", "blue") for at in (0, 1)]
    table = tmp_path / "all" / "rows.csv"
    table.write_text("file_name,label\n" + "\n".join(lines) + "\n")
    kind = {"zip": "zip", "tar.gz": "gztar"}[suffix]
    shutil.make_archive(str(tmp_path / "packed"), kind, tmp_path / "all")
    shutil.rmtree(tmp_path / "all")
    rows = rows_of(tmp_path / f"packed.{suffix}")
    assert [row.label for row in rows] == ["red", "red", "blue", "blue"]
    assert all(Path(row.picture).is_file() for row in rows)


@pytest.mark.parametrize("named", ["../secret.png", "{folder}/secret.png"])
def test_a_table_in_an_archive_names_no_pictures_outside(tmp_path: Path, named: str) -> None:
    pictures.folder(tmp_path / "x", per_class=1)
    shutil.copy(tmp_path / "x" / "red" / "00.png", tmp_path / "secret.png")
    with zipfile.ZipFile(tmp_path / "rows.zip", "w") as packed:
        packed.writestr("a.csv", f"image,label\n{named.format(folder=tmp_path)},a\n")
    with pytest.raises(DataError, match=r"rows\.zip.* line 2: picture .* leads out of what"):
        rows_of(tmp_path / "rows.zip")


@pytest.mark.parametrize("folds", [0, 2])
def test_rows_written_from_an_archive_outlive_the_cache_and_may_move(
    folds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    pictures.folder(tmp_path / "all", per_class=8)
    packed = shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path / "all")
    section, out = DataSection(train=packed), tmp_path / "out"
    make = partial(fold_files, folds=folds) if folds else split_files
    found = make(section, output=out)
    shutil.rmtree(tmp_path / "cache")
    shutil.rmtree(tmp_path / "all")
    moved = out.rename(tmp_path / "moved")
    rows = [row for entry in found["files"].values() for row in rows_of(moved / entry["file"])]
    assert len(rows) == 24 * (folds or 1)
    assert {row.label for row in rows} == {"blue", "green", "red"}
    assert all(open_picture(row.picture, where="row").size for row in rows)
    train = "fold-1/train.jsonl" if folds else "train.jsonl"
    test = "fold-1/test.jsonl" if folds else "test.jsonl"
    again = DataSection(train=str(moved / train), test=str(moved / test))
    assert load(again, seed=0).splits.test


def test_pictures_of_own_folders_stay_where_they_are(tmp_path: Path) -> None:
    folder = pictures.folder(tmp_path / "all", per_class=8)
    split_files(DataSection(train=str(folder)), output=tmp_path / "out")
    assert not (tmp_path / "out" / "pictures").exists()
    assert all(
        Path(row.picture).is_relative_to(folder) for row in rows_of(tmp_path / "out/test.jsonl")
    )


def test_the_same_picture_twice_is_one_row(tmp_path: Path) -> None:
    folder = pictures.folder(tmp_path / "all", per_class=3)
    (folder / "red" / "copy.png").write_bytes((folder / "red" / "00.png").read_bytes())
    section = DataSection(train=str(folder), validation_share=0, test_share=0)
    assert len(load(section, seed=0).splits.train) == 9


def test_a_changed_picture_is_noticed(tmp_path: Path) -> None:
    folder = pictures.folder(tmp_path / "all", per_class=2)
    section = DataSection(train=str(folder), validation_share=0, test_share=0)
    loaded = load(section, seed=0)
    assert changed_files(loaded.files) == []
    pictures.picture("red", seed=99).save(folder / "blue" / "00.png")
    assert changed_files(loaded.files) == [str(folder)]


def test_pictures_outside_of_classes_are_refused(tmp_path: Path) -> None:
    folder = pictures.folder(tmp_path / "all", per_class=2)
    pictures.picture("red", seed=5).save(folder / "loose.png")
    with pytest.raises(DataError, match=r"1 pictures, such as loose.png, stand in no folder"):
        rows_of(folder)


def test_parts_of_the_data_are_no_classes(tmp_path: Path) -> None:
    pictures.folder(tmp_path / "all" / "train", per_class=1)
    pictures.folder(tmp_path / "all" / "test", per_class=1)
    with pytest.raises(DataError, match=r"which are parts of the data(.|\n)*data.train = "):
        rows_of(tmp_path / "all")


def test_a_folder_without_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.exe").write_text("x")
    with pytest.raises(
        DataError, match=r"is a folder that holds 1 files, such as a\.exe; expected"
    ):
        rows_of(tmp_path)


def test_a_missing_picture_is_named_with_its_line(tmp_path: Path) -> None:
    table = tmp_path / "table.jsonl"
    table.write_text(json.dumps({"image": "nowhere.png", "label": "a"}) + "\n")
    with pytest.raises(DataError, match=r"table.jsonl line 1: no such picture: .*nowhere.png"):
        rows_of(table)


@pytest.mark.parametrize(("odd", "said"), [("notes", "no such picture"), ("", "")])
def test_one_odd_name_leaves_a_table_one_of_pictures(tmp_path: Path, odd: str, said: str) -> None:
    pictures.folder(tmp_path / "all", per_class=2)
    names = ["all/red/00.png", "all/red/01.png", "all/blue/00.png", odd]
    table = tmp_path / "table.csv"
    table.write_text("image,label\n" + "".join(f"{name},a\n" for name in names))
    if said:
        with pytest.raises(DataError, match=rf"table.csv line 5: {said}: .*{odd}"):
            rows_of(table)
        return
    ledger = Ledger()
    rows = parse_file(str(table), Reading(), ledger).rows
    assert len(rows) == 3
    assert ledger.dropped["no picture"].count == 1


def damaged_folder(root: Path) -> tuple[Path, set[str]]:
    """A folder of pictures, and those of them that cannot be opened."""
    folder = pictures.folder(root, per_class=12)
    cut = folder / "red" / "cut.jpg"
    pictures.picture("red", seed=90).resize((240, 200)).save(cut)
    pictures.picture("blue", seed=91).resize((240, 200)).save(folder / "blue" / "whole.jpg")
    cut.write_bytes(cut.read_bytes()[:-300])
    (folder / "blue" / "words.png").write_text("words")
    pictures.picture("green", seed=92).convert("CMYK").save(folder / "green" / "print.jpg")
    return folder, {str(cut), f"{folder}/blue/words.png", f"{folder}/green/print.jpg"}


def test_a_check_names_pictures_that_cannot_be_opened(tmp_path: Path) -> None:
    folder, wrong = damaged_folder(tmp_path / "all")
    found = {one.name: one for one in examine(DataSection(train=str(folder))).findings}
    finding = found["damaged_pictures"]
    assert {row.text for row in finding.shown} == wrong
    assert finding.is_certain
    assert all(Path(row.text).name in row.beside for row in finding.shown)
    whole = pictures.folder(tmp_path / "whole", per_class=10)
    found = {one.name: one for one in examine(
        DataSection(train=str(whole), test=str(folder), on_leak="remove")
    ).findings}  # fmt: skip
    assert found["damaged_pictures"].title.endswith("in test")


def test_a_check_without_pillow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pictures.folder(tmp_path / "all", per_class=12)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"luthier\[images\]"):
        examine(DataSection(train=str(folder)))


def test_damaged_pictures_are_not_written(tmp_path: Path) -> None:
    folder, wrong = damaged_folder(tmp_path / "all")
    section = DataSection(train=str(folder))
    for make in (split_files, partial(augment_files, seed=1)):
        asked = section.model_copy(update={"augment": {"words": 1}})
        with pytest.raises(DataError, match=r"cut.jpg' is damaged(.|\n)*damaged_pictures=true"):
            make(asked, output=tmp_path / "out")
        assert not (tmp_path / "out").exists()
    cleaned = clean_files(section, output=tmp_path / "out")
    assert cleaned["rows"]["dropped"]["a picture that cannot be opened"]["count"] == len(wrong)
    assert split_files(DataSection(train=f"{tmp_path}/out/train.jsonl"), output=tmp_path / "parts")
    given = DataSection(train=f"{tmp_path}/out/train.jsonl", test=str(folder))
    with pytest.raises(DataError, match=r"cut.jpg' is damaged(.|\n)*out of what data.test names"):
        clean_files(given, output=tmp_path / "other")


def test_the_look_at_the_start_of_a_training_opens_no_pictures(tmp_path: Path) -> None:
    folder, _ = damaged_folder(tmp_path / "all")
    rows = rows_of(folder)
    assert "damaged_pictures" in {one.name for one in findings_of(rows)}
    assert "damaged_pictures" not in {one.name for one in findings_of(rows, opens=False)}


def test_a_truncated_picture_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    pictures.picture("red", seed=0).save(path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match=r"here: picture .*a.png' is damaged"):
        open_picture(str(path), where="here")


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("words")
    with pytest.raises(DataError, match=r"here: .*a.png' is not a picture"):
        open_picture(str(tmp_path / "a.png"), where="here")


def test_colours_for_printing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    pictures.picture("red", seed=0).convert("CMYK").save(path)
    with pytest.raises(DataError, match=r"here: .*has the colours CMYK, expected RGB or grey"):
        open_picture(str(path), where="here")


def test_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    clear = np.zeros((2, 2, 4), np.uint8)
    clear[0, 0] = (10, 20, 30, 255)
    Image.fromarray(clear).save(path)
    found = np.array(open_picture(str(path), where="here"))
    assert found[0, 0].tolist() == [10, 20, 30]
    assert found[1, 1].tolist() == [255, 255, 255]


def test_deep_greys_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.array([[0, 300, 65535]], np.uint16)).save(path)
    found = np.array(open_picture(str(path), where="here"))[0, :, 0].tolist()
    assert found == [0, 1, 255]


def test_a_model_that_reads_grey_gets_grey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4), (255, 0, 0)).save(path)
    codec = open_picture_codec(pictures.model(tmp_path / "model", channels=1))
    found = codec.picture(str(path), where="here")
    assert found.shape == (1, pictures.SIZE, pictures.SIZE)
    assert set(found.flatten().tolist()) == {76}  # 0.299 of 255: the usual share of red in grey
    assert codec.finish().shape == (2, 1)


def test_a_model_of_other_channels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"num_channels: got 4, expected 3 \(RGB\) or 1 \(grey\)"):
        open_picture_codec(pictures.model(tmp_path / "model", channels=4))


def processor_folder(root: Path, **settings: Any) -> Path:
    root.mkdir()
    values = {
        "do_resize": True,
        "size": {"height": 32, "width": 32},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    }
    (root / "preprocessor_config.json").write_text(json.dumps(values | settings))
    return root


@pytest.mark.parametrize(
    "settings",
    [
        {"image_processor_type": "ViTImageProcessor"},
        {"image_processor_type": "ViTImageProcessor", "do_normalize": False},
        {"image_processor_type": "EfficientNetImageProcessor", "include_top": True},
        {
            "image_processor_type": "EfficientNetImageProcessor",
            "include_top": False,
            "rescale_offset": True,
            "rescale_factor": 1 / 127.5,
        },
    ],
    ids=["vit", "plain", "efficientnet", "offset"],
)
def test_the_model_reads_what_its_processor_gives(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    codec = open_picture_codec(processor_folder(tmp_path / "model", **settings))
    path = tmp_path / "a.png"
    pictures.picture("red", seed=3).save(path)
    times, plus = codec.finish()[:, :, None, None]
    ours = codec.picture(str(path), where="here") * times + plus
    theirs = codec.processor(images=Image.open(path), return_tensors="np")["pixel_values"][0]
    assert np.abs(ours - theirs).max() < 1e-5  # float32; a step of a byte is 4e-3 and more


def test_a_processor_that_does_something_else_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = ViTImageProcessorPil.normalize

    def squared(self: Any, *args: Any, **settings: Any) -> Any:
        return usual(self, *args, **settings) ** 2

    folder = processor_folder(tmp_path / "model", image_processor_type="ViTImageProcessor")
    monkeypatch.setattr(ViTImageProcessorPil, "normalize", squared)
    with pytest.raises(ModelError, match=r"ViTImageProcessorPil does more to a picture.*Use a"):
        open_picture_codec(folder)
