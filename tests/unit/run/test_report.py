"""The report holds everything, asks nothing of the network, and runs nobody's script."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.unit.run.made import make_classify_run, make_llm_run

from luthier.core.events import Stage
from luthier.run.layout import Layout
from luthier.run.reader import RunFiles, open_run
from luthier.run.report import render
from luthier.run.report.accounts import accounts_of
from luthier.run.report.arms import arms_of, headline_of
from luthier.run.report.cost import costs_of
from luthier.run.writer import RunWriter

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">\'"&</style></pre>{{ 7 * 7 }}'
VOID = {"meta", "link", "br", "img", "circle", "line", "path", "input", "hr"}


class _Page(HTMLParser):
    """Tags, addresses and handlers of a page; counts tags that are closed wrongly."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def _page(text: str) -> _Page:
    page = _Page()
    page.feed(text)
    return page


@pytest.fixture(scope="module")
def llm(tmp_path_factory: pytest.TempPathFactory) -> RunFiles:
    return make_llm_run(tmp_path_factory.mktemp("runs") / "tickets")


@pytest.fixture(scope="module")
def classify(tmp_path_factory: pytest.TempPathFactory) -> RunFiles:
    return make_classify_run(tmp_path_factory.mktemp("runs") / "reviews")


def test_the_verdict_stands_first_with_its_numbers(llm: RunFiles) -> None:
    text = render(llm)
    assert text.index("Better") < text.index("The evidence") < text.index("How training went")
    assert "+42.0 points" in text
    assert "90.0 %" in text


@pytest.mark.parametrize(
    "words",
    [
        "few-shot",
        "the one to beat",
        "fixed 46",
        "broke 4",
        "tickets.jsonl line 964",
        "What it kept",
        "KL, nats per token",
        "+0.037 (−0.004 to +0.081)",
        "4.2 % (0.7 % to 20.2 %)",
        "<p>Unrelated requests are answered much as before: 1 of 24.</p>",
        "Learning rate",
        "Gradient norm",
        "gradient norm is inf",
        "1,000 = 786 + 97 + 100 + 14 + 3",
        "OpenAI messages",
        "taught",
        "× 1.05",
        "alias &#39;lora_r&#39;",
        "training.learning_rate",
        "Apache-2.0",
        "luthier chat tickets",
        "avx" if "avx" in Path("/proc/cpuinfo").read_text() else "processor",
    ],
)
def test_what_a_reader_asks_for_is_there(llm: RunFiles, words: str) -> None:
    assert words in render(llm)


def test_the_time_that_was_predicted_is_compared_with_the_whole_stage(llm: RunFiles) -> None:
    costs = costs_of(llm)
    assert costs is not None
    time = next(cost for cost in costs.costs if cost.name == "training time")
    assert (time.trial, time.run, time.ratio) == ("5 min 52 s", "6 min 20 s", "× 1.08")


def test_memory_is_not_called_a_prediction(llm: RunFiles) -> None:
    costs = costs_of(llm)
    assert costs is not None
    memory = next(cost for cost in costs.costs if cost.name == "peak memory")
    assert memory.about == "predicted; of loading and training"
    assert memory.about in render(llm)


def test_classes_confusion_and_calibration_are_shown(classify: RunFiles) -> None:
    text = render(classify)
    for words in (
        "Class by class",
        "Rows: the true class",
        "Most frequent mistakes",
        "Calibration",
    ):
        assert words in text


def test_the_page_has_no_script_and_no_address_outside_itself(llm: RunFiles) -> None:
    page = _page(render(llm))
    assert not {"script", "iframe", "img", "object", "embed"} & set(page.tags)
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert "default-src 'none'" in render(llm)
    assert not re.search(r"url\(|@import|https?://", render(llm))


@pytest.mark.parametrize("make", [make_llm_run, make_classify_run])
def test_every_tag_is_closed(make: object, tmp_path: Path) -> None:
    run = make(tmp_path / "run")  # type: ignore[operator]
    page = _page(render(run))
    assert (page.wrong, page.open) == ([], [])


