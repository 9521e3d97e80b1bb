"""The trial before step 1: what it chooses, refuses, predicts and leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from tests.contracts.cases import case
from tests.unit.engine.scarce import limited, recomputes
from tests.unit.keeping.arranged import arranged
from tests.unit.keeping.arranged import build as option
from torch import Tensor

from luthier.core.errors import RecipeError, RunError
from luthier.core.events import Updated
from luthier.engine import budget
from luthier.engine.fit import fit
from luthier.engine.preflight import preflight
from luthier.keeping import Keeper
from luthier.models.trunks import build
from luthier.recipe.load import read
from luthier.recipe.resolve import Settled

CPU = torch.device("cpu")


@pytest.mark.parametrize("tuner", ["full", "lora"])
def test_afterwards_nothing_has_changed_to_the_bit(tuner: str, tmp_path: Path) -> None:
    found = case(tuner, "sft")
    before, random = found.parameters(), torch.random.get_rng_state()
    trial = preflight(found.job(tmp_path))
    assert all(torch.equal(p, before[name]) for name, p in found.parameters().items())
    assert all(p.grad is None for p in found.bundle.model.parameters())
    assert torch.equal(torch.random.get_rng_state(), random)
    assert list((tmp_path / "checkpoints").iterdir()) == []
    assert trial.event.num_steps == 6
    assert trial.event.peak_bytes > 0
    assert trial.document()["details"]["micro_batch_tokens"] == 64


def test_it_changes_no_loss_of_the_run(tmp_path: Path) -> None:
    plain = case("lora", "sft").fit(tmp_path / "plain")
    tried = case("lora", "sft")
    job = tried.job(tmp_path / "tried")
    preflight(job)
    losses = [[e.loss for e in events if isinstance(e, Updated)] for events in (plain, fit(job))]
    assert losses[0] == losses[1]


def test_a_model_that_was_opened_for_use_is_tried_as_it_will_train(tmp_path: Path) -> None:
    def activations(name: str, options: Sequence[Keeper], **changes: Any) -> int:
        found, fields = arranged("full", "classify", options)
        found.bundle.model.eval()
        trial = preflight(found.job(tmp_path / name, **fields, **changes))
        assert not found.bundle.model.training
        return int(trial.event.details["bytes_activations"])

    assert activations("twice", [option("r_drop")]) > 1.7 * activations("once", [])


def test_what_an_option_refuses_in_training_is_refused_before_it(tmp_path: Path) -> None:
    found, fields = arranged("lora", "classify", [option("neftune")])
    found.bundle.model.eval()
    words: Any = found.bundle.model
    words.get_input_embeddings()._forward_hooks.clear()  # as if it read them another way
    with pytest.raises(RecipeError, match=r"keep\.neftune: this model did not read the words"):
        preflight(found.job(tmp_path, **fields))


def test_activations_of_the_general_path_are_formed_again_in_the_trial_too(tmp_path: Path) -> None:
    def activations(*, again: bool) -> int:
        found = case("lora", "sft")
        found.bundle.model.eval()
        job = found.job(tmp_path / str(again))
        recipe = settled(gradient_checkpointing=again, micro_batch_tokens=64)
        return int(preflight(job, settled=recipe).event.details["bytes_activations"])

    assert activations(again=True) < 0.7 * activations(again=False)


def settled(**training: object) -> Settled:
    """A recipe that says this about training."""
    return Settled(*read({"model": "m", "data": {"train": "x"}, "training": training}))


def test_a_micro_batch_that_does_not_fit_is_cut_before_the_run(tmp_path: Path) -> None:
    found = limited(50)
    job = found.job(tmp_path, micro_batch_tokens=150)
    trial = preflight(job)
    assert job.plan.micro_batch_tokens <= 75
    assert f"with micro-batches of {job.plan.micro_batch_tokens} tokens" in trial.warnings[-1]
    assert any(isinstance(event, Updated) for event in fit(job))


def test_what_was_asked_and_does_not_fit_is_recorded_as_it_ran(tmp_path: Path) -> None:
    found, recipe = limited(50), settled(micro_batch_tokens=150)
    job = found.job(tmp_path, micro_batch_tokens=0)
    preflight(job, settled=recipe)
    assert recipe.get("training.micro_batch_tokens") == job.plan.micro_batch_tokens < 150
    origin = recipe.origins["training.micro_batch_tokens"]
    assert origin.startswith("auto: ")
    assert "pre-flight: out of memory" in origin
    assert "(instead of 150, " in origin


def test_what_was_chosen_and_does_not_fit_has_its_true_reason(tmp_path: Path) -> None:
    found, recipe = limited(50), settled()
    job = found.job(tmp_path, micro_batch_tokens=0)
    preflight(job, settled=recipe)
    assert recipe.get("training.micro_batch_tokens") == job.plan.micro_batch_tokens < 100
    assert "pre-flight: out of memory" in recipe.origins["training.micro_batch_tokens"]


def test_activations_are_formed_again_where_only_that_lets_a_row_fit(tmp_path: Path) -> None:
    found, recipe = limited(28, fits=recomputes), settled()
    job = found.job(tmp_path, micro_batch_tokens=0, validation=[])
    trial = preflight(job, settled=recipe)
    assert job.plan.gradient_checkpointing
    assert recipe.get("training.gradient_checkpointing") is True
    assert "training.gradient_checkpointing=true" in trial.warnings[-1]
    assert any(isinstance(event, Updated) for event in fit(job))


def test_nor_are_they_where_the_recipe_says_no(tmp_path: Path) -> None:
    found, recipe = limited(28, fits=recomputes), settled(gradient_checkpointing=False)
    job = found.job(tmp_path, micro_batch_tokens=0, validation=[])
    with pytest.raises(RunError, match=r"Set training\.gradient_checkpointing=true"):
        preflight(job, settled=recipe)


def test_a_row_that_does_not_fit_alone_is_refused_before_the_run(tmp_path: Path) -> None:
    found = limited(28)
    with pytest.raises(RunError, match=r"pre-flight: out of memory with one row of \d+ tokens"):
        preflight(found.job(tmp_path, micro_batch_tokens=100))


def test_the_budget_follows_memory() -> None:
    roomy = budget.choose(
        bytes_per_token=1e6, fixed_bytes=0, longest=300, available=8 * 10**9, device=CPU
    )
    assert (roomy.micro_batch_tokens, roomy.gradient_checkpointing) == (budget.CPU_TOKENS, False)
    tight = budget.choose(
        bytes_per_token=1e6, fixed_bytes=0, longest=300, available=10**9, device=CPU
    )
    assert 300 <= tight.micro_batch_tokens < budget.CPU_TOKENS
    assert not tight.gradient_checkpointing
    short = budget.choose(
        bytes_per_token=1e6, fixed_bytes=0, longest=3000, available=10**9, device=CPU
    )
    assert short.gradient_checkpointing


def test_recomputing_halves_the_usual_micro_batch_but_holds_the_longest_row() -> None:
    roomy = budget.Budget(budget.CPU_TOKENS, False, "why")
    found = [budget.checkpointed(roomy, longest=size, device=CPU) for size in (10, 5000)]
    assert [item.micro_batch_tokens for item in found] == [budget.CPU_TOKENS // 2, 5000]
    assert all(item.gradient_checkpointing for item in found)


@pytest.mark.parametrize("path", ["fast", "general"])
def test_where_memory_is_short_activations_are_formed_again(
    path: Literal["fast", "general"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(name: str) -> tuple[int, list[float]]:
        found = case("lora", "sft")
        trunk = build(found.bundle.model, "causal_lm", prefer=path, compute_dtype=torch.float32)
        found.bundle.trunk = trunk
        job = found.job(tmp_path / name)
        preflight(job)
        kept: list[int] = []

        def note(tensor: Tensor) -> Tensor:
            kept.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            losses = [e.loss for e in fit(job) if isinstance(e, Updated)]
        return sum(kept), losses

    roomy = run("roomy")
    monkeypatch.setattr("luthier.engine.preflight.available_bytes", lambda _: 0)
    short = run("short")
    assert short[0] < roomy[0]
    assert short[1] == pytest.approx(roomy[1], rel=1e-4)


def test_the_fullest_micro_batch_holds_the_longest_row() -> None:
    features = case("lora", "sft").features
    found = budget.fullest(features, max_tokens=70, batch_size=8)
    longest = max(item.num_tokens for item in features)
    assert found[0].num_tokens == longest
    assert sum(item.num_tokens for item in found) <= 70
