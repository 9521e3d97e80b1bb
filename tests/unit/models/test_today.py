"""A chat template that prints today's date prints the date it was told, and stays what it is."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from tests import tiny
from tests.unit.models.dated import LLAMA
from transformers import AutoTokenizer

from luthier.core.errors import DataError
from luthier.data.features import Features
from luthier.models import today
from luthier.models.codec import codec_of
from luthier.models.proof import prove

DAY = "2024-07-06"
ROW = tiny.chat("what is red", "yes", "and blue", "no")


def rendered(template: str, day: str = DAY) -> str:
    tokenizer = tiny.tokenizer(template)
    today.tell(tokenizer, day)
    return codec_of(tokenizer).template.text(ROW.messages)


def test_the_date_that_was_told_is_printed() -> None:
    assert "Today Date: 06 Jul 2024<|im_end|>" in rendered(LLAMA)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ("strftime_now('%Y-%m-%d')", "2024-07-06"),
        ('strftime_now("%B %d, %Y")', "July 06, 2024"),
        ("strftime_now(format='%A %-d %b')", "Saturday 6 Jul"),
        ("strftime_now('%H:%M')", "00:00"),
        ("strftime_now('no date')", "no date"),
        ("(strftime_now('%d') | int) - 1", "5"),
        ("strftime_now(form)", "06.07.24"),
    ],
)
def test_any_way_of_writing_the_date_is_understood(call: str, text: str) -> None:
    head = "{% set form = '%d.%m.%y' %}{% macro inner() %}{{ " + call + " }}{% endmacro %}"
    assert rendered(head + "[{{ " + call + " }}]") == f"[{text}]"
    assert rendered(head + "[{{ inner() }}]") == f"[{text}]"


def test_a_way_that_is_not_known_is_refused() -> None:
    with pytest.raises(DataError, match=r"cannot be written as '%Q'"):
        rendered("{{ strftime_now('%Q') }}")


@pytest.mark.parametrize("lead", ["", "\n", "  ", "\n\n  x", "text\n"])
def test_nothing_but_the_date_differs_from_what_the_template_prints_itself(lead: str) -> None:
    template = lead + "  {% if true %}\n\tx{% endif %}\n{{ strftime_now('day') }}\n"
    assert rendered(template) == rendered(template, "auto")


def test_an_untold_template_prints_the_present_date() -> None:
    before = f"{datetime.now():%Y-%m-%d}"
    found = rendered("{{ strftime_now('%Y-%m-%d') }}", "auto")
    assert found in (before, f"{datetime.now():%Y-%m-%d}")


def test_a_template_without_a_date_is_left_alone() -> None:
    assert today.pinned(tiny.CHATML, DAY) is tiny.CHATML
    assert not today.is_printed(tiny.tokenizer())
    assert not today.is_printed(tiny.tokenizer(None))
    assert today.is_printed(tiny.tokenizer(LLAMA))


def test_masks_are_proved_under_a_fixed_date() -> None:
    tokenizer = tiny.tokenizer(LLAMA)
    today.tell(tokenizer, DAY)
    codec = codec_of(tokenizer)
    rendered = codec.render(ROW)
    prove(ROW, Features(0, rendered.input_ids, rendered.loss_weights), codec)
    assert "06 Jul 2024" in tokenizer.decode(codec.prompt(ROW.messages[:1]).tolist())


def test_a_saved_tokenizer_keeps_the_template_of_the_model(tmp_path: Path) -> None:
    tokenizer = tiny.tokenizer(LLAMA)
    today.tell(tokenizer, DAY)
    codec_of(tokenizer).template.text(ROW.messages)
    tokenizer.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).chat_template == LLAMA
    assert not any("luthier" in path.read_text() for path in tmp_path.iterdir())
