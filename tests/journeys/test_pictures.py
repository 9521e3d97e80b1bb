"""A folder of pictures from the command line to predictions and an export that opens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests import pictures, tiny
from tests.journeys.desk import QUICK, Desk
from transformers import AutoImageProcessor, AutoModelForImageClassification


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("pictures"))
    pictures.folder(desk.root / "all", per_class=20)
    pictures.model(desk.model)
    return desk


@pytest.mark.parametrize("tuner", ["full", "lora"])
def test_pictures_are_learned_and_told_apart(place: Desk, tuner: str) -> None:
    out = place.root / tuner
    settings = [*QUICK, "training.max_steps=40", "training.learning_rate=0.003"]
    settings += ["objective.augmentation=[flip,shift]", "data.test_share=0.2"]
    code, document, said = place.luthier(
        "train",
        place.root / "all",
        "--model",
        place.model,
        "--tuner",
        tuner,
        "--out",
        out,
        *settings,
    )
    assert code in (0, 1), said
    assert document["run"] == str(out)
    evaluation = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    assert evaluation["arms"]["tuned"]["accuracy"]["value"] > 0.9
    assert "tfidf" not in evaluation["arms"]
    assert "pictures/s" in said
    assert "tokens/s" not in said
    loose = place.root / f"new-{tuner}"
    loose.mkdir()
    for colour in pictures.COLOURS:
        pictures.picture(colour, seed=77).save(loose / f"{colour}.png")
    answers = place.root / f"{tuner}.jsonl"
    code, _, said = place.luthier("predict", out, "--input", loose, "--output", answers)
    assert code == 0, said
    lines = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    assert [line["label"] for line in lines] == sorted(pictures.COLOURS)
    code, _, said = place.luthier(
        "export", out, "--format", "safetensors", "--out", place.root / f"export-{tuner}"
    )
    assert code == 0, said
    opened = AutoModelForImageClassification.from_pretrained(place.root / f"export-{tuner}")
    assert set(opened.config.id2label.values()) == set(pictures.COLOURS)
    assert AutoImageProcessor.from_pretrained(place.root / f"export-{tuner}", backend="pil")


@pytest.mark.parametrize(("tuner", "model"), [("head", "vit"), ("last_layers", "resnet")])
def test_what_moved_of_a_model_of_pictures_is_saved_and_asked(
    place: Desk, tmp_path: Path, tuner: str, model: str
) -> None:
    pictures.model(tmp_path / "model", model)
    words = ["train", place.root / "all", "--model", tmp_path / "model", "--out", tmp_path / "run"]
    code, _, said = place.luthier(*words, "--tuner", tuner, *QUICK, "training.max_steps=2")
    assert code in (0, 1), said
    assert (tmp_path / "run" / "adapter" / "changed.safetensors").is_file()
    assert (tmp_path / "run" / "adapter" / "preprocessor_config.json").is_file()
    answers = tmp_path / "answers.jsonl"
    code, _, said = place.luthier(
        "predict", tmp_path / "run", "--input", place.root / "all", "--output", answers
    )
    assert code == 0, said
    assert len(answers.read_text(encoding="utf-8").splitlines()) == 60


def test_a_damaged_picture_ends_the_run_before_it_begins(place: Desk) -> None:
    folder = pictures.folder(place.root / "damaged", per_class=5)
    broken = folder / "red" / "00.png"
    broken.write_bytes(broken.read_bytes()[:200])
    code, _, said = place.luthier("train", folder, "--model", place.model, *QUICK)
    assert code == 2
    assert "00.png' is damaged" in said
    assert "Traceback" not in said


def test_pictures_for_a_model_that_reads_text_are_refused(place: Desk, tmp_path: Path) -> None:
    model = tiny.folder(tmp_path / "encoder", architecture="bert")
    code, _, said = place.luthier("train", place.root / "all", "--model", model, *QUICK)
    assert code == 2
    assert "the row is a picture, and the model reads text" in said
