"""The report in a real browser: offline, quiet, readable on a phone and in the dark."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from tests.browser.conftest import Browser
from tests.browser.scripts import CONTRAST, HOSTILE, OVERFLOW
from tests.unit.run.made import make_classify_run, make_llm_run

from luthier.core.files import write_text
from luthier.run.reader import RunFiles
from luthier.run.report import render

pytestmark = pytest.mark.browser
OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"


def _written(run: RunFiles) -> Path:
    write_text(run.layout.report, render(run))
    return run.layout.report


@pytest.fixture(scope="module", params=["llm", "classify"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    make = {"llm": make_llm_run, "classify": make_classify_run}[request.param]
    return _written(make(tmp_path_factory.mktemp("runs") / request.param))


def test_it_opens_from_a_file_and_asks_for_nothing_else(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert "No evidence" in browser.driver.title or "Better" in browser.driver.title
    asked = [url for url in browser.requests() if not url.startswith("data:")]
    assert asked == [report.as_uri()]


def test_the_console_stays_silent(browser: Browser, report: Path) -> None:
    browser.open(report)
    browser.run(OPEN_ALL)
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [320, 360, 768, 1200])
def test_nothing_runs_out_of_the_page(browser: Browser, report: Path, width: int) -> None:
    browser.open(report, width=width)
    browser.run(OPEN_ALL)
    assert browser.run(OVERFLOW) == [0, []]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(browser: Browser, report: Path, scheme: str) -> None:
    browser.open(report, scheme=scheme)
    browser.run(OPEN_ALL)
    assert browser.run(CONTRAST) == []


def test_dark_and_light_follow_the_system(browser: Browser, report: Path) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        browser.open(report, scheme=scheme)
        grounds.append(browser.run("return getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(251, 250, 247)", "rgb(21, 23, 26)"]


def test_columns_of_the_confusion_matrix_are_equally_wide(browser: Browser, tmp_path: Path) -> None:
    browser.open(_written(make_classify_run(tmp_path / "run")))
    cells = "[...document.querySelectorAll('.heat tbody tr:first-child td')]"
    widths = browser.run(f"return {cells}.map(e => e.offsetWidth)")
    assert max(widths) - min(widths) <= 1


def test_what_was_kept_is_read_on_a_phone_without_scrolling(
    browser: Browser, tmp_path: Path
) -> None:
    browser.open(_written(make_llm_run(tmp_path / "run")), width=360)
    texts = "[...document.querySelectorAll('#retention p')]"
    ends = browser.run(f"return {texts}.map(e => e.getBoundingClientRect().right)")
    assert len(ends) == 4
    assert max(ends) <= 360
    assert browser.run("return document.querySelectorAll('#retention .scroll').length") == 0


def test_headings_never_skip_a_level(browser: Browser, report: Path) -> None:
    browser.open(report)
    script = "return [...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])"
    levels = browser.run(script)
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_hostile_rows_are_shown_and_do_nothing(browser: Browser, tmp_path: Path) -> None:
    report = _written(make_llm_run(tmp_path / "run", hostile=HOSTILE))
    browser.open(report, width=360)
    browser.run(OPEN_ALL)
    assert "owned" not in browser.driver.title.split("<script>")[0]
    assert browser.run("return document.querySelectorAll('script, img, main a').length") == 0
    assert browser.run("return document.title.startsWith('tickets')")
    assert browser.run("return getComputedStyle(document.body).display") == "block"
    assert [url for url in browser.requests() if "evil" in url] == []
    assert browser.complaints() == []
    assert browser.run(OVERFLOW) == [0, []]


def test_it_prints_on_paper(browser: Browser, report: Path) -> None:
    browser.open(report, scheme="dark")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert ground == "rgb(255, 255, 255)"
