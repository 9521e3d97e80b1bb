"""What the pages say can be done, can be done."""

from __future__ import annotations

import csv
import re
import runpy
from pathlib import Path

import pytest
from tests import tiny
from tests.architecture.pages import PAGES, blocks, kinds, text_of
from tests.architecture.source import ROOT, modules
from tests.unit.run.made import make_llm_run

from luthier.recipe.load import read
from luthier.recipe.yaml_text import parse as parse_yaml

RUNNING = {"python", "yaml", "console"}
"""Kinds of blocks that a test carries out or parses."""
SHOWN = {"text": "what luthier says", "toml": "a file of somebody else's package"}
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def _params(kind: str) -> list[object]:
    return [
        pytest.param(code, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, code in enumerate(blocks(page, kind))
    ]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory that holds what the pages name, small."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    tiny.folder(tmp_path / "encoder", architecture="bert")
    with (tmp_path / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["text", "label"])
        for number in range(24):
            word, label = (("good", "yes"), ("bad", "no"))[number % 2]
            lines.writerow([f"a {word} thing, number {number}", label])
    make_llm_run(tmp_path / "runs" / "tickets")
    return tmp_path


@pytest.mark.parametrize("code", _params("python"))
def test_python_of_a_page_runs(code: str, desk: Path) -> None:
    small = code.replace('"minilm-l6"', repr(str(desk / "encoder")))
    exec(compile(small, "page", "exec"), {"__name__": "page"})


@pytest.mark.parametrize("text", _params("yaml"))
def test_yaml_of_a_page_is_a_valid_recipe(text: str) -> None:
    content = parse_yaml(text, name="page").value
    read({"model": "smollm2-135m", "data": {"train": "rows.jsonl"}} | content)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_block_of_a_page_goes_untried(page: Path) -> None:
    assert kinds(page) - RUNNING - set(SHOWN) == set()


def test_the_reference_is_what_the_code_says() -> None:
    generated = runpy.run_path(str(ROOT / "docs" / "generate.py"))["page"]()
    page = ROOT / "docs" / "reference.md"
    assert text_of(page) == generated, "docs/reference.md is behind the code: run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    links = [link for link in _LINK.findall(text_of(page)) if ":" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_pages_that_messages_point_to_exist() -> None:
    named = {
        page
        for module in modules()
        for page in re.findall(r"\bdocs/[\w-]+\.md", module.path.read_text(encoding="utf-8"))
    }
    assert [page for page in sorted(named) if not (ROOT / page).exists()] == []
