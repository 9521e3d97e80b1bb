"""Components that luthier never heard of go the whole way: nothing is known by name."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import tiny
from tests.contracts import test_objectives, test_tuners
from tests.contracts.cases import WAYS, case
from tests.contracts.others.installed import others
from torch.testing import assert_close

import luthier
from luthier.core.errors import ParityError, RecipeError, RunError
from luthier.data.features import Batch
from luthier.engine.preflight import preflight
from luthier.export import exporters
from luthier.models.load import open_model
from luthier.models.trunks import build
from luthier.objectives import (
    Explorer,
    Finisher,
    Gatherer,
    Headed,
    Precomputer,
    Resolver,
    Scorer,
    objectives,
)
from luthier.tuners import attach, tuners
from luthier.workflow.check import fits
from luthier.workflow.evaluate import evaluate_run
from luthier.workflow.run import Run

__all__ = ["others"]

pytestmark = pytest.mark.usefixtures("others")

QUICK: dict[str, Any] = {
    "evaluation": {"max_new_tokens": 4, "retention": False, "num_resamples": 100},
    "training": {"precision": "bfloat16", "max_steps": 4},
}
TUNER_CHECKS = [
    test_tuners.test_a_fresh_tuner_leaves_outputs_unchanged,
    test_tuners.test_trained_parameters_are_float32_and_in_one_group,
    test_tuners.test_the_base_view_gives_back_the_first_outputs,
    test_tuners.test_merged_equals_unmerged,
    test_tuners.test_saved_state_restores_the_same_outputs,
]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model and rows of either kind."""
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    tiny.folder(tmp_path / "llama")
    tiny.folder(tmp_path / "bert", architecture="bert")
    with (tmp_path / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["text", "label"])
        lines.writerows(
            [f"a {'good' if n % 2 else 'bad'} thing {n}", "ny"[n % 2]] for n in range(40)
        )
    chats = [{"prompt": f"say {n}", "completion": json.dumps({"n": n})} for n in range(30)]
    text = "".join(json.dumps(row) + "\n" for row in chats)
    (tmp_path / "chats.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


def trained(desk: Path, model: str, data: str, **sections: Any) -> Run:
    recipe = {"model": str(desk / model), "data": {"train": str(desk / data)}, **QUICK, **sections}
    return luthier.train(recipe, out=desk / "run")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("objective", ["sft", "classify", "rivals"])
@pytest.mark.parametrize("check", TUNER_CHECKS, ids=lambda check: check.__name__)
def test_a_new_tuner_keeps_the_contract(check: Any, objective: str, way: str) -> None:
    check("top_layers", objective, way)


@pytest.mark.parametrize(
    ("model", "data", "row"),
    [
        ("llama", "chats.jsonl", {"prompt": "say 3"}),
        ("bert", "labels.csv", {"text": "a good thing"}),
    ],
)
def test_a_new_tuner_goes_the_whole_way_in_bfloat16(
    desk: Path, model: str, data: str, row: dict[str, Any]
) -> None:
    run = trained(desk, model, data, tuner={"name": "top_layers"})
    assert run.recipe.training.learning_rate == 3e-4
    assert run.files.resolved is not None
    assert "somebody tried" in run.files.resolved["origins"]["training.learning_rate"]
    assert (run.layout.model / "config.json").is_file()
    assert not run.layout.adapter.exists()
    before = run.evaluation
    assert before is not None
    assert {"base", "tuned"} <= set(before["arms"])
    assert len(luthier.open_run(run.path).predict([row])) == 1
    after = evaluate_run(run.path)
    assert set(after["arms"]) == set(before["arms"])


def test_frozen_weights_are_short_and_those_that_move_began_exact() -> None:
    exact = dict(tiny.causal_lm().named_parameters())
    for name, parameter in case(
        "top_layers", "sft", way="bfloat16"
    ).bundle.model.named_parameters():
        moves = ".layers.1." in name
        assert parameter.requires_grad == moves, name
        assert parameter.dtype == (torch.float32 if moves else torch.bfloat16), name
        assert_close(parameter.data, exact[name].data.to(parameter.dtype), rtol=0, atol=0)


@pytest.mark.parametrize(
    "architecture", ["llama", "qwen3", "mistral", "gemma2", "gpt2", "bert", "roberta"]
)
def test_a_model_of_two_types_runs_and_learns_on_the_general_path(architecture: Any) -> None:
    labels = ("a", "b") if architecture in {"bert", "roberta"} else ()
    whole = tiny.bundle(architecture, labels=labels)
    kind = tuners.get("top_layers")
    tuner = kind(kind.Config())
    mixed = attach(tuner, tiny.bundle(architecture, labels=labels), seed=0, frozen=torch.bfloat16)
    mixed.trunk = build(mixed.model, mixed.kind, prefer="general", compute_dtype=torch.bfloat16)
    batch = Batch(torch.arange(5, 25), (7, 13), (0, 1))
    found, exact = ((b.trunk.scores if labels else b.trunk.hidden)(batch) for b in (mixed, whole))
    assert test_tuners.distance(found.detach(), exact.detach()) < 0.1  # two layers in bfloat16
    found.float().square().sum().backward()
    gradients = [p.grad for group in tuner.groups(mixed.model) for p in group.parameters]
    assert all(g is not None and bool(torch.isfinite(g).all()) for g in gradients)


def test_a_model_of_two_types_that_learned_nothing_is_not_written(desk: Path) -> None:
    bundle = open_model(str(desk / "llama"), dtype=torch.float32)
    kind = tuners.get("top_layers")
    tuner = kind(kind.Config())
    bundle = attach(tuner, bundle, seed=0, frozen=torch.bfloat16)
    exporter = exporters.get("safetensors")()
    (desk / "out").mkdir()
    with pytest.raises(ParityError, match="equals the base model bit for bit"):
        exporter.write(bundle, tuner, desk / "out", source_folder=desk / "llama")


def test_a_new_objective_goes_the_whole_way(desk: Path) -> None:
    sections = {"objective": "rivals", "tuner": "lora", "training": {"precision": "bfloat16"}}
    run = trained(desk, "bert", "labels.csv", **sections)
    recipe = run.recipe
    assert recipe.training.batch_size == 6
    assert recipe.training.epochs == 2
    assert recipe.training.learning_rate == pytest.approx(0.5 * 5e-4)
    resolved = run.files.resolved
    assert resolved is not None
    assert "times 0.5 for rivals" in resolved["origins"]["training.learning_rate"]
    assert run.summary["kind"] == "sequence_classifier"
    assert {item["label"] for item in run.predict([{"text": "a good thing"}])} <= {"y", "n"}


@pytest.mark.parametrize("max_tokens", [1, 25])
def test_a_batch_whose_rows_interact_is_never_cut(max_tokens: int) -> None:
    found = test_objectives.steady("rivals")
    whole = found.gradient(found.features[:3], max_tokens=10**9)
    again = found.gradient(found.features[:3], max_tokens=max_tokens)
    assert_close(again, whole, rtol=0, atol=0)


def test_too_small_a_micro_batch_for_interacting_rows_is_refused(tmp_path: Path) -> None:
    found = test_objectives.steady("rivals")
    with pytest.raises(RunError, match=r"micro_batch_tokens: got 9, but the fullest batch holds"):
        preflight(found.job(tmp_path, micro_batch_tokens=9))


def test_the_preflight_makes_room_for_whole_batches(tmp_path: Path) -> None:
    found = test_objectives.steady("rivals")
    job = found.job(tmp_path, micro_batch_tokens=0)
    preflight(job)
    lengths = sorted(item.num_tokens for item in found.features)
    assert job.plan.micro_batch_tokens >= sum(lengths[-3:])


@pytest.mark.parametrize("tokens", [20, 40])
def test_interacting_rows_without_memory_end_the_run_with_ways_out(
    tokens: int, tmp_path: Path
) -> None:
    found = test_objectives.steady("rivals")
    healthy, tried = found.objective.loss, list[int]()

    def loss(models: Any, batch: Any) -> Any:
        tried.append(batch.num_tokens)
        assert len(tried) < 50, "the same batch again and again"
        if batch.num_tokens > tokens:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return healthy(models, batch)

    found.objective.loss = loss  # type: ignore[method-assign]
    with pytest.raises(RunError, match=r"cannot be cut(.|\n)*training.batch_size"):
        found.fit(tmp_path, batch_size=8)


@pytest.mark.parametrize("name", ["distant", "curious"])
def test_a_role_that_nobody_fills_is_refused(name: str) -> None:
    kind = objectives.get(name)
    objective = kind(kind.Config(labels=["a", "b"]))
    with pytest.raises(RecipeError, match=f"'{name}' needs a model in the role of oracle") as said:
        fits(objective, name=name, possible=("sequence_classifier",), reference="m")
    others = str(said.value).partition("Use one of: ")[2]
    assert "rivals" in others
    assert "distant" not in others
    assert "curious" not in others


def test_an_objective_that_can_do_nothing_more_goes_the_whole_way(desk: Path) -> None:
    kind = objectives.get("bare")
    more = (Explorer, Finisher, Gatherer, Headed, Precomputer, Resolver, Scorer)
    assert not any(isinstance(kind, protocol) for protocol in more)
    run = trained(desk, "llama", "chats.jsonl", objective="bare", tuner="lora")
    assert run.evaluation is not None
    assert {"base", "tuned"} <= set(run.evaluation["arms"])
    (answer,) = run.predict([{"prompt": "say 3"}])
    assert set(answer) == {"answer", "finished"}


def test_they_are_listed_like_all_others() -> None:
    assert "top_layers" in tuners.names()
    assert {"rivals", "distant"} <= set(objectives.names())
