"""Every `luthier ...` line of a page is understood by the command line as it is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main
from tests.architecture.pages import PAGES, bare, console_lines, spans
from tests.architecture.source import ROOT

from luthier.cli.request import split
from luthier.cli.table import COMMANDS, app_of
from luthier.core.errors import LuthierError
from luthier.objectives import objectives
from luthier.recipe.load import read
from luthier.tuners import tuners

BASE = {"model": "smollm2-135m", "data": {"train": "rows.jsonl"}}


def _alternatives(span: str) -> list[str]:
    """What a line such as `luthier models list|fetch` or `luthier demo [classify]` stands for."""
    words = [word for word in span.split() if "KEY=VALUE" not in word]
    return [" ".join(some) for some in product(*(word.strip("[]").split("|") for word in words))]


def _commands(lines: Sequence[str]) -> list[str]:
    return sorted({line.strip() for line in lines if re.match(r"\s*luthier [a-z]", line)})


TYPED = _commands([line for page in PAGES for line in console_lines(page)])
NAMED = _commands(
    [line for page in PAGES for span in spans(page) for line in _alternatives(bare(span))]
)


@pytest.mark.parametrize("line", TYPED)
def test_a_line_that_is_typed_on_a_page_is_understood(line: str) -> None:
    assert problem(shlex.split(line)[1:]) == ""


@pytest.mark.parametrize("line", NAMED)
def test_a_command_that_is_named_on_a_page_exists_with_its_options(line: str) -> None:
    words = line.split()[1:]
    _, rest = command_of(words)
    assert not rest or problem(words) == ""  # a sentence may leave all arguments out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_makes_can_be_made(page: Path) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    typed = [line.split() for line in [*console_lines(page), *spans(page)]]
    assert {words[1] for words in typed if words[:1] == ["make"] and words[1:]} <= targets


@pytest.mark.parametrize(
    "line",
    [
        "trian rows.jsonl",
        "predict RUN --input F --outptu G",
        "predict RUN --input F",
        "runs lst",
        "demo classfy",
        "train rows.jsonl training.learning_rat=1e-4",
        "train rows.jsonl --tuner.rnak 3",
        "evaluate RUN training.nothing=1",
    ],
)
def test_a_line_that_is_wrong_is_not_understood(line: str) -> None:
    assert problem(line.split())


def problem(words: Sequence[str]) -> str:
    """What the command line would object to; empty when it would begin to work."""
    try:
        command, rest = command_of(words)
        context = command.make_context(words[0], [word for word in rest if word != "--json"])
        settings = split([*(context.params.get("words") or []), *context.args])[1]
        recipe, _ = read(BASE, settings)
    except (typer.TyperException, LuthierError, KeyError) as error:
        return str(error) or type(error).__name__
    unknown = {*recipe.objective, *recipe.tuner} - {"name", *_component_settings()}
    return f"no setting {', '.join(sorted(unknown))}" if unknown else ""


def command_of(words: Sequence[str]) -> tuple[Any, list[str]]:
    """The command behind its one or two verbs, and the words after these.

    Raises: KeyError: there is none.
    """
    if words[0] not in COMMANDS:
        raise KeyError(words[0])
    command = typer.main.get_command(app_of(words[0]))
    inner = getattr(command, "commands", None)
    return (command, list(words[1:])) if inner is None else (inner[words[1]], list(words[2:]))


def _component_settings() -> set[str]:
    registered = [*objectives.items(), *tuners.items()]
    return {field for _, component in registered for field in component.Config.model_fields}
