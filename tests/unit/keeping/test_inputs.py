"""Rows and passes that differ while training: noise, dropout twice, changed texts."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.unit.keeping.arranged import arranged, build, setting
from torch.nn.functional import binary_cross_entropy_with_logits

from luthier.core.errors import RecipeError
from luthier.data.features import Batch
from luthier.engine import keepers
from luthier.keeping.augment import Config, changed, slipped
from luthier.models.trunks import build as build_trunk

TEXT = "the red one is good and the blue one is bad"


def test_noise_is_as_large_as_the_length_of_each_row_says_and_only_in_training() -> None:
    option = build("neftune", alpha=5.0)
    found, _ = arranged("full", "sft", [option])
    batch = found.objective.collate(found.features)
    model: Any = found.bundle.model
    layer = model.get_input_embeddings()
    heard: list[torch.Tensor] = []
    plain = layer.weight[batch.input_ids_N].detach()

    def run(models: Any) -> Any:
        heard.append(layer(batch.input_ids_N).detach())
        return found.objective.loss(models, batch)

    option.around(found.roles(), batch, run)
    noise = (heard[0] - plain).abs()
    for part, length in zip(noise.split(list(batch.lengths)), batch.lengths, strict=True):
        limit = 5.0 / (length * plain.shape[1]) ** 0.5
        assert 0.8 * limit < float(part.max()) <= limit * (1 + 1e-5)
    assert torch.equal(layer(batch.input_ids_N), layer.weight[batch.input_ids_N])
    found.bundle.model.eval()
    job = found.job(Path("unused"), keepers=[option])
    with torch.no_grad():
        one = keepers.surrounded(job, found.roles(), batch)
    assert float(one.sum) == pytest.approx(
        float(found.objective.loss(found.roles(), batch).sum.detach())
    )


@pytest.mark.parametrize("path", ["general", "fast"])
def test_every_answer_to_a_prompt_gets_noise_of_its_own(path: Any) -> None:
    option = build("neftune", alpha=5.0)
    found, _ = arranged("lora", "dpo", [option])
    model: Any = found.bundle.model
    found.bundle.trunk = build_trunk(model, "causal_lm", prefer=path, compute_dtype=torch.float32)
    ids = torch.arange(10, 40)
    batch = Batch(torch.cat([ids, ids[:25]]), (30, 25), (0, 0))
    heard: list[torch.Tensor] = []
    layer = model.get_input_embeddings()
    layer.register_forward_hook(lambda _module, _inputs, output: heard.append(output.detach()))
    found.bundle.trunk.hidden(batch)
    option.around(found.roles(), batch, lambda models: models.policy.trunk.hidden(batch))
    calm, noisy = (each.flatten(0, -2) for each in heard)
    assert len(calm) == 30 + 1  # the second begins as the first, its last token is its own
    one, other = (noisy - layer.weight[batch.input_ids_N]).split((30, 25))
    assert one.abs().min() > 0
    assert not torch.equal(one[:25], other)


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


def test_rows_without_a_plain_text_cannot_be_changed() -> None:
    found, _ = arranged("full", "sft", [])
    with pytest.raises(RecipeError, match=r"keep\.augment: rows of this objective are chat"):
        build("augment").prepare(setting(found))
