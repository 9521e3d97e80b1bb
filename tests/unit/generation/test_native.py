"""Batched generation says what each prompt would be answered alone, and what transformers says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests import tiny

from luthier.core.errors import ModelError
from luthier.generation import generate, stream
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.models.low_rank import LowRankLinear
from luthier.tuners import tuners

NUM_NEW = 12


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tiny.folder(tmp_path_factory.mktemp("model"))
    return open_model(str(folder), dtype=torch.float32)


def drawn(*lengths: int, shared: int = 0) -> list[NDArray[np.int32]]:
    generator = np.random.default_rng(3)
    head = generator.integers(3, 250, shared)
    return [
        np.concatenate([head, generator.integers(3, 250, length)]).astype(np.int32)
        for length in lengths
    ]


def ids_of(bundle: Bundle, prompts: list[NDArray[np.int32]], **options: Any) -> list[list[int]]:
    found = generate(bundle, prompts, max_new_tokens=NUM_NEW, **options)
    return [item.ids.tolist() for item in found]


def by_transformers(bundle: Bundle, prompt: NDArray[np.int32]) -> list[int]:
    model: Any = bundle.model
    ids = torch.from_numpy(prompt[None]).long()
    output = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=NUM_NEW,
        do_sample=False,
        eos_token_id=sorted(bundle.codec.end_of_turn_ids),
        pad_token_id=2,
    )
    new = output[0, len(prompt) :].tolist()
    return new[:-1] if new and new[-1] in bundle.codec.end_of_turn_ids else new


@pytest.mark.parametrize("shared", [0, 40])
def test_a_batch_says_what_each_prompt_says_alone(bundle: Bundle, shared: int) -> None:
    prompts = drawn(5, 1, 17, 9, shared=shared)
    together = ids_of(bundle, prompts)
    assert together == [ids_of(bundle, [prompt])[0] for prompt in prompts]


@pytest.mark.parametrize("shared", [0, 40])
def test_a_batch_says_what_transformers_says(bundle: Bundle, shared: int) -> None:
    prompts = drawn(5, 1, 17, shared=shared)
    assert ids_of(bundle, prompts) == [by_transformers(bundle, prompt) for prompt in prompts]


def test_small_batches_change_nothing(bundle: Bundle) -> None:
    prompts = drawn(5, 30, 12, 8, 22)
    assert ids_of(bundle, prompts, batch_tokens=50) == ids_of(bundle, prompts)


def test_answers_come_in_the_order_of_the_prompts(bundle: Bundle) -> None:
    prompts = drawn(5, 30, 12)
    assert ids_of(bundle, prompts[::-1]) == ids_of(bundle, prompts)[::-1]


def stopping_at(bundle: Bundle, token: int) -> Bundle:
    codec: Any = replace(bundle.codec, end_of_turn_ids=frozenset({token}))  # type: ignore[type-var]
    return replace(bundle, codec=codec)


def test_rows_that_end_leave_and_the_others_go_on_unchanged(bundle: Bundle) -> None:
    prompts = drawn(5, 9, 14, 3, 20, 8)
    free = ids_of(stopping_at(bundle, -1), prompts)
    token = free[0][3]
    stopping = stopping_at(bundle, token)
    expected = [ids[: ids.index(token)] if token in ids else ids for ids in free]
    found = generate(stopping, prompts, max_new_tokens=NUM_NEW)
    assert [item.ids.tolist() for item in found] == expected
    assert [item.finished for item in found] == [token in ids for ids in free]


def test_logprobs_are_those_of_the_model(bundle: Bundle) -> None:
    prompt = drawn(9)[0]
    found = generate(stopping_at(bundle, -1), [prompt], max_new_tokens=4)[0]
    model: Any = bundle.model
    ids = torch.from_numpy(np.concatenate([prompt, found.ids])).long()
    with torch.no_grad():
        logprobs = model(input_ids=ids[None]).logits[0].float().log_softmax(-1)
    expected = logprobs[len(prompt) - 1 : -1].gather(-1, ids[len(prompt) :, None])[:, 0]
    np.testing.assert_allclose(found.logprobs, expected.numpy(), atol=1e-4)


def test_a_prompt_that_fills_the_context_gets_an_empty_answer(bundle: Bundle) -> None:
    context = bundle.facts.context_length
    found = generate(bundle, drawn(context, 5), max_new_tokens=4)
    assert (len(found[0].ids), found[0].finished) == (0, False)
    nearly = generate(stopping_at(bundle, -1), drawn(context - 2), max_new_tokens=9)
    assert len(nearly[0].ids) == 2


def test_sampling_depends_on_the_seed_and_not_on_the_neighbours(bundle: Bundle) -> None:
    prompts = drawn(5, 9, 14)
    hot = {"temperature": 1.5, "seed": 1}
    assert ids_of(bundle, prompts, **hot)[0] == ids_of(bundle, prompts[:1], **hot)[0]
    assert ids_of(bundle, prompts, temperature=1.5, seed=2) != ids_of(bundle, prompts, **hot)


def test_no_prompts_give_no_answers(bundle: Bundle) -> None:
    assert generate(bundle, [], max_new_tokens=4) == []


def test_progress_ends_at_all_rows(bundle: Bundle) -> None:
    told: list[tuple[int, int]] = []
    prompts = drawn(5, 9, 14)
    generate(
        bundle,
        prompts,
        max_new_tokens=2,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert told[-1] == (3, 3)


def test_the_pieces_of_a_stream_are_the_whole_answer(bundle: Bundle) -> None:
    for prompt in drawn(5, 9, 30):
        whole = generate(bundle, [prompt], max_new_tokens=NUM_NEW)[0].text
        assert "".join(stream(bundle, prompt, max_new_tokens=NUM_NEW)) == whole


def test_a_chat_that_fills_the_context_is_refused_in_words(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match="reads at most 256"):
        next(stream(bundle, drawn(256)[0]))


@pytest.mark.parametrize("architecture", ["gemma2", "mistral", "gpt2"])
def test_other_architectures_agree_with_transformers(
    architecture: tiny.Architecture, tmp_path: Path
) -> None:
    folder = tiny.folder(tmp_path, architecture=architecture)
    bundle = open_model(str(folder), dtype=torch.float32)
    prompts = drawn(5, 11, shared=20)
    assert ids_of(bundle, prompts) == [by_transformers(bundle, prompt) for prompt in prompts]


def test_adapters_are_cast_while_writing_and_given_back_as_they_were(tmp_path: Path) -> None:
    bundle = open_model(str(tiny.folder(tmp_path)), dtype=torch.bfloat16)
    lora = tuners.get("lora")
    lora(lora.Config(rank=4)).apply(bundle, seed=0)
    layers = [item for item in bundle.model.modules() if isinstance(item, LowRankLinear)]
    for layer in layers:
        layer.lora_B.data.normal_(0, 0.1)
    before = [layer.lora_B.detach().clone() for layer in layers]
    prompts = drawn(5, 9)
    found = ids_of(bundle, prompts)
    after = [layer.lora_B for layer in layers]
    assert all(item.dtype is torch.float32 for item in after)
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert found == [by_transformers(bundle, prompt) for prompt in prompts]
