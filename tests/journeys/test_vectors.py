"""From pairs, scored pairs and a few classes to vectors, through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests import tiny
from tests.journeys.desk import Desk, desk
from transformers import AutoModel, AutoTokenizer

from luthier.models.load import open_model
from luthier.models.vectors import Vectors, write

WORDS = ("red", "green", "blue", "one", "two", "three", "yes", "no", "hello", "world")
QUICK = ["training.max_steps=4", "training.precision=float32", "evaluation.retention=false"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    found = desk(tmp_path_factory.mktemp("desk"))
    folder = found.root / "reader"
    tiny.folder(folder, architecture="bert")
    write(Vectors("mean", (None,)), folder, width=32, max_length=64)
    return found


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def pairs(num: int) -> list[dict[str, Any]]:
    return [
        {"anchor": f"what is {WORDS[n % 10]} {n}", "positive": f"{WORDS[n % 10]} is the answer {n}"}
        for n in range(num)
    ]


def trained(place: Desk, name: str, rows: list[dict[str, Any]], *settings: str, model="reader"):
    data, out = written(place.root / f"{name}.jsonl", rows), place.root / name
    code, _, said = place.luthier(
        "train", data, "--model", place.root / model, "--out", out, *QUICK, *settings
    )
    assert code in (0, 1), said
    return out


def evaluation(run: Path) -> dict[str, Any]:
    return json.loads((run / "evaluation.json").read_text())


@pytest.mark.parametrize("tuner", ["full", "lora"])
def test_pairs_are_learned_searched_saved_and_opened_by_others(place: Desk, tuner: str) -> None:
    run = trained(
        place, f"pairs-{tuner}", pairs(40), f"tuner={tuner}", "objective.hard_negatives=2",
        "training.learning_rate=0.01",
    )  # fmt: skip
    arms = evaluation(run)["arms"]
    assert set(arms) == {"base", "tuned", "word_search"}
    assert set(arms["tuned"]) == {"search_hit", "search_mrr", "search_ndcg"}
    asked = written(place.root / "asked.jsonl", [{"anchor": "red"}, *pairs(1)])
    out = place.root / f"answers-{tuner}.jsonl"
    code, _, said = place.luthier("predict", run, "--input", asked, "--output", out)
    assert code == 0, said
    alone, pair = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(alone["vector"]) == 32
    assert "cosine" not in alone
    assert -1 <= pair["cosine"] <= 1
    folder = run / ("model" if tuner == "full" else "adapter")
    assert (folder / "modules.json").is_file()
    if tuner == "full":
        assert np.allclose(alone["vector"], plain_vector(folder, "red"), atol=1e-4)
        again = open_model(str(folder), kinds=frozenset({"embedder"}), dtype=torch.float32)
        assert again.vectors == Vectors("mean", (None,))


def plain_vector(folder: Path, text: str) -> np.ndarray:
    """As transformers alone gives it."""
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
    return torch.nn.functional.normalize(hidden.mean(0), dim=0).numpy()


def test_scored_pairs_are_judged_by_the_order_of_their_cosines(place: Desk) -> None:
    rows = [
        {"sentence1": f"{WORDS[n % 10]} {n}", "sentence2": WORDS[n % 7], "score": n % 5 + 0.5}
        for n in range(40)
    ]
    run = trained(place, "scored", rows, "objective=cosent", "objective.dimensions=[32, 8]")
    arms = evaluation(run)["arms"]
    assert "spearman" in arms["base"]
    assert "spearman" in arms["tuned"]


def test_a_handful_of_rows_makes_a_classifier(place: Desk) -> None:
    rows = [{"text": f"the {WORDS[n % 3]} {n}", "label": WORDS[n % 3]} for n in range(36)]
    run = trained(place, "few", rows, "objective=fewshot", "training.batch_size=12")
    assert "accuracy" in evaluation(run)["arms"]["tuned"]
    out = place.root / "labels.jsonl"
    asked = written(place.root / "texts.jsonl", [{"text": "the red 77"}])
    code, _, said = place.luthier("predict", run, "--input", asked, "--output", out)
    assert code == 0, said
    found = json.loads(out.read_text())
    assert found["label"] in WORDS[:3]
    assert sum(found["probabilities"].values()) == pytest.approx(1.0)
    code, _, said = place.luthier("evaluate", run)
    assert code in (0, 1), said


def test_a_model_that_writes_gives_vectors_by_its_last_token(place: Desk) -> None:
    run = trained(place, "decoder", pairs(40), "objective=contrastive", "tuner=lora", model="model")
    pooling = json.loads((run / "adapter/1_Pooling/config.json").read_text())
    assert pooling["pooling_mode_lasttoken"]
