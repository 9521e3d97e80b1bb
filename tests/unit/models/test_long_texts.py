"""Texts longer than a model reads are no matter of the tokenizer's."""

from __future__ import annotations

import pytest
from tests import tiny

from luthier.models.codec import codec_of


def test_a_long_text_is_no_warning_of_a_library(caplog: pytest.LogCaptureFixture) -> None:
    tokenizer = tiny.tokenizer()
    tokenizer.model_max_length = 4
    rendered = codec_of(tokenizer).render(tiny.chat("a question of many words", "an answer"))
    assert rendered.input_ids.size > 4
    assert not caplog.records
