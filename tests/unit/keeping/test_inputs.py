"""Rows and passes that differ while training: noise, dropout twice, changed texts."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.contracts.cases import Case
from tests.unit.keeping.arranged import arranged, build, setting
from torch.nn.functional import binary_cross_entropy_with_logits

from luthier.core.errors import RecipeError
from luthier.data.features import Batch
from luthier.engine import keepers
from luthier.engine.preflight import preflight
from luthier.keeping import keepers as keepers_of_keep
from luthier.keeping.augment import Config, changed, slipped
from luthier.models.soft_prompt import SoftPrompt
from luthier.models.trunks import build as build_trunk
from luthier.objectives import Loss, Roles

DROPOUT = "hidden_dropout_prob"
TEXT = "the red one is good and the blue one is bad"


class Heard:
    """What a table of words gives, call by call, without noise and with it."""

    def __init__(self, found: Case) -> None:
        model: Any = found.bundle.model
        table = model.get_input_embeddings()
        self.table = table.base if isinstance(table, SoftPrompt) else table
        self.ids: list[torch.Tensor] = []
        self.noise: list[torch.Tensor] = []
        self.table.register_forward_hook(self._hear)

    def _hear(self, _module: Any, inputs: Any, output: torch.Tensor) -> None:
        ids = inputs[0].flatten()
        self.ids.append(ids)
        plain = self.table.weight[ids].detach()
        self.noise.append((output.detach().flatten(0, -2) - plain).abs())


def heard(tuner: str, objective: str, path: Any) -> tuple[Any, Case, Heard]:
    """An option of noise, a training that runs on a path, and what is heard of its words."""
    option = build("neftune", alpha=5.0)
    found, _ = arranged(tuner, objective, [option])
    bundle = found.bundle
    bundle.trunk = build_trunk(bundle.model, bundle.kind, prefer=path, compute_dtype=torch.float32)
    return option, found, Heard(found)


@pytest.mark.parametrize("path", ["general", "fast"])
@pytest.mark.parametrize("objective", ["sft", "classify", "tag", "contrastive"])
@pytest.mark.parametrize("tuner", ["full", "lora", "prompt"])
def test_noise_is_as_large_as_the_length_of_each_row_says(
    tuner: str, objective: str, path: Any
) -> None:
    if (tuner, objective, path) == ("full", "sft", "fast"):
        pytest.skip("the fast path of language models takes frozen weights only")
    option, found, words = heard(tuner, objective, path)
    batch = found.objective.collate(found.features)
    option.around(found.roles(), batch, lambda models: found.objective.loss(models, batch))
    ids, noise = words.ids[0].tolist(), words.noise[0]
    prompt = 4 if tuner == "prompt" else 0
    width, at = noise.shape[1], 0
    left = [part.tolist() for part in batch.input_ids_N.split(list(batch.lengths))]
    while left:  # some paths read rows in another order
        at += prompt
        row = max((row for row in left if ids[at : at + len(row)] == row), key=len)
        left.remove(row)
        limit = 5.0 / ((prompt + len(row)) * width) ** 0.5
        assert 0.8 * limit < float(noise[at : at + len(row)].max()) <= limit * (1 + 1e-4)
        at += len(row)
    assert at == len(ids)


@pytest.mark.parametrize("path", ["general", "fast"])
def test_noise_is_added_in_training_only(path: Any) -> None:
    option, found, words = heard("full", "classify", path)
    batch = found.objective.collate(found.features)
    found.objective.loss(found.roles(), batch)
    found.bundle.model.eval()
    job = found.job(Path("unused"), keepers=[option])
    with torch.no_grad():
        keepers.surrounded(job, found.roles(), batch)
    assert [float(noise.max()) for noise in words.noise] == [0.0, 0.0]


def test_a_model_that_reads_its_words_past_its_table_is_refused() -> None:
    option, found, _ = heard("lora", "classify", "fast")
    batch = found.objective.collate(found.features)
    with pytest.raises(RecipeError, match=r"keep\.neftune: this model did not read the words"):
        option.around(found.roles(), batch, lambda _: Loss(torch.zeros(()), torch.ones(())))


def test_noise_is_for_models_that_read_words() -> None:
    assert "image_classifier" not in keepers_of_keep.get("neftune").kinds


@pytest.mark.parametrize("path", ["general", "fast"])
def test_every_answer_to_a_prompt_gets_noise_of_its_own(path: Any) -> None:
    option, found, words = heard("lora", "dpo", path)
    ids = torch.arange(10, 40)
    batch = Batch(torch.cat([ids, ids[:25]]), (30, 25), (0, 0))
    found.bundle.trunk.hidden(batch)
    option.around(found.roles(), batch, lambda models: models.policy.trunk.hidden(batch))
    calm, noisy = words.noise
    assert len(calm) == 30 + 1  # the second begins as the first, its last token is its own
    one, other = noisy.split((30, 25))
    assert one.abs().min() > 0
    assert not torch.equal(one[:25], other)


def test_a_piece_that_is_run_again_in_the_backward_pass_has_the_noise_that_its_vectors_had() -> (
    None
):
    option, found, _ = heard("lora", "contrastive", "fast")
    found.disturb()
    config: Any = found.objective.config
    found.objective.config = config.model_copy(update={"tokens_at_once": 20})
    batch, model = found.objective.collate(found.features), found.bundle.model
    assert batch.num_tokens > 2 * 20

    def gradient(*, within: bool) -> torch.Tensor:
        def run(models: Roles) -> Loss:
            loss = found.objective.loss(models, batch)
            if within:
                loss.sum.backward()
            return loss

        model.zero_grad()
        torch.manual_seed(0)
        loss = option.around(found.roles(), batch, run)
        if not within:
            loss.sum.backward()
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        return torch.cat([grad.flatten() for grad in grads])

    torch.testing.assert_close(gradient(within=False), gradient(within=True))


def test_two_passes_must_agree_by_the_formula_of_the_paper() -> None:
    option = build("r_drop", alpha=2.0)
    found, _ = arranged("full", "classify", [option])
    batch = found.objective.collate(found.features)
    torch.manual_seed(1)
    got = option.around(found.roles(), batch, lambda m: found.objective.loss(m, batch))
    torch.manual_seed(1)
    scores = [found.bundle.trunk.scores(batch) for _ in range(2)]
    labels = batch.tensors["labels"]
    nll = [torch.nn.functional.cross_entropy(s, labels, reduction="sum") for s in scores]
    p, q = (s.log_softmax(-1) for s in scores)
    apart = (p.exp() * (p - q)).sum() + (q.exp() * (q - p)).sum()
    expected = (nll[0] + nll[1]) / 2 + 2.0 / 4 * apart
    assert float(apart.detach()) > 0
    torch.testing.assert_close(got.sum, expected, rtol=1e-5, atol=1e-6)


def test_labels_that_do_not_compete_agree_each_for_itself() -> None:
    option = build("r_drop", alpha=2.0)
    found, _ = arranged("full", "multilabel", [option])
    batch = found.objective.collate(found.features)
    torch.manual_seed(1)
    got = option.around(found.roles(), batch, lambda m: found.objective.loss(m, batch))
    torch.manual_seed(1)
    scores = [found.bundle.trunk.scores(batch) for _ in range(2)]
    targets = batch.tensors["targets"]
    losses = [
        binary_cross_entropy_with_logits(s, targets, reduction="none").mean(-1).sum()
        for s in scores
    ]
    p, q = (s.sigmoid() for s in scores)
    apart = sum(
        (x * (x / y).log() + (1 - x) * ((1 - x) / (1 - y)).log()).mean(-1).sum()
        for x, y in ((p, q), (q, p))
    )
    expected = (losses[0] + losses[1]) / 2 + 2.0 / 4 * apart
    assert float(torch.as_tensor(apart).detach()) > 0
    torch.testing.assert_close(got.sum, expected, rtol=1e-5, atol=1e-5)


def test_two_passes_that_give_one_number_are_as_far_apart_as_their_numbers() -> None:
    option = build("r_drop", alpha=2.0)
    found, _ = arranged("full", "regress", [option])
    batch = found.objective.collate(found.features)
    torch.manual_seed(1)
    got = option.around(found.roles(), batch, lambda m: found.objective.loss(m, batch))
    torch.manual_seed(1)
    one, other = (found.bundle.trunk.scores(batch)[:, 0] for _ in range(2))
    losses = [(s - batch.tensors["targets"]).square().sum() for s in (one, other)]
    apart = (one - other).square().sum()
    assert float(apart.detach()) > 0
    expected = (losses[0] + losses[1]) / 2 + 2.0 / 4 * apart
    torch.testing.assert_close(got.sum, expected, rtol=1e-5, atol=1e-6)


def test_two_passes_without_dropout_are_refused_before_training(tmp_path: Path) -> None:
    quiet = {DROPOUT: 0.0, "attention_probs_dropout_prob": 0.0}
    found, fields = arranged("full", "classify", [build("r_drop")], **quiet)
    with pytest.raises(RecipeError, match=r"keep\.r_drop: two passes .* nothing that trains"):
        preflight(found.job(tmp_path, **fields))
    found, fields = arranged("full", "classify", [build("r_drop")], **(quiet | {DROPOUT: 1e-4}))
    preflight(found.job(tmp_path, **fields))  # so small a share drops hardly anything


def test_dropout_of_the_model_is_set_and_a_model_without_any_is_refused() -> None:
    found, _ = arranged("full", "classify", [build("dropout", share=0.4)])
    shares = {m.p for m in found.bundle.model.modules() if isinstance(m, torch.nn.Dropout)}
    assert shares == {0.4}
    with pytest.raises(RecipeError, match="no dropout layers"):
        arranged("full", "sft", [build("dropout", share=0.4)])


def test_shares_of_words_are_changed_and_an_empty_text_never_comes_out() -> None:
    assert changed(TEXT, Config(drop=0.0, swap=0.0), random.Random(0)) == TEXT
    assert changed(TEXT, Config(drop=0.999, swap=0.0), random.Random(0))
    dropped = [
        len(changed(TEXT, Config(drop=0.3, swap=0.0), random.Random(n)).split()) for n in range(400)
    ]
    assert sum(dropped) / 400 == pytest.approx(0.7 * len(TEXT.split()), rel=0.05)
    swapped = changed(TEXT, Config(drop=0.0, swap=0.9), random.Random(0))
    assert sorted(swapped.split()) == sorted(TEXT.split())
    assert swapped != TEXT


def test_a_slip_changes_a_word_by_a_letter() -> None:
    found = [slipped("house", random.Random(n)) for n in range(50)]
    assert all(4 <= len(word) <= 6 for word in found)
    assert len(set(found)) > 10
    assert slipped("a", random.Random(0)) == "a"


def test_other_texts_come_in_other_updates_and_the_same_in_the_same() -> None:
    option = build("augment", drop=0.3, rows=1.0)
    found, _ = arranged("full", "classify", [option])
    long = found.features[4:]
    first, again, other = (option.change(long, step) for step in (0, 0, 1))
    ids = [[item.input_ids.tolist() for item in rows] for rows in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]
    assert [item.label for item in first] == [item.label for item in long]


def test_shares_of_words_are_of_one_whole() -> None:
    with pytest.raises(ValueError, match=r"got 1\.2 together"):
        build("augment", drop=0.6, swap=0.6)


def test_rows_without_a_plain_text_cannot_be_changed() -> None:
    found, _ = arranged("full", "sft", [])
    with pytest.raises(RecipeError, match=r"keep\.augment: rows of this objective are chat"):
        build("augment").prepare(setting(found))
