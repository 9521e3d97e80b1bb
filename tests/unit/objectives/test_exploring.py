"""Learning from the model's own answers: the losses, the scores, and what stops a run."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tests import tiny
from tests.contracts.cases import OBJECTIVE_SETTINGS, Case, case
from tests.contracts.rows import ROWS

from luthier.core.errors import DataError, RecipeError
from luthier.core.events import Explored
from luthier.data.features import Features
from luthier.data.rows import Prompt
from luthier.engine.fit import fit
from luthier.graders import Score
from luthier.models.bundle import Bundle, Source
from luthier.models.codec import codec_of
from luthier.models.facts import facts_of
from luthier.models.trunks import build
from luthier.objectives import _completions as completions
from luthier.objectives import collate_tokens, needed, objectives, roles_of
from luthier.objectives.grpo import Config, Grpo
from luthier.tuners import tuners
from luthier.workflow.check import refuse_lost_base

BOTH = ("grpo", "ppo")


def logprobs_by_hand(found: Case, row: Any) -> torch.Tensor:
    """Log-probabilities of a row's completion tokens, from the whole model's logits."""
    ids = torch.from_numpy(row.input_ids).long()
    logits = found.bundle.model(input_ids=ids[None]).logits[0].float()
    chosen = logits.log_softmax(-1)[:-1].gather(1, ids[1:, None])[:, 0]
    return chosen[-row.num_trained :].detach()


def test_the_loss_of_grpo_is_what_its_equation_says() -> None:
    found = case("lora", "grpo")
    found.bundle.model.eval()
    total = 0.0
    for row in found.features:
        now = logprobs_by_hand(found, row)
        ratio = torch.exp(now - torch.from_numpy(row.arrays["old"]))
        advantage = float(row.arrays["advantage"][0])
        gained = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
        ahead = torch.from_numpy(row.arrays["reference"]) - now
        apart = torch.exp(ahead) - ahead - 1
        total += float((-gained + 0.04 * apart).mean())
    assert found.loss(found.features) == pytest.approx(total / len(found.features), rel=1e-4)


def test_the_loss_of_ppo_is_what_its_equations_say() -> None:
    found = case("lora", "ppo")
    found.bundle.model.eval()
    total, number = 0.0, 0
    for row in found.features:
        now = logprobs_by_hand(found, row)
        known = {name: torch.from_numpy(array) for name, array in row.arrays.items()}
        ratio = torch.exp(now - known["old"])
        bounded = ratio.clamp(0.8, 1.2) * known["advantage"]
        gained = torch.minimum(ratio * known["advantage"], bounded)
        missed = 0.5 * known["return"] ** 2  # the value head says 0 still
        total += float((-gained + 0.1 * missed).sum())
        number += len(now)
    assert found.loss(found.features) == pytest.approx(total / number, rel=1e-4)


def test_returns_of_ppo_hold_the_score_less_the_divergence() -> None:
    found = case("lora", "ppo")
    for row in found.features:
        # values are 0 and the policy is the reference still: the score, smoothed backwards
        ahead = np.arange(row.num_trained)[::-1]
        np.testing.assert_allclose(row.arrays["return"], row.arrays["return"][-1] * 0.95**ahead,
                                   rtol=1e-3)  # fmt: skip
    every = np.concatenate([row.arrays["advantage"] for row in found.features])
    assert every.mean() == pytest.approx(0.0, abs=1e-5)
    assert every.std(ddof=1) == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("name", BOTH)
def test_the_same_seed_says_the_same(name: str) -> None:
    first, second = case("lora", name), case("lora", name)
    for one, other in zip(first.features, second.features, strict=True):
        np.testing.assert_array_equal(one.input_ids, other.input_ids)
        assert all(np.array_equal(one.arrays[key], other.arrays[key]) for key in one.arrays)


@pytest.mark.parametrize("name", BOTH)
def test_an_update_makes_what_did_well_likelier(name: str) -> None:
    found = case("lora", name)
    found.bundle.model.eval()
    before = [logprobs_by_hand(found, row) for row in found.features]
    steps = found.gradient(found.features, max_tokens=10**6)
    for key, parameter in found.bundle.model.named_parameters():
        if key in steps:
            parameter.data -= 0.05 * steps[key]
    gained = 0.0
    for row, then in zip(found.features, before, strict=True):
        advantage = torch.from_numpy(np.broadcast_to(row.arrays["advantage"], then.shape).copy())
        gained += float((advantage * (logprobs_by_hand(found, row) - then)).sum())
    assert gained > 0


def test_the_score_rises_over_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"grader": {"name": "length", "unit": "characters", "most": 1, "fade": 12},
              "max_new_tokens": 4, "group_size": 6, "beta": 0.0}  # fmt: skip
    monkeypatch.setitem(OBJECTIVE_SETTINGS, "grpo", config)
    found = case("lora", "grpo")
    changes = {"batch_size": 8, "epochs": 99, "max_steps": 30, "validation": [],
               "learning_rate": 2e-2, "lr_scheduler_type": "constant",
               "micro_batch_tokens": 1024}  # fmt: skip
    events = found.fit(tmp_path, **changes)
    rewards = [event.metrics["reward"] for event in events if isinstance(event, Explored)]
    assert np.mean(rewards[-4:]) > np.mean(rewards[:4]) + 0.05


@pytest.mark.parametrize("name", BOTH)
def test_a_score_that_is_no_number_stops_the_run_and_loses_nothing(
    name: str, tmp_path: Path
) -> None:
    found = case("lora", name)
    found.plan = replace(found.plan, save_every=0)
    explore, calls = found.objective.grader.grade, []

    def grade(answers: Any) -> list[Score]:
        calls.append(1)
        scores = explore(answers)
        return scores if len(calls) < 3 else [Score(math.nan), *scores[1:]]

    found.objective.grader.grade = grade
    job = found.job(tmp_path, validation=[], epochs=9)
    with pytest.raises(DataError, match=r"grader 'similarity' scored nan for the completion"):
        list(fit(job))
    # two explorations, each with two updates
    assert [path.name for path in tmp_path.glob("checkpoints/step-*")] == ["step-000004"]


def test_cut_answers_may_be_masked() -> None:
    config = Config(grader={"name": "exact"}, truncated="mask", max_new_tokens=3)
    found = case("lora", "grpo")
    objective = Grpo(config)
    experience = objective.explore(
        replace(found.roles(), reference=found.view()), found.prompts, step=0, seed=0
    )
    cut = [record["truncated"] for record in experience.records]
    masked = [not row.num_trained for row in experience.features]
    assert any(cut)
    assert masked == cut
    batch = objective.collate(experience.features)
    assert len(batch.tensors["count"]) == len(cut) - sum(cut)


def test_a_grader_is_chosen_from_the_right_answers() -> None:
    words = ROWS[Prompt]()
    numbers = [replace(row, reference=str(n)) for n, row in enumerate(words)]
    assert Grpo.resolve(Config(), words)["grader"][0] == {"name": "exact"}
    assert Grpo.resolve(Config(), numbers)["grader"][0] == {"name": "number"}
    for text in ("3 + 4 = 7", "so it is 7\n#### 1,007", "$7.50", "-7", "7 %", "7."):
        assert Grpo.resolve(Config(), [replace(words[0], reference=text)])["grader"][0] == {
            "name": "number"
        }
    for text in ('{"a": 7}', "There are 7 of them.", "a = b", "2024-05-01"):
        assert Grpo.resolve(Config(), [replace(words[0], reference=text)])["grader"][0] == {
            "name": "exact"
        }
    assert Grpo.resolve(Config(grader={"name": "length"}), words) == {}
    with pytest.raises(RecipeError, match="the rows have no right answers to compare with"):
        Grpo.resolve(Config(), [replace(row, reference="") for row in words])


@pytest.mark.parametrize("name", BOTH)
def test_a_broken_grader_is_found_before_training(name: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def grade(completion, row): return row['nothing']")
    kind = objectives.get(name)
    config = kind.Config(grader={"name": "python", "path": str(file)}, max_new_tokens=2)
    found, learned = case("lora", name), kind(config)
    with pytest.raises(DataError, match=r"fails on 32 of 32|fails on 64 of 64") as caught:
        learned.try_out(found.roles(), found.prompts, seed=0)
    assert "mine.py line 1: KeyError" in str(caught.value)
    learned.close()


@pytest.mark.parametrize("name", BOTH)
def test_a_grader_that_cannot_be_used_is_refused_without_a_model(name: str, tmp_path: Path) -> None:
    prompts, kind = case("lora", name).prompts, objectives.get(name)
    missing = kind(kind.Config(grader=str(tmp_path / "mine.py"), max_new_tokens=2))
    with pytest.raises(RecipeError, match=r"mine.py: no such file"):
        missing.vet(prompts, context=64)
    bare = kind(kind.Config(grader="number", max_new_tokens=2))
    with pytest.raises(DataError, match="line 1: no right answer"):
        bare.vet([_without_answer(item) for item in prompts], context=64)


def test_completions_that_the_context_cannot_hold_are_refused_or_said() -> None:
    prompts = case("lora", "grpo").prompts
    shortest, longest = (end(item.num_tokens for item in prompts) for end in (min, max))
    assert shortest < longest
    learned = Grpo(Config(grader="length", max_new_tokens=10))
    assert learned.vet(prompts, context=longest + 10) == []
    (note,) = learned.vet(prompts, context=longest + 9)
    assert "leave less than objective.max_new_tokens (10)" in note
    with pytest.raises(RecipeError, match=r"max_new_tokens: got 10, but .* Use at most"):
        learned.vet(prompts, context=shortest + 9)


def _without_answer(item: Features) -> Features:
    known = {**json.loads(item.arrays["row"].tobytes()), "reference": ""}
    return replace(item, arrays={"row": np.frombuffer(json.dumps(known).encode(), np.uint8)})


def test_a_temperature_is_seen_by_the_loss() -> None:
    warm = case("lora", "grpo")
    warm.objective.config = warm.objective.config.model_copy(update={"temperature": 2.0})
    row = warm.features[0]
    ids = torch.from_numpy(row.input_ids).long()
    warm.bundle.model.eval()
    logits = warm.bundle.model(input_ids=ids[None]).logits[0].float() / 2.0
    chosen = logits.log_softmax(-1)[:-1].gather(1, ids[1:, None])[:, 0][-row.num_trained :]
    with torch.no_grad():
        loss = warm.objective.loss(warm.roles(), warm.objective.collate([row]))
    entropy = loss.metrics["entropy"]
    assert float(entropy[0]) == pytest.approx(float(-chosen.detach().sum()), rel=1e-4)


def test_a_temperature_holds_for_the_bias_of_a_head() -> None:
    model = tiny.small("phi", hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                       num_attention_heads=4, max_position_embeddings=64)  # fmt: skip
    torch.nn.init.normal_(model.lm_head.bias, std=2.0, generator=torch.Generator().manual_seed(1))
    model.requires_grad_(False)
    trunk = build(model, "causal_lm", prefer="general", compute_dtype=torch.float32)
    source = Source("tiny", Path("tiny"), "0" * 64)
    codec = codec_of(tiny.tokenizer())
    policy = Bundle(model, "causal_lm", facts_of(model), codec, source, trunk)
    prompt, said = Features(0, np.array([5, 6, 7], np.int32)), np.array([8, 9, 10], np.int32)
    row = completions.completed(prompt, said, np.ones(3, np.float32), {})
    batch = collate_tokens([row])
    hidden = trunk.hidden(batch, batch.tensors["at"])
    found = completions.logprobs_of(policy, hidden, batch, temperature=2.0)
    logits = model(input_ids=torch.tensor([[5, 6, 7, 8, 9, 10]])).logits[0] / 2.0
    expected = logits.log_softmax(-1)[2:5].gather(1, torch.tensor([[8], [9], [10]]))[:, 0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", BOTH)
def test_without_a_weight_of_the_divergence_nobody_asks_the_reference(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, full = objectives.get(name), tuners.get("full")
    grader = {"name": "exact"}
    spared, compared = kind(kind.Config(grader=grader, beta=0)), kind(kind.Config(grader=grader))
    refuse_lost_base(spared, full, names=(name, "full"))
    with pytest.raises(RecipeError, match="compares with the model before tuning"):
        refuse_lost_base(compared, full, names=(name, "full"))
    assert (roles_of(spared), needed(compared)) == ({"policy"}, {"policy", "reference"})

    monkeypatch.setitem(OBJECTIVE_SETTINGS, name, {**OBJECTIVE_SETTINGS[name], "beta": 0})
    found = case("full", name)
    models = replace(found.roles(), reference=None)
    rows = found.objective.explore(models, found.prompts, step=0, seed=0).features
    loss = found.objective.loss(models, found.objective.collate(rows))
    assert "kl" not in loss.metrics
    assert math.isfinite(float(loss.sum.detach()))


def test_settings_that_would_do_nothing_are_refused_or_said() -> None:
    with pytest.raises(ValidationError, match="whose gradient in a loss is 0 on average"):
        Config(kl="k1")  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="with beta 0 nothing is compared with it"):
        Config(reference="other", beta=0)
    prompts = case("lora", "grpo").prompts
    fresh = Config(grader="length", max_new_tokens=2, clip_high=0.28)
    (note,) = Grpo(fresh).vet(prompts, context=256)
    assert "no effect with objective.updates=1" in note
    assert Grpo(fresh.model_copy(update={"updates": 2})).vet(prompts, context=256) == []


def test_masking_all_that_the_model_says_is_refused() -> None:
    found = case("lora", "grpo")
    config = Config(grader={"name": "length"}, truncated="mask", max_new_tokens=1)
    with pytest.raises(RecipeError, match=r"truncated: got 'mask', but all 64 answers .* were cut"):
        Grpo(config).try_out(found.roles(), found.prompts, seed=0)
    learned = config.model_copy(update={"truncated": "learn"})
    assert Grpo(learned).try_out(found.roles(), found.prompts, seed=0).cut_share == 1


@pytest.mark.parametrize("name", BOTH)
def test_prompts_that_leave_no_room_are_named(name: str) -> None:
    found = case("lora", name)
    room = found.bundle.facts.context_length
    long = [replace(row, input_ids=np.resize(row.input_ids, room)) for row in found.prompts]
    models = replace(found.roles(), reference=found.view())
    with pytest.raises(DataError, match=r"rows.jsonl line 1: .* leaves no room for an answer"):
        found.objective.explore(models, long, step=0, seed=0)
