"""The page of `luthier data check` in a real browser: quiet, readable on a phone and at night."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from tests import tiny
from tests.browser.conftest import Browser
from tests.browser.scripts import CONTRAST, HOSTILE, OVERFLOW

from luthier.recipe.schema import Recipe
from luthier.run.report import render_findings
from luthier.workflow.examine_for import check_for

pytestmark = pytest.mark.browser
ROWS = [
    *((f"where is the {thing} that I ordered", "order") for thing in ("bed", "cup", "hat") * 4),
    *((f"{HOSTILE} write to eva@example.org", label) for label in ("order", "refund")),
    *((f"please send my money back {times}", "Refund") for times in ("now", "now!", "today")),
    *(
        (f"where is the {thing} that I paid {n} times", "order")
        for n in range(9)
        for thing in "abc"
    ),
    ("where is the bed that nobody ever ordered " * 8, "order"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("findings")
    lines = [json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS]
    (folder / "rows.jsonl").write_text("".join(lines))
    report = folder / "page.html"
    model = tiny.folder(folder / "model", architecture="bert")
    data = {"train": str(folder / "rows.jsonl")}
    found = check_for(Recipe(model=str(model), data=data), report=report)  # type: ignore[arg-type]
    found["map"][0]["marks"] = ["label_noise"]
    report.write_text(render_findings(found, name="rows.jsonl"))
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
    assert browser.run("return document.querySelectorAll('#tokens .beyond').length") > 0
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


def test_tokens_show_what_the_template_wrote_and_where_white_space_is(
    browser: Browser, page: Path
) -> None:
    browser.open(page)
    special = "[...document.querySelectorAll('#tokens pre .special')].map(t => t.textContent)"
    assert "[CLS]" in browser.run(f"return {special}")
    assert "·" in browser.run("return document.querySelector('#tokens pre').textContent")
    assert browser.run("return document.querySelectorAll('#tokens pre .trained').length") > 0


def test_the_map_has_every_row_and_suspicious_ones_are_read_by_keyboard(
    browser: Browser, page: Path
) -> None:
    browser.open(page)
    points = browser.run("return document.querySelectorAll('.plane > svg > :is(use, g)').length")
    assert points == len(set(ROWS))
    first = "document.querySelector('.plane .suspect[tabindex]')"
    shown = f"getComputedStyle({first}.querySelector('text')).display"
    assert browser.run(f"return {shown}") == "none"
    browser.run(f"{first}.focus()")
    assert browser.run(f"return {shown}") != "none"
