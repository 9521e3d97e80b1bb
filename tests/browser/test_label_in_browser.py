"""The page of `luthier data label` in a real browser, driven by keys."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser.conftest import Browser
from tests.browser.scripts import CONTRAST, HOSTILE, OVERFLOW

from luthier.recipe.schema import DataSection
from luthier.workflow.label import open_sitting
from luthier.workflow.label_server import LabelServer

pytestmark = pytest.mark.browser
WORDS = {"money": "refund paid charge bank fee cost", "food": "menu soup pasta dinner lunch"}
ROWS = [
    {"text": f"{' '.join(said.split()[at % 4 :])} {at}", "label": name}
    for at in range(30)
    for name, said in WORDS.items()
]
ROWS += [{"text": f"paid fee bank charge {HOSTILE}", "label": "food"}]
ROWS += [{"text": "refund cost bank fee of today", "label": "food"}]
CHATS = [{"prompt": f"{n} + {n}?", "chosen": "no idea", "rejected": str(2 * n)} for n in range(3)]
TAGS = [{"text": f"song {n}", "labels": ["rain", "song"]} for n in range(3)]
SECONDS = 20.0


class Page:
    """Somebody at the page."""

    def __init__(self, browser: Browser, server: LabelServer, file: Path) -> None:
        self.browser, self.server, self.file = browser, server, file

    def open(self, *, width: int = 1200, scheme: str = "light") -> None:
        self.browser.open(self.server.url, width=width, scheme=scheme)
        self.until(lambda: bool(self.text("#origin") or self.text("#ended")))

    def press(self, *keys: str) -> None:
        """Keys to whatever holds the focus, as a hand does: no element is asked for first, which
        a dialog that is just closing would refuse."""
        for key in keys:
            self.hand().send_keys(key).perform()

    def hold(self, control: str, key: str) -> None:
        self.hand().key_down(control).send_keys(key).key_up(control).perform()

    def hand(self) -> Any:
        chains = importlib.import_module("selenium.webdriver.common.action_chains")
        return chains.ActionChains(self.browser.driver)

    def text(self, css: str) -> str:
        script = f"const e = document.querySelector({css!r}); return e ? e.textContent : ''"
        return self.browser.run(script)

    def shows(self, css: str) -> bool:
        script = f"return document.querySelector({css!r}).getClientRects().length > 0"
        return self.browser.run(script)

    def decided(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < end, self.text("main")
            time.sleep(0.02)

    def until_asked(self, number: int) -> None:
        self.until(lambda: self.text("#progress").startswith(f"{number} of"))


Open = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    ends: list[Callable[[], None]] = []

    def open_page(rows: list[Any], *, everything: bool = False, **look: Any) -> Page:
        (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        section, file = DataSection(train=str(tmp_path / "r.jsonl")), tmp_path / "c.jsonl"
        held = open_sitting(section, file=file, everything=everything)
        server = LabelServer(held.__enter__()).__enter__()
        ends.append(lambda: (server.__exit__(None, None, None), held.__exit__(None, None, None)))
        page = Page(browser, server, file)
        page.open(**look)
        return page

    yield open_page
    for end in ends:
        end()


@pytest.fixture
def keys() -> Any:
    return importlib.import_module("selenium.webdriver.common.keys").Keys


def test_keys_confirm_correct_leave_out_skip_and_take_back(opened: Open, keys: Any) -> None:
    page = opened(ROWS, everything=True)
    assert page.shows("#row")
    page.press("1")
    page.until_asked(2)
    page.press(keys.ENTER)
    page.until_asked(3)
    page.press("x")
    page.until_asked(4)
    page.press("s")
    page.until_asked(5)
    said = [next(k for k in line if k not in ("key", "at", "was")) for line in page.decided()]
    assert said == ["label", "confirmed", "drop"]
    assert page.decided()[0]["label"] == "money"
    page.press("u")
    page.until_asked(4)
    page.press("u")
    page.until_asked(3)
    assert len(page.decided()) == 2
    assert "2 decisions now, 2 in" in page.text("#progress")


def test_a_label_is_found_by_a_part_of_its_name_and_a_new_one_needs_two_enters(
    opened: Open, keys: Any
) -> None:
    page = opened(ROWS, everything=True)
    page.press("/", "mon", keys.ENTER)
    page.until_asked(2)
    page.press("/", "sport", keys.ENTER)
    assert page.shows("#search")
    page.press(keys.ENTER)
    page.until(lambda: len(page.decided()) == 2)
    assert [line["label"] for line in page.decided()] == ["money", "sport"]
    assert page.decided()[1]["new"]


def test_pairs_are_swapped_and_answers_written_anew(opened: Open, keys: Any) -> None:
    page = opened(CHATS, everything=True)
    assert (page.text("#answers div pre"), page.text("#answers .other pre")) == ("no idea", "0")
    page.press("w")
    page.until_asked(2)
    page.press("e")
    page.hold(keys.CONTROL, "a")
    page.press("two")
    page.hold(keys.CONTROL, keys.ENTER)
    page.until_asked(3)
    assert [line.get("swap") or line["answer"] for line in page.decided()] == [True, "two"]


def test_of_several_labels_each_is_put_in_or_out_until_enter(opened: Open, keys: Any) -> None:
    page = opened(TAGS, everything=True)
    page.press("1")
    page.until(lambda: page.text("#choices [aria-pressed=false]") == "1rain")
    page.press(keys.ENTER)
    page.until_asked(2)
    assert page.decided()[0]["labels"] == ["song"]


def test_at_the_end_it_says_what_to_put_in_the_recipe(opened: Open, keys: Any) -> None:
    page = opened(CHATS, everything=True)
    for number in (2, 3):
        page.press(keys.ENTER)
        page.until_asked(number)
    page.press("x")
    page.until(lambda: page.shows("#end"))
    assert page.text("#setting") == f"data.corrections={page.file}"
    page.press(keys.ENTER)
    page.until(lambda: page.text("#ended") == "Finished")
    page.server.wait()


def test_rows_do_nothing_and_nobody_else_is_asked(opened: Open) -> None:
    page = opened(ROWS)
    asked = [url for url in page.browser.requests() if not url.startswith("data:")]
    assert asked
    assert all(url.startswith(page.server.url) for url in asked)
    assert page.browser.complaints() == []
    assert page.browser.run("return document.querySelectorAll('main script, main a').length") == 0
    assert page.browser.driver.title == "Label · Luthier"


def test_another_page_cannot_decide(opened: Open, browser: Browser, tmp_path: Path) -> None:
    page = opened(CHATS, everything=True)
    other = tmp_path / "other.html"
    other.write_text("<!doctype html><link rel=icon href='data:,'><p>elsewhere")
    browser.open(other.as_uri())
    script = """
    const done = arguments[arguments.length - 1], body = JSON.stringify({what: "drop", number: 0});
    fetch(arguments[0] + "act", {method: "POST", mode: "no-cors", body})
      .then(reply => done(reply.type), error => done(String(error)));
    """
    browser.driver.execute_async_script(script, page.server.url)
    assert page.decided() == []


def test_the_keys_are_listed(opened: Open, keys: Any) -> None:
    page = opened(CHATS, everything=True)
    page.press("?")
    assert page.shows("#help")
    assert "right as it is" in page.text("#help")
    page.press(keys.ESCAPE)
    page.until(lambda: not page.shows("#help"))
    page.press("s")
    page.until_asked(2)


@pytest.mark.parametrize("width", [320, 768, 1200])
def test_nothing_runs_out_of_the_page(opened: Open, width: int) -> None:
    page = opened(ROWS, width=width)
    page.press("/")
    assert page.browser.run(OVERFLOW) == [0, []]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(opened: Open, scheme: str) -> None:
    page = opened(ROWS, scheme=scheme)
    page.press("/")
    assert page.browser.run(CONTRAST) == []
