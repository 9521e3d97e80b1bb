"""Batched generation says what each prompt would be answered alone, and what transformers says."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests import tiny

from luthier.core.errors import ModelError
from luthier.generation import generate, proof, ragged, stream
from luthier.generation.budget import row_bytes, token_bytes
from luthier.generation.room import Room
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


def test_rows_let_in_while_others_write_change_nothing(bundle: Bundle) -> None:
    prompts = drawn(5, 30, 12, 8, 22, 6, 7, 19, shared=20)
    free = ids_of(stopping_at(bundle, -1), prompts)
    stopping = stopping_at(bundle, free[1][2])
    assert ids_of(stopping, prompts, batch_tokens=90) == ids_of(stopping, prompts)


def test_prompts_cut_into_passes_change_nothing(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = drawn(5, 30, 12, 1, shared=40)
    whole = ids_of(bundle, prompts)
    monkeypatch.setitem(ragged.PASS_TOKENS, "cpu", 7)
    assert ids_of(bundle, prompts) == whole


@pytest.mark.parametrize("shared", [0, 40])
def test_memory_stays_within_the_budget_and_the_answers_the_same(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, shared: int
) -> None:
    prompts = drawn(*range(5, 45), shared=shared)
    roomy = ids_of(bundle, prompts)
    budget = 4 * row_bytes(bundle.model.config, torch.float32, num_columns=45 + NUM_NEW)
    monkeypatch.setattr("luthier.generation.budget.CPU_BYTES", budget)
    taken: list[tuple[int, int]] = []
    take = Room.resize

    def watched(room: Room, *, num_slots: int, num_columns: int) -> None:
        take(room, num_slots=num_slots, num_columns=num_columns)
        taken.append((num_slots, num_columns))

    monkeypatch.setattr(Room, "resize", watched)
    assert ids_of(bundle, prompts) == roomy
    one = token_bytes(bundle.model.config, torch.float32)
    assert all(slots > 1 for slots, _ in taken)
    assert all((slots * columns + shared) * one <= budget for slots, columns in taken)


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


@pytest.mark.parametrize("architecture", ["gemma2", "mistral"])
@pytest.mark.parametrize("shared", [0, 20])
def test_windows_shorter_than_the_prompt_are_respected(
    architecture: tiny.Architecture, shared: int
) -> None:
    bundle = tiny.bundle(architecture, sliding_window=9)
    prompts = drawn(5, 31, shared=shared)
    assert ids_of(bundle, prompts) == [by_transformers(bundle, prompt) for prompt in prompts]
    assert bundle.notes == []


def test_an_architecture_of_another_attention_is_written_one_row_at_a_time_and_says_so() -> None:
    alibi = tiny.small("bloom", hidden_size=32, n_layer=2, n_head=4)
    bundle = replace(tiny.bundle(), model=alibi)
    prompts = drawn(5, 11, shared=20)
    assert ids_of(bundle, prompts) == [by_transformers(bundle, prompt) for prompt in prompts]
    assert bundle.notes == [proof.NOTE]
    whole = generate(bundle, prompts[:1], max_new_tokens=NUM_NEW)[0].text
    assert "".join(stream(bundle, prompts[0], max_new_tokens=NUM_NEW)) == whole


def test_the_model_attends_as_before_once_answers_are_written(bundle: Bundle) -> None:
    before = bundle.model.config._attn_implementation
    ids_of(bundle, drawn(5, 9))
    assert bundle.model.config._attn_implementation == before


def test_adapters_are_cast_while_writing_and_given_back_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = open_model(str(tiny.folder(tmp_path)), dtype=torch.bfloat16)
    lora = tuners.get("lora")
    lora(lora.Config(rank=4)).apply(bundle, seed=0)
    layers = [item for item in bundle.model.modules() if isinstance(item, LowRankLinear)]
    generator = torch.Generator().manual_seed(5)
    for layer in layers:
        layer.lora_B.data.normal_(0, 0.1, generator=generator)
    before = [layer.lora_B.detach().clone() for layer in layers]
    prompts = drawn(5, 9)
    found = ids_of(bundle, prompts)
    after = [layer.lora_B for layer in layers]
    assert all(item.dtype is torch.float32 for item in after)
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    monkeypatch.setattr("luthier.generation.native.adapters_cast", nullcontext)
    assert ids_of(bundle, prompts) == found


def test_bfloat16_finds_what_float32_finds_up_to_rounding(tmp_path: Path) -> None:
    folder = str(tiny.folder(tmp_path))
    whole, short = (open_model(folder, dtype=kind) for kind in (torch.float32, torch.bfloat16))
    for prompts in (drawn(5, 9, 30), drawn(5, 9, 30, shared=40)):
        expected = generate(whole, prompts, max_new_tokens=1)
        found = generate(short, prompts, max_new_tokens=1)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one.logprobs, other.logprobs, atol=0.15)
