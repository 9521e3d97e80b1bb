"""What was written is read back; what is no run is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.run.made import NUM_STEPS, make_llm_run

from luthier.core.errors import RunError
from luthier.run.reader import open_run


def _minimal(folder: Path) -> Path:
    (folder / "summary.json").write_text('{"format_version": 1, "name": "tiny"}')
    return folder


def test_a_whole_run_is_read_back(tmp_path: Path) -> None:
    run = make_llm_run(tmp_path / "run")
    assert run.name == "tickets-sft"
    assert len(run.events("updated")) == NUM_STEPS
    assert run.recipe["tuner"]["rank"] == 16
    assert len(run.predictions) == 100
    assert all((run.resolved, run.ledger, run.evaluation, run.preflight, run.environment))


def test_a_run_that_only_began_opens_with_the_rest_empty(tmp_path: Path) -> None:
    run = open_run(_minimal(tmp_path))
    assert (run.name, run.resolved, run.evaluation) == ("tiny", None, None)
    assert (run.metrics, run.predictions, run.samples, run.recipe) == ([], [], [], {})


def test_a_step_logged_twice_counts_once(tmp_path: Path) -> None:
    lines = [{"event": "updated", "step": 1, "loss": loss} for loss in (9.0, 2.0)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (_minimal(tmp_path) / "metrics.jsonl").write_text(text)
    assert [event["loss"] for event in open_run(tmp_path).events("updated")] == [2.0]


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    (_minimal(tmp_path) / "metrics.jsonl").write_text('{"event": "stage"}\n{"event": "up')
    assert open_run(tmp_path).metrics == [{"event": "stage"}]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"nowhere: no such folder.*luthier runs list"):
        open_run(tmp_path / "nowhere")


def test_a_folder_that_is_no_run_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"neither resolved\.yaml nor summary\.json"):
        open_run(tmp_path)


def test_a_file_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file"):
        open_run(tmp_path / "file")


def test_a_rate_as_earlier_versions_wrote_it_is_a_number(tmp_path: Path) -> None:
    (tmp_path / "resolved.yaml").write_text("format_version: 1\nrecipe: {rate: 2e-05, name: 1e}\n")
    assert open_run(tmp_path).recipe == {"rate": 2e-05, "name": "1e"}


@pytest.mark.parametrize("version", [2, 0, "1", None])
def test_a_format_from_the_future_is_refused(tmp_path: Path, version: object) -> None:
    (tmp_path / "summary.json").write_text(json.dumps({"format_version": version}))
    with pytest.raises(RunError, match=r"summary\.json: format_version is .*Upgrade"):
        open_run(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("ledger.json", '{"rows":\n 1,}', r"ledger\.json line 2: broken JSON"),
        ("ledger.json", "[1]", r"ledger\.json: got a list, expected keys with values"),
        ("resolved.yaml", "a: [1", r"resolved\.yaml: broken YAML"),
        ("resolved.yaml", "just words", r"resolved\.yaml: got 'just words', expected keys"),
        ("summary.json", "null", r"summary\.json: got nothing, expected keys with values"),
        ("samples.json", "7", r"samples\.json: got 7, expected a list"),
        ("evaluation.json", '{"arms": {"tuned": 5}}', r"arms\.tuned: got 5, expected keys"),
        ("evaluation.json", '{"arms": {}}', r"evaluation\.json: verdict: missing"),
        (
            "predictions.jsonl",
            '{"key": 1}\n',
            r"predictions\.jsonl: \[0\]\.key: got 1, expected text",
        ),
        ("metrics.jsonl", "{}\n{no}\n", r"metrics\.jsonl line 2: broken JSON"),
        ("predictions.jsonl", "{}\n{half", r"predictions\.jsonl line 2: broken JSON"),
    ],
)
def test_a_broken_document_is_named_with_its_line(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    (_minimal(tmp_path) / name).write_text(content)
    with pytest.raises(RunError, match=words):
        open_run(tmp_path)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (_minimal(tmp_path) / "evaluation.json").write_bytes(b"{\xff}")
    with pytest.raises(RunError, match=r"evaluation\.json: not UTF-8 at byte 1"):
        open_run(tmp_path)
