"""Losses on preferences in closed form, masks of both answers, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tests import tiny
from tests.contracts.cases import OBJECTIVE_SETTINGS, Case, case
from tests.contracts.rows import ROWS

from luthier.core.errors import DataError
from luthier.data.features import Features
from luthier.data.rows import Message, Preference, Rated
from luthier.models.codec import codec_of
from luthier.models.proof import paint
from luthier.objectives import objectives
from luthier.objectives._pairs import pair_of, say
from luthier.objectives.dpo import pair_loss
from luthier.objectives.kto import thumb_loss
from luthier.objectives.orpo import log_odds
from luthier.objectives.reward import pairwise


def pair_row(**changes: Any) -> Preference:
    row = ROWS[Preference]()[0]
    assert isinstance(row, Preference)
    return replace(row, **changes)


def said(text: str) -> tuple[Message, ...]:
    return (Message("assistant", text),)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"form": "sigmoid"}, -math.log(sigmoid(0.6))),
        ({"form": "hinge"}, 0.4),
        ({"form": "ipo"}, (3.0 - 2.5) ** 2),
        (
            {"form": "sigmoid", "share": 0.1},
            -0.9 * math.log(sigmoid(0.6)) - 0.1 * math.log(sigmoid(-0.6)),
        ),
        (
            {"form": "sigmoid", "share": 0.1, "smoothing": "robust"},
            (-0.9 * math.log(sigmoid(0.6)) + 0.1 * math.log(sigmoid(-0.6))) / 0.8,
        ),
    ],
)
def test_the_loss_of_a_pair_has_its_closed_form(settings: dict[str, Any], expected: float) -> None:
    chosen = {"smoothing": "conservative", "share": 0.0, **settings}
    found = pair_loss(torch.tensor([3.0]), 0.2, **chosen)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_a_thumb_has_its_closed_form() -> None:
    good = torch.tensor([True, False])
    found = thumb_loss(torch.tensor([2.0, 2.0]), good, torch.tensor(0.5), 0.4, weights=(1.0, 3.0))
    expected = [1 - sigmoid(0.4 * 1.5), 3 * (1 - sigmoid(-0.4 * 1.5))]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


def test_odds_are_exact_for_likely_and_unlikely_answers() -> None:
    found = log_odds(torch.tensor([-20.0, -0.7, -1e-4]))
    expected = [math.log(math.exp(x) / -math.expm1(x)) for x in (-20.0, -0.7, -1e-4)]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


def test_margins_and_centring_enter_the_loss_of_a_reward_model() -> None:
    scores = torch.tensor([[2.0, 1.0]])
    found = pairwise(scores, torch.tensor([0.5]), centring=0.01)
    assert float(found) == pytest.approx(-math.log(sigmoid(0.5)) + 0.09, rel=1e-5)


def test_an_untrained_model_is_undecided() -> None:
    found = case("lora", "dpo")
    assert found.loss(found.features) == pytest.approx(math.log(2), rel=1e-5)


def test_what_the_reference_said_before_training_is_what_it_says_while_training() -> None:
    found = case("lora", "dpo")
    found.disturb()
    batch = found.objective.collate(found.features)
    reference = found.roles().reference
    assert reference is not None
    with reference() as before, torch.no_grad():
        live = say(before, batch).logprobs_S
    torch.testing.assert_close(batch.tensors["reference"], live, rtol=1e-5, atol=1e-5)


def test_exactly_both_answers_are_trained_with_their_ends() -> None:
    codec = codec_of(tiny.tokenizer())
    row = pair_row(
        messages=(Message("user", "hi"), Message("assistant", "yes"), Message("user", "what?")),
        chosen=said("red"),
        rejected=said("blue and blue"),
    )
    features = pair_of(row, codec, index=0, template="auto")
    trained = [
        [piece["text"] for piece in paint(part, codec) if piece["trained"]]
        for part in features.parts()
    ]
    stop = codec.tokenizer.decode(sorted(codec.end_of_turn_ids)[:1])
    assert [len(texts) for texts in trained] == [1, 1]
    assert trained[0][0].startswith("red")
    assert trained[1][0].startswith("blue and blue")
    assert all(texts[0].rstrip() != "" and stop[:2] in texts[0] for texts in trained)


def test_all_turns_of_an_answer_of_several_turns_are_trained() -> None:
    codec = codec_of(tiny.tokenizer())
    longer = (Message("assistant", "red"), Message("user", "sure?"), Message("assistant", "blue"))
    features = pair_of(pair_row(chosen=longer), codec, index=0, template="auto")
    assert sum(piece["trained"] for piece in paint(features.parts()[0], codec)) == 2


def test_answers_that_are_the_same_tokens_are_refused_by_line() -> None:
    row = pair_row(chosen=said("red"), rejected=said("red"))
    for name in ("dpo", "reward"):
        kind = objectives.get(name)
        with pytest.raises(
            DataError, match=r"rows\.jsonl line 1: chosen and rejected are the same"
        ):
            kind(kind.Config()).prepare(row, codec_of(tiny.tokenizer()), index=0)
    reader = codec_of(tiny.word_tokenizer())
    with pytest.raises(DataError, match="line 1: chosen and rejected are the same"):
        objectives.get("reward")(objectives.get("reward").Config()).prepare(row, reader, index=0)


def test_smoothing_is_refused_where_the_loss_has_none() -> None:
    config = objectives.get("dpo").Config
    with pytest.raises(ValidationError, match="label_smoothing is for loss 'sigmoid', got 'hinge'"):
        config(loss="hinge", label_smoothing=0.1)


def test_a_kind_of_smoothing_is_refused_where_nothing_is_smoothed() -> None:
    config = objectives.get("dpo").Config
    with pytest.raises(ValidationError, match="got 'robust', but label_smoothing is 0"):
        config(smoothing="robust")


def test_lengths_are_normalised_for_ipo_unless_said() -> None:
    kind = objectives.get("dpo")
    assert kind.resolve(kind.Config(loss="ipo"), [])["length_normalised"][0] is True
    assert kind.resolve(kind.Config(), [])["length_normalised"][0] is False
    assert kind.resolve(kind.Config(loss="ipo", length_normalised=False), []) == {}


def test_thumbs_are_levelled_and_must_differ() -> None:
    kind = objectives.get("kto")
    rows = ROWS[Rated]()
    found = kind.resolve(kind.Config(), rows[:3])
    assert (found["good_weight"][0], found["bad_weight"][0]) == (0.5, 1.0)
    with pytest.raises(DataError, match=r"rows\.jsonl: all 4 training rows are rated good"):
        kind.resolve(kind.Config(), rows[::2])


def test_every_prompt_borrows_the_answer_of_another_row() -> None:
    found = case("lora", "kto")
    own = [item.input_ids[item.loss_weights > 0].tolist() for item in found.features]
    borrowed = [item.arrays["other_answer"].tolist() for item in found.features]
    assert sorted(map(tuple, borrowed)) == sorted(map(tuple, own))
    assert all(one != other for one, other in zip(own, borrowed, strict=True))


def test_a_borrowed_answer_is_cut_to_the_context() -> None:
    found = case("lora", "kto")
    found.bundle.facts = replace(found.bundle.facts, context_length=22)
    rows = [
        Features(
            place,
            np.arange(5, 27, dtype=np.int32),
            (np.arange(22) >= prompt).astype(np.float32),
            arrays={"is_good": np.array(True)},
        )
        for place, prompt in enumerate((18, 4))
    ]
    batch = found.objective.collate(rows)
    said = found.objective.constants(found.roles(), batch)
    assert [len(answer) for answer in said["other_answer"]] == [22 - 18, 22 - 18]
    assert said["other_answer"][0].tolist() == rows[1].input_ids[4:8].tolist()


def test_rewards_are_those_that_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Per token for ipo: the longer answer is not ahead by being longer."""
    monkeypatch.setitem(OBJECTIVE_SETTINGS, "dpo", {"loss": "ipo", "beta": 0.2})
    found = case("lora", "dpo")
    found.disturb()
    batch = found.objective.collate(found.features)
    with torch.no_grad():
        loss = found.objective.loss(found.roles(), batch)
        now = say(found.bundle, batch)
    apart = (now.logprobs_S - batch.tensors["reference"]) / now.tokens_S
    margins = 0.2 * (apart[0::2] - apart[1::2])
    for name, expected in (("margin", margins.sum()), ("accuracy", (margins > 0).sum())):
        assert float(loss.metrics[name][0]) == pytest.approx(float(expected), rel=1e-4)


def test_a_model_that_moves_everywhere_alike_is_not_rewarded_for_it() -> None:
    found = case("lora", "kto")
    _shift(found, 5.0)
    with torch.no_grad():
        loss = found.objective.loss(found.roles(), found.objective.collate(found.features))
    assert float(loss.metrics["moved"][0] / loss.metrics["moved"][1]) > 0


def _shift(found: Case, nats: float) -> None:
    """As if the reference had found every answer less likely."""
    for item in found.features:
        for name in ("reference", "other_reference"):
            item.arrays[name] = np.asarray(item.arrays[name] - nats)  # type: ignore[index]
