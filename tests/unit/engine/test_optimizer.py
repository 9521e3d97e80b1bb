"""The engine's update against a plain torch loop written out here."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tests.contracts.cases import case

from luthier.core.events import Updated
from luthier.data.order import order
from luthier.objectives import Roles

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
