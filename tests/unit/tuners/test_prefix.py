"""The trained prefix: what it begins as, what runs with it, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tests import tiny
from torch import Tensor
from torch.testing import assert_close

from luthier.core.errors import ModelError, RecipeError, RunError
from luthier.data.features import Batch
from luthier.generation import generate, stream
from luthier.generation.alone import Alone
from luthier.generation.ragged import Ragged
from luthier.models.bundle import Bundle
from luthier.models.trunks import build
from luthier.tuners import attach, tuners

TEXT = "answer the question in one word"
ROWS: list[list[int]] = [[9, 8, 7, 30], [40, 41], [11, 12, 13]]


def tuned(bundle: Bundle, **settings: Any) -> Any:
    kind = tuners.get("prefix")
    tuner = kind(kind.Config(**settings))
    attach(tuner, bundle, seed=0, frozen=torch.float32)
    bundle.trunk = build(bundle.model, bundle.kind, compute_dtype=torch.float32)
    return tuner


def batch_of(*rows: list[int]) -> Batch:
    ids = torch.tensor([token for row in rows for token in row])
    return Batch(ids, tuple(map(len, rows)), tuple(range(len(rows))))


def hidden(bundle: Bundle, *rows: list[int]) -> Tensor:
    with torch.no_grad():
        return bundle.trunk.hidden(batch_of(*rows))


@pytest.mark.parametrize("architecture", ["llama", "mistral", "gemma2", "gpt2"])
def test_begun_as_a_text_it_is_that_text_before_the_input(architecture: Any) -> None:
    changes: dict[str, Any] = {"sliding_window": 5} if architecture in ("mistral", "gemma2") else {}
    plain = tiny.bundle(architecture, **changes)
    bundle = tiny.bundle(architecture, **changes)
    before = plain.codec.encode(TEXT).tolist()
    tuned(bundle, text=TEXT, num_virtual_tokens=len(before))
    assert "padded" not in " ".join(bundle.trunk.notes)
    own = [hidden(plain, before + row)[len(before) :] for row in ROWS]
    assert_close(hidden(bundle, *ROWS), torch.cat(own), rtol=1e-4, atol=1e-4)


def test_recomputed_activations_change_no_gradient() -> None:
    found: list[Tensor] = []
    for on in (False, True):
        bundle = tiny.bundle()
        tuner = tuned(bundle, num_virtual_tokens=4)
        bundle.model.train()
        bundle.trunk.set_checkpointing(on=on)
        bundle.trunk.hidden(batch_of(*ROWS)).square().sum().backward()
        (parameter,) = tuner.groups(bundle.model)[0].parameters
        found.append(parameter.grad)
    assert found[0].abs().sum() > 0
    assert_close(found[1], found[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("projection", [False, True])
def test_what_it_writes_is_what_its_trunk_finds_most_likely(*, projection: bool) -> None:
    bundle = tiny.bundle()
    tuned(bundle, num_virtual_tokens=5, projection=projection)
    shared = list(range(20, 40))  # long enough to be read once for all
    prompts = [np.array(shared + row, np.int32) for row in ROWS]
    for prompt, done in zip(prompts, generate(bundle, prompts, max_new_tokens=5), strict=True):
        ids = prompt.tolist()
        for token in done.ids.tolist():
            logits = hidden(bundle, ids)[-1] @ bundle.trunk.head().weight.mT
            assert int(logits.argmax()) == token
            ids.append(token)
    told = "".join(stream(bundle, prompts[0], max_new_tokens=5))
    assert told == generate(bundle, prompts[:1], max_new_tokens=5)[0].text


@torch.no_grad()
def test_rows_side_by_side_see_it_as_a_row_alone_does() -> None:
    bundle = tiny.bundle()
    tuned(bundle, num_virtual_tokens=5)
    shared = np.arange(20, 38, dtype=np.int32)
    rows = [np.concatenate([shared, np.array(row, np.int32)]) for row in ROWS]
    together = Ragged(bundle.model, shared)
    together.open(num_slots=3, num_columns=8)
    found = [together.read(rows), together.step([7, 8, 9])]
    for index, row in enumerate(rows):
        alone = Alone(bundle.model)
        alone.open(num_slots=1, num_columns=0)
        assert_close(found[0][index], alone.read([row])[0], rtol=1e-4, atol=1e-4)
        assert_close(found[1][index], alone.step([7 + index])[0], rtol=1e-4, atol=1e-4)


def test_it_takes_its_place_in_the_context() -> None:
    bundle = tiny.bundle()
    context = bundle.facts.context_length
    tuned(bundle, num_virtual_tokens=20)
    assert bundle.facts.context_length == context - 20
    with pytest.raises(RecipeError, match=r"got 300, but the context of the model is 256"):
        tuned(tiny.bundle(), num_virtual_tokens=300)


def test_the_base_view_has_no_prefix() -> None:
    plain, bundle = tiny.bundle(), tiny.bundle()
    tuner = tuned(bundle, num_virtual_tokens=4)
    prompts = [np.array([9, 8, 7], np.int32)]
    with tuner.base(bundle.model):
        assert torch.equal(hidden(bundle, [9, 8, 7]), hidden(plain, [9, 8, 7]))
        found = generate(bundle, prompts, max_new_tokens=4)[0].ids
    assert found.tolist() == generate(plain, prompts, max_new_tokens=4)[0].ids.tolist()


def test_fast_paths_say_why_they_do_not_run_it() -> None:
    bundle = tiny.bundle()
    tuned(bundle)
    with pytest.raises(ModelError, match="key_value_prefix is a KeyValuePrefix"):
        build(bundle.model, bundle.kind, prefer="fast", compute_dtype=torch.float32)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"init": "text"}, r"needs tuner\.text"),
        ({"init": "vocabulary", "text": "hello"}, "does not read it"),
        ({"projection": True, "text": "hello"}, "begins at random"),
        ({"encoder_hidden_size": 24}, "is of projection = true"),
        ({"projection": True, "encoder_hidden_size": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        tuners.get("prefix").Config(**settings)


def test_files_of_another_length_are_refused() -> None:
    bundle, other = tiny.bundle(), tiny.bundle()
    tuner, longer = tuned(bundle, num_virtual_tokens=3), tuned(other, num_virtual_tokens=5)
    with pytest.raises(RunError, match=r"got shape \(5, 64\), expected \(3, 64\)"):
        tuner.take_peft(bundle, longer.peft(other))
