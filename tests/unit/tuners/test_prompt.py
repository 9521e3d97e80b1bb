"""The trained prompt: what it begins as, what runs with it, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tests import tiny
from torch import Tensor
from torch.testing import assert_close

from luthier.core.errors import RecipeError, RunError
from luthier.data.features import Batch
from luthier.generation import generate, stream
from luthier.models.bundle import Bundle
from luthier.models.soft_prompt import soft_prompt_of
from luthier.models.trunks import build
from luthier.tuners import attach, tuners
from luthier.tuners.contract import Peft
from luthier.workflow.check import refuse_kind

TEXT = "answer the question in one word"


def tuned(bundle: Bundle, **settings: Any) -> Any:
    kind = tuners.get("prompt")
    tuner = kind(kind.Config(**settings))
    attach(tuner, bundle, seed=0, frozen=torch.float32)
    bundle.trunk = build(bundle.model, bundle.kind, compute_dtype=torch.float32)
    return tuner


def batch_of(*rows: list[int]) -> Batch:
    ids = torch.tensor([token for row in rows for token in row])
    return Batch(ids, tuple(map(len, rows)), tuple(range(len(rows))))


def hidden(bundle: Bundle, *rows: list[int], at: Tensor | None = None) -> Tensor:
    with torch.no_grad():
        return bundle.trunk.hidden(batch_of(*rows), at)


@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gpt2"])
def test_begun_as_a_text_it_is_that_text_before_the_input(architecture: Any) -> None:
    plain, bundle = tiny.bundle(architecture), tiny.bundle(architecture)
    before = plain.codec.encode(TEXT).tolist()
    tuned(bundle, text=TEXT, num_virtual_tokens=len(before))
    rows = [[9, 8, 7, 30], [40, 41]]
    own = [hidden(plain, before + row)[len(before) :] for row in rows]
    assert_close(hidden(bundle, *rows), torch.cat(own), rtol=1e-4, atol=1e-4)


def test_a_text_is_cut_or_repeated() -> None:
    bundle = tiny.bundle()
    ids = bundle.codec.encode(TEXT).tolist()
    model: Any = bundle.model
    table = model.get_input_embeddings().weight
    for size in (len(ids) - 2, len(ids) + 3):
        bundle = tiny.bundle()
        tuned(bundle, text=TEXT, num_virtual_tokens=size)
        prompt = soft_prompt_of(bundle.model)
        assert prompt is not None
        assert torch.equal(prompt.outputs(), table[(ids + ids)[:size]])


def test_wanted_tokens_are_those_of_the_rows() -> None:
    bundle = tiny.bundle()
    tuned(bundle, num_virtual_tokens=3)
    rows = ([9, 8, 7, 30], [40, 41], [11, 12, 13])
    whole = hidden(bundle, *rows)
    at = torch.tensor([0, 3, 4, 8])
    assert torch.equal(hidden(bundle, *rows, at=at), whole[at])


@pytest.mark.parametrize("prefer", ["general", "fast"])
@pytest.mark.parametrize("kind", ["llama", "bert"])
def test_fast_paths_run_it_too(kind: Any, prefer: Any) -> None:
    labels = ("a", "b") if kind == "bert" else ()
    bundle = tiny.bundle(kind, labels=labels)
    tuned(bundle, num_virtual_tokens=3)
    trunk = build(bundle.model, bundle.kind, prefer=prefer, compute_dtype=torch.float32)
    batch = batch_of([9, 8, 7, 30], [40, 41])
    with torch.no_grad():
        says = trunk.scores if labels else trunk.hidden
        expected = bundle.trunk.scores(batch) if labels else bundle.trunk.hidden(batch)
        assert_close(says(batch), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("encoder", ["none", "lstm"])
@pytest.mark.parametrize("length", [3, 20])
def test_what_it_writes_is_what_its_trunk_finds_most_likely(length: int, encoder: Any) -> None:
    bundle = tiny.bundle()
    tuned(bundle, num_virtual_tokens=length, encoder=encoder)
    prompts = [np.array(row, np.int32) for row in ([9, 8, 7, 30], [40, 41], [9, 8, 5])]
    for prompt, done in zip(prompts, generate(bundle, prompts, max_new_tokens=5), strict=True):
        ids = prompt.tolist()
        for token in done.ids.tolist():
            head = bundle.trunk.head()
            logits = hidden(bundle, ids)[-1] @ head.weight.T
            assert int(logits.argmax()) == token
            ids.append(token)
    told = "".join(stream(bundle, prompts[0], max_new_tokens=5))
    assert told == generate(bundle, prompts[:1], max_new_tokens=5)[0].text


def test_it_takes_its_place_in_the_context() -> None:
    bundle = tiny.bundle()
    context = bundle.facts.context_length
    tuned(bundle, num_virtual_tokens=20)
    assert bundle.facts.context_length == context - 20
    prompt = np.full(context - 22, 9, np.int32)
    (done,) = generate(bundle, [prompt], max_new_tokens=50)
    assert len(done.ids) == 2


def test_the_base_view_has_no_prompt() -> None:
    plain, bundle = tiny.bundle(), tiny.bundle()
    tuner = tuned(bundle, num_virtual_tokens=4)
    prompts = [np.array([9, 8, 7], np.int32)]
    with tuner.base(bundle.model):
        # one trunk is the fast one
        assert_close(hidden(bundle, [9, 8, 7]), hidden(plain, [9, 8, 7]), rtol=1e-4, atol=1e-4)
        found = generate(bundle, prompts, max_new_tokens=4)[0].ids
    assert found.tolist() == generate(plain, prompts, max_new_tokens=4)[0].ids.tolist()


@pytest.mark.parametrize("architecture", ["llama", "gemma2"])
def test_random_vectors_have_the_spread_of_what_the_table_gives(architecture: Any) -> None:
    bundle = tiny.bundle(architecture)
    model: Any = bundle.model
    spread = float(model.get_input_embeddings()(torch.arange(512)).std())
    tuned(bundle, init="random", num_virtual_tokens=100)
    prompt = soft_prompt_of(bundle.model)
    assert prompt is not None
    assert float(prompt.outputs().detach().std()) == pytest.approx(spread, rel=0.1)


def test_more_than_the_context_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"got 256, but the context of the model is 256 tokens"):
        tuned(tiny.bundle(), num_virtual_tokens=256)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"init": "text"}, r"needs tuner\.text"),
        ({"init": "random", "text": "hello"}, "does not read it"),
        ({"encoder": "mlp", "text": "hello"}, "an encoder begins at random"),
        ({"encoder_hidden_size": 24}, "needs an encoder: mlp or lstm"),
        ({"encoder": "mlp", "encoder_num_layers": 3}, "is of encoder = lstm"),
        ({"num_virtual_tokens": 0}, "greater than or equal to 1"),
        ({"encoder": "mlp", "encoder_hidden_size": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        tuners.get("prompt").Config(**settings)


def test_files_of_another_length_are_refused() -> None:
    bundle, other = tiny.bundle(), tiny.bundle()
    tuner, longer = tuned(bundle, num_virtual_tokens=3), tuned(other, num_virtual_tokens=5)
    with pytest.raises(RunError, match=r"got shape \(5, 32\), expected \(3, 32\)"):
        tuner.take_peft(bundle, longer.peft(other))
    with pytest.raises(RunError, match="got shape none"):
        tuner.take_peft(bundle, Peft({}, {}))


@pytest.mark.parametrize("name", ["prompt", "prefix", "adapter"])
def test_pictures_are_refused_before_a_model_is_opened(name: str) -> None:
    with pytest.raises(RecipeError, match=f"tuner '{name}' has nothing to train. Use one of:"):
        refuse_kind(tuners.get(name), "image_classifier", names=("classify", name))


def test_it_does_not_merge() -> None:
    bundle = tiny.bundle()
    tuner = tuned(bundle)
    with pytest.raises(RecipeError, match="does not merge"):
        tuner.merge(bundle.model)
