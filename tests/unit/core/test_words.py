"""Words of any script, and of ASCII those of rouge-score."""

from __future__ import annotations

import random
import unicodedata

import pytest
from rouge_score.tokenizers import DefaultTokenizer

from luthier.core.words import Words

ASCII = [chr(code) for code in range(128)]


def test_of_ascii_they_are_those_of_rouge_score() -> None:
    draw = random.Random(0)
    texts = ["".join(draw.choices(ASCII, k=80)) for _ in range(200)]
    texts += ["snake_case and 3.14 isn't one-two", "".join(ASCII), "", "  ", "_", "A1_b2"]
    expected = DefaultTokenizer()
    for text in texts:
        assert Words().tokenize(text) == expected.tokenize(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Привет, мир", ["привет", "мир"]),
        ("Größe", ["grösse"]),
        ("naïve café", ["naïve", "café"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("한국어 말", ["한국어", "말"]),
        ("東京abcです。", ["東", "京", "abc", "で", "す"]),
        ("ไทย", ["ไ", "ท", "ย"]),
        ("٣ كتب", ["٣", "كتب"]),
        ("🙂 — «»", []),
    ],
)
def test_of_other_scripts_nothing_is_lost(text: str, words: list[str]) -> None:
    assert Words().tokenize(text) == words


def test_an_accent_is_the_same_as_one_character_or_as_two() -> None:
    text = "café"
    assert Words().tokenize(unicodedata.normalize("NFD", text)) == Words().tokenize(text)
