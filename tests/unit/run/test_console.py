"""What a person sees on standard error."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console as Terminal
from tests.unit.run.made import make_llm_run, updated

from luthier.core.events import (
    BYTES,
    Event,
    Finished,
    Notice,
    Preflight,
    Progress,
    Saved,
    Skipped,
    Stage,
    Validated,
)
from luthier.run.console import Console
from luthier.run.gauge import Gauge

EVENTS: list[Event] = [
    Stage("reading data", "tickets.jsonl"),
    Notice("no GPU", "warning"),
    Preflight(2**30, 2**20, 100.0, 500.0, 180),
    updated(1),
    Validated(1, 1.25, 10.0, True, True, {"f1": 0.5}, "f1"),
    Saved(1, "step-000001", 2**20, 0.25),
    Skipped(2, "loss is nan", ("a.jsonl line 3",), ("head.weight",)),
    Progress("evaluating", 5, 5, "rows"),
    Finished(180, "epochs", 1, 372.0, 2**30),
]


def _said(events: list[Event], *, live: bool = False) -> str:
    stream = io.StringIO()
    with Console(stream, live=live) as console:
        for event in events:
            console(event)
    return stream.getvalue()


def test_each_event_is_one_plain_line_without_decoration() -> None:
    lines = _said(EVENTS).splitlines()
    assert len(lines) == len(EVENTS)
    assert "\x1b" not in "".join(lines)
    assert lines[0] == "reading data: tickets.jsonl"
    assert lines[1] == "warning: no GPU"
    assert lines[2].startswith("pre-flight: 180 steps, about 1 min 40 s at 500 tokens/s")
    assert lines[4] == "step 1: validation loss 1.2500, f1 0.5000, best so far"
    assert "rows: a.jsonl line 3; tensors: head.weight" in lines[6]


def test_steps_in_quick_succession_do_not_flood_a_log() -> None:
    lines = _said([updated(step) for step in range(1, 181)]).splitlines()
    assert [line.split(":")[0] for line in lines] == ["step 1/180", "step 180/180"]


def test_work_in_bytes_takes_few_lines_of_a_log() -> None:
    done = [Progress("hashing a.bin", part << 20, 8 << 20, BYTES) for part in range(1, 9)]
    assert _said(list(done)).splitlines() == ["hashing a.bin: 1.0 MiB of 8.0 MiB"]
    assert _said([Progress("fetching b", 3 << 30, 0, BYTES)]) == "fetching b: 3.0 GiB\n"


def test_work_in_bytes_leaves_the_live_display_when_it_is_over() -> None:
    gauge = Gauge()
    shown = list[str]()
    gauge.take(Stage("reading data"))
    for done in (1, 8):
        gauge.take(Progress("hashing a.bin", done << 20, 8 << 20, BYTES))
        stream = io.StringIO()
        Terminal(file=stream, width=100).print(gauge)
        shown.append(stream.getvalue())
    assert "hashing a.bin: 1.0 MiB of 8.0 MiB" in shown[0]
    assert "reading data" in shown[1]
    assert "hashing" not in shown[1]


def test_a_step_says_loss_speed_memory_and_time_left() -> None:
    gauge = Gauge()
    for step in range(1, 91):
        gauge.take(updated(step))
    line = gauge.training_line()
    for word in ("step 90/180", "loss", "learning rate", "tokens/s", "GiB", "left 3 min"):
        assert word in line


def test_the_live_display_shows_the_same_facts_and_leaves_only_what_lasts() -> None:
    text = _said([*EVENTS[:4], updated(2)], live=True)
    for word in ("reading data", "step 2 of 180", "learning rate", "warning: no GPU"):
        assert word in text


def test_nothing_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with Console() as console:
        console(Stage("reading data"))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "reading data\n")


def test_the_live_display_leaves_standard_output_to_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Console(io.StringIO(), live=True) as console:
        console(Stage("reading data"))
        print('{"json": 1}')
    assert capsys.readouterr().out == '{"json": 1}\n'


def test_a_row_cannot_drive_the_terminal() -> None:
    assert "\x1b[2J" not in _said([Notice("bad \x1b[2J row")])
    stream = io.StringIO()
    pieces = [{"text": "\x1b]0;title\x07 [bold]not markup[/bold]", "trained": True}]
    Console(stream).show_samples([{"row": "a", "pieces": pieces}])
    assert "\x1b" not in stream.getvalue()
    assert "[bold]not markup[/bold]" in stream.getvalue()


def test_the_evaluation_is_a_table_with_intervals_and_a_verdict(tmp_path: Path) -> None:
    evaluation = make_llm_run(tmp_path / "run").evaluation
    stream = io.StringIO()
    Console(stream).show_evaluation(evaluation or {})
    text = stream.getvalue()
    assert "few-shot" in text
    assert "0.900 [0.841, 0.959]" in text
    assert text.splitlines()[-1].startswith("Better. The tuned model is right on 42 more rows")


def test_a_table_too_wide_for_the_terminal_puts_whole_intervals_below_their_figures() -> None:
    estimate = {"value": 0.5, "low": 0.25, "high": 0.75}
    names = ("json_fields", "exact_match", "json_valid", "nll", "rouge_l")
    stream = io.StringIO()
    Console(stream).show_evaluation({"arms": {"base": dict.fromkeys(names, estimate)}})
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert [line.count("[0.250, 0.750]") for line in lines if "[" in line] == [5]


def test_an_evaluation_without_verdict_is_still_shown() -> None:
    stream = io.StringIO()
    Console(stream).show_evaluation({"arms": {"base": {"nll": {"value": 1.0}}}})
    assert "No verdict" in stream.getvalue()


def test_trained_text_is_told_apart_with_and_without_colours() -> None:
    sample = {
        "row": "a.jsonl line 1",
        "pieces": [{"text": "ask", "trained": False}, {"text": "answer", "trained": True}],
    }
    plain, coloured = io.StringIO(), io.StringIO()
    Console(plain).show_samples([sample])
    assert "ask⟦answer⟧" in plain.getvalue()
    Console(coloured, live=True).show_samples([sample])
    assert "⟦" not in coloured.getvalue()
    assert "\x1b[30;42manswer" in coloured.getvalue()


def test_a_table_of_facts_keeps_brackets() -> None:
    stream = io.StringIO()
    Console(stream).show_table("model", [("layers", "[30]")])
    assert "[30]" in stream.getvalue()


def test_a_training_on_scores_shows_the_reward() -> None:
    event = replace(updated(1), metrics={"reward": 0.25, "kl": 0.1})
    assert "reward 0.250" in _said([event])
    assert "reward" not in _said([updated(1)])
