"""The page of `luthier data check` in a real browser: quiet, readable on a phone and at night."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from tests.browser.conftest import Browser
from tests.browser.scripts import CONTRAST, HOSTILE, OVERFLOW

from luthier.workflow.examine import check_files, section_of

pytestmark = pytest.mark.browser
ROWS = [
    *((f"where is the {thing} that I ordered", "order") for thing in ("bed", "cup", "hat") * 4),
    *((f"{HOSTILE} write to eva@example.org", label) for label in ("order", "refund")),
    *((f"please send my money back {times}", "Refund") for times in ("now", "now!", "today")),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("findings")
    lines = [json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS]
    (folder / "rows.jsonl").write_text("".join(lines))
    report = folder / "page.html"
    check_files(section_of([str(folder / "rows.jsonl")], {}), report=report)
    return report


def test_it_asks_for_nothing_and_rows_do_nothing(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert "things are wrong" in browser.driver.title
    assert [url for url in browser.requests() if not url.startswith("data:")] == [page.as_uri()]
    assert browser.complaints() == []
    assert browser.run("return document.querySelectorAll('script, img, main a').length") == 0
    assert browser.run("return getComputedStyle(document.body).display") == "block"


def test_what_was_found_is_marked_and_stands_beside_what_it_clashes_with(
    browser: Browser, page: Path
) -> None:
    browser.open(page)
    assert "eva@example.org" in browser.run(
        "return [...document.querySelectorAll('mark.found')].map(m => m.textContent)"
    )
    twins = "[...document.querySelectorAll('.twin')].map(t => t.children.length)"
    assert set(browser.run(f"return {twins}")) == {1, 2}


@pytest.mark.parametrize("width", [320, 768, 1200])
def test_nothing_runs_out_of_the_page(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    assert browser.run(OVERFLOW) == [0, []]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(browser: Browser, page: Path, scheme: str) -> None:
    browser.open(page, scheme=scheme)
    assert browser.run(CONTRAST) == []


def test_headings_never_skip_a_level(browser: Browser, page: Path) -> None:
    browser.open(page)
    script = "return [...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])"
    levels = browser.run(script)
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
