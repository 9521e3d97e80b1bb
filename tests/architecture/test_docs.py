"""What the pages say can be done, can be done."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main
from tests.architecture.source import ROOT, modules

from luthier.cli.request import split
from luthier.cli.table import COMMANDS, app_of
from luthier.recipe.load import read
from luthier.recipe.overrides import parse
from luthier.recipe.yaml_text import parse as parse_yaml

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)( runnable)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def _blocks(*kinds: str) -> list[object]:
    return [
        pytest.param(match[3], id=f"{page.name}-{number}")
        for page in PAGES
        for number, match in enumerate(_BLOCK.finditer(page.read_text(encoding="utf-8")))
        if match[1] + (match[2] or "") in kinds
    ]


@pytest.mark.parametrize("code", _blocks("python runnable"))
def test_python_of_a_page_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "page", "exec"), {"__name__": "page"})


def test_some_page_has_python_that_runs() -> None:
    assert _blocks("python runnable")


@pytest.mark.parametrize("code", _blocks("python"))
def test_python_of_a_page_compiles(code: str) -> None:
    compile(code, "page", "exec")


@pytest.mark.parametrize("text", _blocks("yaml"))
def test_yaml_of_a_page_is_a_valid_recipe(text: str) -> None:
    content = parse_yaml(text, name="page").value
    read({"model": "smollm2-135m", "data": {"train": "rows.jsonl"}} | content)


@pytest.mark.parametrize("text", _blocks("console", "sh"))
def test_commands_of_a_page_exist_with_their_options(text: str) -> None:
    for line in text.splitlines():
        for command in line.removeprefix("$ ").split("#")[0].split(";"):
            words = shlex.split(command.split(">")[0].split("|")[0])
            if words[:1] == ["luthier"] and len(words) > 1 and not words[1].startswith("-"):
                _check_command(words[1:])


def _check_command(words: list[str]) -> None:
    assert words[0] in COMMANDS, words
    command = typer.main.get_command(app_of(words[0]))
    rest = [word for word in words[1:] if word != "--json"]
    inner = getattr(command, "commands", None)
    if inner is not None:
        assert rest, words
        assert rest[0] in inner, words
        command, rest = inner[rest[0]], rest[1:]
    known = {option for param in command.params for option in param.opts} | {"--help"}
    settings = split(rest)[1]
    unknown = [word for word in settings if word.startswith("--") and word not in known]
    if unknown:
        assert command.context_settings.get("ignore_unknown_options"), unknown
        parse([word for word in settings if "=" in word])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if ":" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_pages_that_messages_point_to_exist() -> None:
    named = {
        page
        for module in modules()
        for page in re.findall(r"\bdocs/[\w-]+\.md", module.path.read_text(encoding="utf-8"))
    }
    assert [page for page in sorted(named) if not (ROOT / page).exists()] == []
