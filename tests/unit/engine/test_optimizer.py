"""The engine's update against a plain torch loop written out here."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tests.contracts.cases import WAYS, case

from luthier.core.events import Updated
from luthier.data.order import order
from luthier.engine.fit import fit
from luthier.engine.optimizer import open_optimizer
from luthier.objectives import Roles

NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
EPOCHS, BATCH, RATE, DECAY = 3, 3, 2e-3, 0.1


def test_losses_equal_those_of_a_plain_torch_loop(tmp_path: Path) -> None:
    """AdamW, linear decay, clipping at 1, mean over tokens; rtol: sums in another order."""
    ours = case("full", "sft")
    changes = {"epochs": EPOCHS, "batch_size": BATCH, "learning_rate": RATE, "weight_decay": DECAY}
    events = ours.fit(
        tmp_path, **changes, lr_scheduler_type="linear", warmup_steps=0, validation=[]
    )
    theirs = case("full", "sft")
    model = theirs.bundle.model
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=RATE)
    total = EPOCHS * math.ceil(8 / BATCH)
    expected: list[float] = []
    for epoch in range(EPOCHS):
        rows = order(8, seed=0, epoch=epoch)
        for start in range(0, 8, BATCH):
            batch = theirs.objective.collate([theirs.features[n] for n in rows[start:][:BATCH]])
            loss = theirs.objective.loss(Roles(theirs.bundle), batch)
            mean = loss.sum / loss.count
            expected.append(mean.item())
            optimizer.zero_grad()
            mean.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for group in optimizer.param_groups:
                group["lr"] = RATE * (1 - (len(expected) - 1) / total)
            optimizer.step()
    found = [event.loss for event in events if isinstance(event, Updated)]
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("first", ["general", "fast"])
def test_another_path_goes_on_with_the_same_moments(
    first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fast path of encoders has sparse gradients of word embeddings, the general one dense."""
    for path in ("general", "fast"):
        monkeypatch.setitem(WAYS, path, (torch.float32, path))

    def run(*paths: str) -> list[float]:
        losses: list[float] = []
        for place, path in enumerate(paths):
            found = case("full", "classify", way=path, **NO_DROPOUT)
            job = found.job(
                tmp_path / "-".join(paths), max_steps=3 + 3 * place, lr_scheduler_type="constant"
            )
            losses += [event.loss for event in fit(job) if isinstance(event, Updated)]
        return losses

    second = "fast" if first == "general" else "general"
    changed, same = run(first, second), run(first, first)
    assert len(changed) == 6
    assert changed == pytest.approx(same, rel=1e-3)  # two paths round differently


@pytest.mark.parametrize("first", ["sparse", "dense", "none"])
@pytest.mark.parametrize("second", ["sparse", "dense", "none"])
def test_gradients_that_were_taken_are_added_by_their_share(
    tmp_path: Path, first: str, second: str
) -> None:
    found = case("full", "classify")
    optimizer = open_optimizer(found.job(tmp_path))
    name, table = next((n, p) for n, p in optimizer.named.items() if "word_embeddings" in n)
    rows = torch.randn(3, table.shape[1], generator=torch.Generator().manual_seed(0))

    def given(kind: str, at: list[int]) -> tuple[torch.Tensor | None, torch.Tensor]:
        held = torch.sparse_coo_tensor(torch.tensor([at]), rows, table.shape, check_invariants=True)
        whole = held.to_dense()
        ways = {"sparse": (held, whole), "dense": (whole.clone(), whole)}
        return ways.get(kind, (None, torch.zeros_like(whole)))

    table.grad, taken = given(first, [1, 4, 1])
    gradients = optimizer.take()
    assert table.grad is None
    table.grad, there = given(second, [4, 7, 9])
    optimizer.add(gradients, share=torch.tensor(0.25))
    if table.grad is None:
        assert (first, second) == ("none", "none")
        return
    assert table.grad.is_sparse == ("dense" not in (first, second))
    torch.testing.assert_close(table.grad.to_dense(), 0.25 * taken + there)
    assert name in optimizer.gradients()
