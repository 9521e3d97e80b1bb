"""A head in the files is kept where it scores the same classes, whatever their order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import tiny

from luthier.models import heads
from luthier.models.bundle import Bundle
from luthier.models.load import open_model

OWN = ("positive", "negative", "neutral")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))


def change(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture(params=["bert", "roberta"])
def folder(request: Any, tmp_path: Path) -> Path:
    """A classifier of three classes with names of its own."""
    found = tiny.folder(tmp_path / "model", architecture=request.param)
    change(found, id2label=dict(enumerate(OWN)), label2id={name: i for i, name in enumerate(OWN)})
    return found


def opened(folder: Path, *labels: str, seed: int = 0) -> Bundle:
    return open_model(str(folder), labels=labels, dtype=torch.float32, seed=seed)


def scores(bundle: Bundle) -> dict[str, float]:
    """Of one text by the name of the class."""
    with torch.no_grad():
        found = bundle.model(input_ids=torch.tensor([[2, 30, 40, 3]])).logits[0]
    return dict(zip(bundle.labels, found.tolist(), strict=True))


def head(bundle: Bundle) -> dict[str, torch.Tensor]:
    return {
        name: weight for name, weight in bundle.model.state_dict().items() if "classifier" in name
    }


def test_the_same_classes_keep_their_head(folder: Path) -> None:
    bundle = opened(folder, *OWN)
    assert bundle.notes == []
    assert scores(bundle) == scores(opened(folder, *OWN, seed=1))


def test_another_order_of_the_same_classes_moves_the_rows(folder: Path) -> None:
    expected = scores(opened(folder, *OWN))
    bundle = opened(folder, "neutral", "positive", "negative")
    assert scores(bundle) == pytest.approx(expected, rel=1e-5)
    assert bundle.notes == [
        "head of the files, its classes positive, negative, neutral put in order: "
        "neutral, positive, negative"
    ]
    config: Any = bundle.model.config
    assert config.id2label[0] == "neutral"


def test_other_classes_get_a_new_head_from_the_seed(folder: Path) -> None:
    old = head(opened(folder, *OWN))
    bundles = [opened(folder, "bad", "good", "neutral", seed=seed) for seed in (0, 0, 1)]
    first, again, other = (head(bundle) for bundle in bundles)
    for name in (name for name in old if name.endswith("weight")):
        assert not torch.equal(first[name], old[name])
        assert torch.equal(first[name], again[name])
        assert not torch.equal(first[name], other[name])
        assert float(first[name].std()) == pytest.approx(0.02, rel=0.5)  # as configs ask for
    note = bundles[0].notes[0]
    assert note.startswith("new head, drawn from the seed: classifier.")
    assert note.endswith("; the one in the files scores positive, negative, neutral")


def test_a_head_of_another_task_is_not_kept_for_its_size(folder: Path) -> None:
    old = head(opened(folder, *OWN))
    change(folder, architectures=["BertForTokenClassification"])
    bundle = opened(folder, *OWN)
    assert not any(torch.equal(head(bundle)[name], old[name]) for name in old if "weight" in name)
    assert bundle.notes[0].endswith("; the one in the files is of another task")


def test_another_number_of_classes_gets_a_new_head(folder: Path) -> None:
    bundle = opened(folder, "positive", "negative")
    assert "new head, drawn from the seed: classifier." in bundle.notes[0]
    assert len(scores(bundle)) == 2
    assert not any(parameter.isnan().any() for parameter in bundle.model.parameters())


def test_a_new_head_says_at_first_what_it_is_told(folder: Path) -> None:
    bundle = opened(folder, "a", "b")
    before = scores(bundle)
    assert heads.begin(bundle.model, [1.0, -2.0])
    after = scores(bundle)
    assert after["a"] == pytest.approx(before["a"] + 1)
    assert after["b"] == pytest.approx(before["b"] - 2)
    assert not heads.begin(bundle.model, [5.0, 5.0])  # it knows something now
    assert scores(bundle) == after


def test_a_head_without_a_bias_is_left_alone(tmp_path: Path) -> None:
    bundle = opened(tiny.folder(tmp_path / "llama"), "a", "b")
    before = {name: weight.clone() for name, weight in bundle.model.state_dict().items()}
    assert not heads.begin(bundle.model, [1.0, -2.0])
    assert all(
        torch.equal(weight, before[name]) for name, weight in bundle.model.state_dict().items()
    )
