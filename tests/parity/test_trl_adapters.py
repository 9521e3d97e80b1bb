"""What Luthier saves, TRL opens, judges alike and trains on.

The numbers are from an environment of TRL's own: tests/golden/make/trl_adapters.py.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.golden.make import adapters as written
from tests.golden.make import trl_adapters as made
from torch.testing import assert_close

from luthier.data.features import Features
from luthier.objectives._pairs import Said, collate_answers, say

GOLDEN = json.loads(made.PLACE.read_text())
ROWS = GOLDEN["rows"]


def test_every_adapter_was_opened_there() -> None:
    assert set(GOLDEN["versions"]) == {"trl", "peft", "transformers", "torch"}
    assert set(GOLDEN["adapters"]) == set(written.ADAPTERS) == set(made.NAMES)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written.base(tmp_path_factory.mktemp("model"))


def said_by(bundle: Any) -> Said:
    """Log-probabilities of chosen and rejected of both rows."""
    features: list[Features] = []
    for place, row in enumerate(ROWS):
        answers = [row["chosen_ids"], row["rejected_ids"]]
        ids = [np.array(row["prompt_ids"] + answer, np.int32) for answer in answers]
        masks = [np.r_[np.zeros(len(row["prompt_ids"])), np.ones(len(a))] for a in answers]
        weights = np.concatenate(masks).astype(np.float32)
        features.append(
            Features(place, np.concatenate(ids), weights, sequences=tuple(map(len, ids)))
        )
    return say(bundle, collate_answers(features))


def last_logits(bundle: Any) -> torch.Tensor:
    row = ROWS[0]
    ids = np.array(row["prompt_ids"] + row["chosen_ids"], np.int32)
    features = Features(0, ids, np.r_[np.zeros(len(ids) - 1), 1.0].astype(np.float32))
    batch = collate_answers([features])
    head = bundle.trunk.head()
    hidden = bundle.trunk.hidden(batch)[-1]
    return torch.nn.functional.linear(hidden, head.weight, head.bias)[: made.NUM_LOGITS]


@pytest.mark.parametrize("name", written.ADAPTERS)
def test_trl_gives_our_logits_and_losses(name: str, base: Path) -> None:
    golden = GOLDEN["adapters"][name]
    bundle, tuner = written.tuned(name, base)
    with torch.no_grad():
        # float32 sums in another order
        wanted = torch.tensor(golden["logits"])
        assert_close(last_logits(bundle), wanted, rtol=1e-4, atol=1e-5)
        said = said_by(bundle)
        chosen, rejected = said.logprobs_S.view(-1, 2).unbind(1)
        loss = -chosen.sum() / said.tokens_S.view(-1, 2)[:, 0].sum()
        assert loss.item() == pytest.approx(golden["sft"]["evaluated"], rel=1e-5)
        if name in made.FIXED:
            return
        dpo = golden["dpo"]
        assert chosen.mean().item() == pytest.approx(dpo["logps/chosen"], rel=1e-5)
        assert rejected.mean().item() == pytest.approx(dpo["logps/rejected"], rel=1e-5)
        if (
            dpo["reference"] == "a copy" and name not in made.AFRESH
        ):  # then nothing has been learned yet
            expected = math.log(2)
        else:
            with tuner.base(bundle.model):
                before = said_by(bundle).logprobs_S.view(-1, 2)
            margin = (chosen - rejected) - (before[:, 0] - before[:, 1])
            expected = -torch.nn.functional.logsigmoid(0.1 * margin).mean().item()
        assert dpo["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", sorted(set(made.NAMES) - set(made.FIXED)))
def test_trl_goes_on_training_the_adapter_and_nothing_else(name: str, base: Path) -> None:
    learned = GOLDEN["adapters"][name]["sft"]
    assert learned["moved"]
    assert learned["only_the_adapter_moved"]
    assert learned["trained"] == pytest.approx(learned["evaluated"], rel=1e-6)
    bundle, _ = written.tuned(name, base)
    ours = sum(p.numel() for p in bundle.model.parameters() if p.requires_grad)
    # what we train as the change of a start is an adapter of twice the rank elsewhere
    assert learned["parameters"] == ours * (2 if name == "pissa" else 1)
