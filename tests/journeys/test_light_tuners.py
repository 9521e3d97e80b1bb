"""Prompt, prefix, ia3 and adapter through the command line: trained, asked, and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.journeys.desk import QUICK, Desk, desk

FEW = (*QUICK, "training.max_steps=3", "training.learning_rate=0.05", 'evaluation.arms=["tuned"]')
FILES = {
    "prompt": "adapter_model.safetensors",
    "prefix": "adapter_model.safetensors",
    "ia3": "adapter_model.safetensors",
    "adapter": "adapter.safetensors",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk(tmp_path_factory.mktemp("desk"))


@pytest.mark.parametrize("tuner", FILES)
def test_it_is_trained_and_answers_from_its_files(place: Desk, tuner: str) -> None:
    out = place.root / f"run-{tuner}"
    code, _, said = place.luthier(
        "train", place.data, "--model", place.model, "--tuner", tuner, "--out", out, *FEW
    )
    assert code in (0, 1), said
    assert (out / "adapter" / FILES[tuner]).is_file()
    answers = place.root / f"{tuner}.jsonl"
    code, _, said = place.luthier("predict", out, "--input", place.data, "--output", answers)
    assert code == 0, said
    rows = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == len(place.data.read_text(encoding="utf-8").splitlines())


def test_a_prompt_beyond_the_context_is_refused_before_the_model_is_opened(place: Desk) -> None:
    out: Path = place.root / "too-long"
    settings = ["tuner.num_virtual_tokens=256", *FEW]
    code, _, said = place.luthier(
        "train", place.data, "--model", place.model, "--tuner", "prompt", "--out", out, *settings
    )
    assert code == 2
    assert "tuner.num_virtual_tokens: got 256, but the context of the model is 256 tokens" in said
    assert "loading model" not in said
