"""The two real models that everybody can fetch from a package index: they learn, and others open
what came out."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from tests.journeys.desk import QUICK, Desk
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from luthier.core import cache
from luthier.demo import classify_file, support_file
from luthier.models.sources import fetch


@pytest.fixture
def place(tmp_path: Path) -> Desk:
    """A desk with the user's own cache: real models are fetched once on a machine."""
    return Desk(tmp_path, own_cache=cache.root())


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's own
def test_smollm2_learns_within_a_few_steps_and_peft_opens_its_adapter(place: Desk) -> None:
    base = fetch("smollm2-135m").folder
    lines = support_file().read_text(encoding="utf-8").splitlines()[:80]
    place.data.write_text("\n".join(lines), encoding="utf-8")
    out = place.root / "run"
    settings = [*QUICK, "training.max_steps=6", "training.learning_rate=1e-3"]
    settings += ["evaluation.max_rows=4"]
    code, _, said = place.luthier(
        "train", place.data, "--model", "smollm2-135m", "--out", out, *settings
    )
    assert code in (0, 1), said
    arms = read(out / "evaluation.json")["arms"]
    assert arms["tuned"]["nll"]["value"] < 0.8 * arms["base"]["nll"]["value"]
    assert "trunk 'llama'" in said

    prompt = AutoTokenizer.from_pretrained(base)("My parcel is late.", return_tensors="pt")
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with torch.no_grad():
        plain = model(**prompt).logits
        tuned = PeftModel.from_pretrained(model, out / "adapter")(**prompt).logits
    assert not torch.allclose(plain, tuned, atol=0.1)


def test_minilm_tells_intents_apart_and_transformers_predicts_the_same(place: Desk) -> None:
    fetch("minilm-l6")
    out, answers = place.root / "run", place.root / "answers.jsonl"
    settings = ["training.epochs=3", "training.learning_rate=2e-4", "evaluation.num_resamples=100"]
    code, _, said = place.luthier(
        "train", classify_file(), "--model", "minilm-l6", "--objective", "classify",
        "--out", out, *settings,
    )  # fmt: skip
    assert code in (0, 1), said
    assert read(out / "evaluation.json")["arms"]["tuned"]["accuracy"]["value"] > 0.5
    assert "trunk 'bert'" in said
    lines = (out / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert all(0.1 <= json.loads(line)["answers"]["tuned"]["confidence"] <= 1 for line in lines)

    with classify_file().open(newline="", encoding="utf-8") as file:
        texts = [row["text"] for row in list(csv.DictReader(file))[:8]]
    rows = place.root / "rows.jsonl"
    rows.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    code, _, said = place.luthier("predict", out, "--input", rows, "--output", answers)
    assert code == 0, said
    found = [json.loads(line)["label"] for line in answers.read_text().splitlines()]

    tokenizer = AutoTokenizer.from_pretrained(out / "model")
    model = AutoModelForSequenceClassification.from_pretrained(out / "model", dtype=torch.float32)
    with torch.no_grad():
        scores = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits
    assert found == [model.config.id2label[int(place)] for place in scores.argmax(-1)]


def test_smollm2_is_asked_for_pairs_of_a_document_and_every_reply_is_counted(place: Desk) -> None:
    text = (
        "# Strings\n\nSteel strings should be changed every three months when a guitar is played "
    )
    (place.root / "strings.md").write_text(f"{text}daily. A set of them costs 12 euros.")
    words = ("--by", "smollm2-135m", "--max-new-tokens", "60", "--per-chunk", "1")
    code, found, said = place.luthier("data", "synth", "strings.md", *words, "--output", "pairs")
    assert code in (0, 1), said
    assert found["pairs"]["made"] + sum(found["passages"]["without_pairs"].values()) == 1
    assert found["pairs"]["made"] == found["pairs"]["kept"] + sum(
        found["pairs"]["rejected"].values()
    )
    assert {path.name for path in (place.root / "pairs").iterdir()} >= {"ledger.json"}


def test_smollm2_is_asked_for_other_wordings_and_every_new_row_is_counted(place: Desk) -> None:
    with classify_file().open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:20]
    (place.root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("data.augment.paraphrase=1", "--by", "smollm2-135m", "--max-new-tokens", "40")
    code, found, said = place.luthier("data", "augment", "rows.jsonl", *words, "--output", "more")
    assert code == 0, said
    counts = found["rows"]
    added = sum(entry["count"] for entry in counts["added"].values())
    assert (
        0
        < added
        == found["files"]["train"]["rows"]
        - (20 - counts["used"]["test"] - counts["used"]["validation"])
    )
    assert "wordings taken" in said


def test_words_become_neighbours_by_minilm_and_the_files_are_trained(place: Desk) -> None:
    fetch("minilm-l6")
    words = ("data.augment.synonyms=1", "--output", "more")
    code, found, said = place.luthier("data", "augment", classify_file(), *words)
    assert code == 0, said
    (why,) = found["rows"]["added"]
    assert found["rows"]["added"][why]["count"] > 10
    assert "by minilm-l6" in said


def test_a_tagger_of_persons_masks_them_in_files_and_another_model_does_not(place: Desk) -> None:
    fetch("minilm-l6")
    names = ("Anna", "Bob", "Maria", "Peter", "Lucy", "James")
    verbs = ("paid", "left", "called", "wrote", "came")
    tagged = [
        {"tokens": [name, verb, "about", "parcel", str(n)], "tags": ["B-PER", *"OOOO"]}
        for n, (name, verb) in enumerate((name, verb) for name in names for verb in verbs)
    ]
    rows = [{"text": f"{name} {verb} it", "label": verb} for name in names for verb in verbs]
    for file, held in (("tags.jsonl", tagged), ("rows.jsonl", rows)):
        (place.root / file).write_text("".join(json.dumps(row) + "\n" for row in held))
    code, _, said = place.luthier(
        "train", "tags.jsonl", "--model", "minilm-l6", "--tuner", "full", "--out", "tagger",
        "training.epochs=20", "training.learning_rate=3e-4", "evaluation.num_resamples=100",
    )  # fmt: skip
    assert code in (0, 1), said
    asked = ("data", "clean", "rows.jsonl", "--output", "cleaned")
    code, found, said = place.luthier(*asked, "data.clean.personal.names=tagger")
    assert code == 0, said
    assert found["rows"]["changed"]["personal data (NAME)"]["count"] >= 25
    assert any(line.startswith("names of persons: by tagger") for line in found["how"])
    code, _, said = place.luthier(*asked, "data.clean.personal.names=minilm-l6")
    assert code == 2
    assert "minilm-l6 tags no words" in said
