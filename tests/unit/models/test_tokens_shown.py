"""Tokens one by one: together they are the text, and none is half a character."""

import numpy as np
from tests import tiny

from luthier.data.features import Features
from luthier.models.codec import codec_of
from luthier.models.tokens_shown import each_token
from luthier.objectives.sft import Sft


def test_tokens_are_the_text_with_what_is_trained_and_what_the_template_wrote() -> None:
    codec = codec_of(tiny.tokenizer())
    row = tiny.chat("what is red", "ein Süßes 🙂")
    kind = Sft
    features = kind(kind.Config()).prepare(row, codec, index=0)
    pieces = each_token(features, codec)
    assert "".join(piece["text"] for piece in pieces) == (
        "<|im_start|>user\nwhat is red<|im_end|>\n<|im_start|>assistant\nein Süßes 🙂<|im_end|>\n"
    )
    trained = "".join(piece["text"] for piece in pieces if piece["trained"])
    assert trained == "ein Süßes 🙂<|im_end|>"
    special = {piece["text"] for piece in pieces if piece["special"]}
    assert special == {"<|im_start|>", "<|im_end|>"}
    assert "🙂" in [piece["text"] for piece in pieces]


def test_the_middle_of_a_long_row_is_left_out_and_counted() -> None:
    codec = codec_of(tiny.tokenizer())
    ids = codec.encode("good " * 30 + "bad")
    pieces = each_token(Features(0, ids), codec, most=10)
    assert [piece.get("rest", 0) for piece in pieces].count(len(ids) - 10) == 1
    assert pieces[-1]["text"].strip() == "bad"
    assert not any(piece["trained"] for piece in pieces)
    assert np.sum([piece["text"] != "" for piece in pieces]) == 10
