"""The card says what matters and escapes what it quotes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.run.made import make_llm_run

from luthier.core.events import Stage
from luthier.run import card
from luthier.run.layout import Layout
from luthier.run.reader import open_run
from luthier.run.writer import RunWriter


@pytest.mark.parametrize(
    "words",
    [
        "**Better.** The tuned model is right on 42 more rows",
        "| tuned | 0.900 [0.841, 0.959] |",
        "Answered worse than by retrieval: 4 test rows",
        "1,000 rows read: 786 train, 97 validation, 100 test, 17 dropped",
        "4,884,480 of 139,400,000 parameters (3.5 %)",
        "under Apache-2.0",
        "luthier train resolved.yaml",
        "seed: `0`",
    ],
)
def test_what_a_user_of_the_model_must_know_is_there(tmp_path: Path, words: str) -> None:
    assert words in card.render(make_llm_run(tmp_path / "run"))


def test_texts_of_users_are_neither_html_nor_markdown(tmp_path: Path) -> None:
    run = make_llm_run(tmp_path / "run", hostile="<script>x</script> [a](b) | c\n# head `tick`")
    lines = card.render(run).splitlines()
    quoted = [line for line in lines if "script" in line and not line.lstrip().startswith("- `")]
    assert quoted
    assert not any("<script>" in line for line in quoted)
    assert [line for line in lines if line.startswith("# ")] == [lines[0]]


@pytest.mark.parametrize("text", ["a`b", "`", "``", "a``b`"])
def test_code_with_ticks_in_it_stays_one_piece_of_code(text: str) -> None:
    found = card.code(text)
    assert found.startswith("`` ")
    assert found.endswith(" ``")
    assert "``" not in found[2:-2]


def test_a_run_without_evaluation_claims_nothing(tmp_path: Path) -> None:
    with RunWriter(Layout(tmp_path)) as writer:
        writer.event(Stage("reading data"))
        writer.write(writer.layout.summary, {"format_version": 1, "name": "x"})
    text = card.render(open_run(tmp_path))
    assert "nothing is claimed" in text
    assert "states no licence" in text
