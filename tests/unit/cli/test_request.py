"""From the words of a command line to a recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from luthier.cli.request import request, split
from luthier.core.errors import RecipeError
from luthier.recipe.resolve import Settled
from luthier.recipe.yaml_text import dump


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tickets.jsonl").write_text("{}\n")
    Path("empty").mkdir()
    Path("recipe.yaml").write_text("model: m\ndata: {train: tickets.jsonl}\n")


@pytest.mark.parametrize(
    ("words", "sources", "settings"),
    [
        (["a.jsonl", "b.c=1"], ["a.jsonl"], ["b.c=1"]),
        (["--b.c", "1", "a.jsonl"], ["a.jsonl"], ["--b.c", "1"]),
        (["--b.c=1", "a.jsonl", "d.jsonl"], ["a.jsonl", "d.jsonl"], ["--b.c=1"]),
        (["a.jsonl", "--seed", "-1"], ["a.jsonl"], ["--seed", "-1"]),
        (["a.jsonl", "--flag", "--seed", "3"], ["a.jsonl"], ["--flag", "--seed", "3"]),
        (["--flag", "model=m", "a.jsonl"], ["a.jsonl"], ["--flag", "model=m"]),
        (["--data.columns", "a=b"], [], ["--data.columns", "a=b"]),
        (["dir/x=y.jsonl"], ["dir/x=y.jsonl"], []),
        ([], [], []),
    ],
)
def test_sources_and_settings_are_told_apart(
    words: list[str], sources: list[str], settings: list[str]
) -> None:
    assert split(words) == (sources, settings)


def test_a_file_may_look_like_a_setting() -> None:
    Path("a=b.jsonl").write_text("{}\n")
    assert split(["a=b.jsonl"]) == (["a=b.jsonl"], [])


def test_a_data_file_becomes_a_recipe() -> None:
    asked = request(["tickets.jsonl", "lr=1e-4"], model="m", objective="sft", tuner="")
    assert asked.recipe.data.train == "tickets.jsonl"
    assert asked.recipe.objective == {"name": "sft"}
    assert asked.origins["data.train"] == "user: command line"
    assert asked.origins["tuner.name"] == "default"
    assert asked.run is None


def test_several_data_files_are_read_together() -> None:
    asked = request(["tickets.jsonl", "*.jsonl"], model="m")
    assert asked.recipe.data.train == ["tickets.jsonl", "*.jsonl"]


def test_a_recipe_is_read_and_overridden() -> None:
    asked = request(["recipe.yaml", "--training.epochs", "2"], model="other")
    assert asked.recipe.model == "other"
    assert asked.recipe.training.epochs == 2


def test_a_run_is_continued_with_the_recipe_it_recorded() -> None:
    asked = request(["recipe.yaml"])
    settled = Settled(asked.recipe, asked.origins)
    settled.settle("training.epochs", 3.0, "300 rows")
    Path("runs/a").mkdir(parents=True)
    Path("runs/a/resolved.yaml").write_text(dump(settled.document()))
    again = request(["runs/a"])
    assert again.run == Path("runs/a")
    assert again.recipe.training.epochs == 3.0
    assert again.origins["training.epochs"] == "auto: 300 rows"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ticket.jsonl"], "ticket.jsonl: no such file; did you mean 'tickets.jsonl'?"),
        (["zzz/q"], "zzz/q: no such file"),
        (["empty"], "empty: a folder without resolved.yaml, so no run to continue"),
        (["recipe.yaml", "tickets.jsonl"], "expected one recipe, one run, or data files only"),
        (["tickets.jsonl"], "luthier train tickets.jsonl --model smollm2-135m"),
        ([], "recipe data: missing"),
    ],
)
def test_a_request_that_cannot_be_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        request(words)
    assert message in str(caught.value)
