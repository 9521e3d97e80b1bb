"""Which answers of a conversation are learned."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from tests import tiny

from luthier.models.codec import codec_of
from luthier.objectives.sft import Config, Sft

CODEC = codec_of(tiny.tokenizer())


def trained_text(train_on: Literal["assistant", "last"], template: Literal["auto", "plain"]) -> str:
    """What of a conversation with two answers is learned, as text."""
    row = tiny.chat("one", "FIRST", "two", "SECOND")
    codec = CODEC.plain() if template == "plain" else CODEC
    found = Sft(Config(train_on=train_on, template=template)).prepare(row, codec, index=0)
    trained = found.input_ids[np.flatnonzero(found.loss_weights)]
    return CODEC.tokenizer.decode(trained.tolist())


@pytest.mark.parametrize("template", ["auto", "plain"])
def test_every_answer_is_learned_unless_the_last_alone_is_asked_for(
    template: Literal["auto", "plain"],
) -> None:
    both, last = trained_text("assistant", template), trained_text("last", template)
    assert "FIRST" in both
    assert "SECOND" in both
    assert "FIRST" not in last
    assert "SECOND" in last
    assert "one" not in both


def test_the_end_of_the_last_answer_is_learned_with_it() -> None:
    assert trained_text("last", "auto") == "SECOND<|im_end|>"