def test_text_of_rows_is_never_markup(tmp_path: Path) -> None:
    text = render(make_llm_run(tmp_path / "run", hostile=HOSTILE))
    page = _page(text)
    assert not {"script", "img"} & set(page.tags)
    assert page.handlers == []
    assert (page.wrong, page.open) == ([], [])
    assert "&lt;script&gt;alert(1)" in text
    assert "{{ 7 * 7 }}" in text


def test_one_picture_says_in_words_what_it_shows(llm: RunFiles) -> None:
    labels = re.findall(r'<svg[^>]*role="img" aria-label="([^"]+)"', render(llm))
    assert len(labels) == 5
    assert "training from" in labels[0]


def test_a_ledger_that_does_not_add_up_is_shown_as_wrong() -> None:
    ledger = {"rows": {"in": 10, "used": {"train": 8}, "dropped": {"duplicate": {"count": 1}}}}
    accounts = accounts_of(ledger)
    assert accounts is not None
    assert accounts.rows.equation == "10 ≠ 8 + 1"


def test_an_interval_that_leaves_the_axis_stays_on_the_page() -> None:
    arms = arms_of({"arms": {"tuned": {"accuracy": {"value": 1.0, "low": 0.9, "high": 1.2}}}})
    assert arms is not None
    assert arms.arms[0].high == 100.0


def test_a_metric_where_less_is_better_puts_the_worst_first() -> None:
    estimates = {
        name: {"nll": {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 9}}
        for name, value in (("tuned", 0.4), ("base", 2.0), ("few_shot", 1.0))
    }
    arms = arms_of({"arms": estimates, "verdict": {"metric": "nll", "against": "few_shot"}})
    assert arms is not None
    assert [arm.name for arm in arms.arms] == ["base", "few-shot", "tuned"]
    assert arms.is_lower_better


@pytest.mark.parametrize("outcome", ["better", "no_evidence", "worse"])
def test_each_outcome_has_words_and_a_mark_of_its_own(outcome: str) -> None:
    verdict = {"outcome": outcome, "metric": "accuracy", "difference": -0.02}
    headline = headline_of({"verdict": {**verdict, "against": "base"}}, {})
    assert headline.title in ("Better", "No evidence of a difference", "Worse")
    assert headline.difference == "−2.0 points"
    assert headline.mark in "▲◆▼"


def test_a_run_that_only_began_has_a_report_that_claims_nothing(tmp_path: Path) -> None:
    with RunWriter(Layout(tmp_path)) as writer:
        writer.event(Stage("reading data"))
        writer.write(writer.layout.summary, {"format_version": 1, "name": "x", "state": "planned"})
    text = render(open_run(tmp_path))
    assert "Not evaluated" in text
    assert "nothing is claimed" in text


def test_a_verdict_without_an_opponent_claims_no_difference() -> None:
    verdict = {"outcome": "no_evidence", "metric": "accuracy", "difference": 0.0, "against": ""}
    assert headline_of({"verdict": verdict}, {}).difference == ""


def test_inputs_of_a_classifier_are_not_called_masked() -> None:
    rows = {"in": 1, "used": {"train": 1}, "dropped": {}}
    tokens = {"train": {"in": 9, "trained": 0, "masked": 8, "cut": 1}}
    accounts = accounts_of({"rows": rows, "tokens": tokens})
    assert accounts is not None
    assert [part.name for part in accounts.tokens[0].parts] == ["input", "cut"]
    assert accounts.tokens[0].equation == "9 = 8 + 1"


def test_an_interrupted_run_says_how_to_continue_it(tmp_path: Path) -> None:
    with RunWriter(Layout(tmp_path / "half")) as writer:
        summary = {"format_version": 1, "state": "interrupted", "reason": "Stopped after step 9."}
        writer.write(writer.layout.summary, summary)
    text = render(open_run(tmp_path / "half"))
    assert "Stopped after step 9." in text
    assert "luthier train half" in text
    assert "luthier chat" not in text
