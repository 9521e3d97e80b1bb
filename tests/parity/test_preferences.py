"""Losses on preferences are those of TRL's trainers: same weights, same batch, float32.

The numbers are from an environment of TRL's own: tests/golden/make/trl_preferences.py.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests import tiny
from tests.golden.make import trl_preferences as made

from luthier.data.features import Features
from luthier.models.bundle import Bundle, Kind, Source
from luthier.models.codec import codec_of
from luthier.models.facts import facts_of
from luthier.models.trunks import build
from luthier.objectives import Precomputer, Roles, objectives

GOLDEN = json.loads(made.PLACE.read_text())["losses"]
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "dpo sigmoid": ("dpo", {}),
    "dpo ipo": ("dpo", {"loss": "ipo", "length_normalised": True}),
    "dpo hinge": ("dpo", {"loss": "hinge"}),
    "dpo robust": ("dpo", {"label_smoothing": 0.2, "smoothing": "robust"}),
    "dpo length-normalised": ("dpo", {"length_normalised": True}),
    "dpo rpo, first pair": ("dpo", {"rpo_alpha": 0.5}),
    "simpo": ("simpo", {}),
    "simpo sft, first pair": ("simpo", {"sft_alpha": 0.5}),
    "orpo, first pair": ("orpo", {"nll_of": "conversation"}),
    "kto": ("kto", {"good_weight": made.WEIGHTS[0], "bad_weight": made.WEIGHTS[1]}),
    "reward": ("reward", {"use_margins": False}),
    "reward margins centred": ("reward", {"center_coefficient": 0.01}),
}
"""What is golden, and the settings it stands for."""


def bundle(model: Any, kind: Kind, path: str) -> Bundle:
    model.requires_grad_(False)
    trunk = build(model, kind, prefer=path, compute_dtype=torch.float32)  # type: ignore[arg-type]
    source = Source("tiny", Path("tiny"), "0" * 64)
    return Bundle(model, kind, facts_of(model), codec_of(tiny.tokenizer()), source, trunk)


def features(name: str) -> list[Features]:
    """The rows of the golden batch as the objective prepares them."""
    pairs, found = made.tokens(), []
    for place, prompt in enumerate(pairs["prompt"]):
        answers = [pairs["chosen"][place], pairs["rejected"][place]]
        answers = answers[:1] if name == "kto" else answers
        ids = [np.array(prompt + answer, np.int32) for answer in answers]
        masks = [np.r_[np.zeros(len(prompt)), np.ones(len(answer))] for answer in answers]
        is_scored = name == "reward"
        found.append(
            Features(
                place,
                np.concatenate(ids),
                np.zeros(0, np.float32) if is_scored else np.concatenate(masks).astype(np.float32),
                label=1 if is_scored else -100,
                sequences=() if name == "kto" else tuple(map(len, ids)),
                arrays={
                    "margin": np.array(made.MARGINS[place], np.float32),
                    "is_good": np.array(made.GOOD[place]),
                },
            )
        )
    return found


@pytest.mark.parametrize("path", ["general", "fast"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_loss_is_that_of_trl(variant: str, path: str) -> None:
    name, settings = VARIANTS[variant]
    kind = objectives.get(name)
    objective = kind(kind.Config(**{"length_normalised": False, **settings})
                     if name == "dpo" else kind.Config(**settings))  # fmt: skip
    if name == "reward":
        policy = bundle(made.scorer(), "sequence_classifier", path)
        before = policy
    else:
        policy = bundle(made.language_model(0), "causal_lm", path)
        before = bundle(made.language_model(1), "causal_lm", path)

    @contextmanager
    def reference() -> Generator[Bundle]:
        yield before

    rows = features(name)[:1] if "first pair" in variant else features(name)
    models = Roles(policy, reference)
    if isinstance(objective, Precomputer):
        with torch.no_grad():
            said = objective.constants(models, objective.collate(rows))
        for place, row in enumerate(rows):
            dict.update(row.arrays, {key: values[place] for key, values in said.items()})  # type: ignore[arg-type]

    loss = objective.loss(models, objective.collate(rows))

    assert float(loss.sum / loss.count) == pytest.approx(GOLDEN[variant], rel=1e-5)


def test_every_golden_loss_is_compared() -> None:
    assert set(GOLDEN) == set(VARIANTS)
