"""The whole circle through the command line on a tiny model: train, look, use, compare, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.desk import QUICK, Desk, desk
from transformers import AutoModelForCausalLM

import luthier


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def run(place: Desk) -> Path:
    """A finished run."""
    out = place.root / "run"
    settings = [*QUICK, "training.max_steps=6", "training.learning_rate=0.01"]
    code, document, said = place.luthier(
        "train", place.data, "--model", place.model, "--out", out, *settings
    )
    assert code in (0, 1), said
    assert document["run"] == str(out)
    return out


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_run_directory_holds_every_document_that_scripts_rely_on(run: Path) -> None:
    files = ["resolved.yaml", "ledger.json", "metrics.jsonl", "evaluation.json", "report.html"]
    for name in [*files, "card.md", "adapter/adapter_config.json", "checkpoints"]:
        assert (run / name).exists(), name


def test_the_evaluation_names_arms_with_intervals_and_a_verdict(run: Path) -> None:
    evaluation = read(run / "evaluation.json")
    assert {"base", "few_shot", "tuned"} <= set(evaluation["arms"])
    for metrics in evaluation["arms"].values():
        for estimate in metrics.values():
            assert estimate["low"] <= estimate["value"] <= estimate["high"]
            assert estimate["n"] > 0
    assert evaluation["verdict"]["outcome"] in ("better", "no_evidence", "worse")


def test_the_ledger_adds_up(run: Path) -> None:
    ledger = read(run / "ledger.json")
    dropped = sum(entry["count"] for entry in ledger["rows"]["dropped"].values())
    assert ledger["rows"]["in"] == sum(ledger["rows"]["used"].values()) + dropped
    for tokens in ledger["tokens"].values():
        assert tokens["in"] == tokens["trained"] + tokens["masked"] + tokens["cut"]


def test_every_setting_of_the_resolved_recipe_is_concrete_and_has_an_origin(run: Path) -> None:
    recipe = luthier.open_run(run).recipe
    files = luthier.open_run(run).files
    assert files.resolved is not None
    assert recipe.training.learning_rate == 0.01
    assert files.resolved["origins"]["training.learning_rate"] == "user: command line"
    assert files.resolved["origins"]["tuner.name"].startswith("auto: ")
    assert "auto" not in recipe.training.model_dump(exclude={"path", "compile"}).values()


def test_training_again_on_a_finished_run_changes_nothing(place: Desk, run: Path) -> None:
    before = (run / "metrics.jsonl").read_text(encoding="utf-8")
    code, _, said = place.luthier("train", run)
    assert code in (0, 1), said
    assert "done already" in said
    assert [line for line in before.splitlines() if '"updated"' in line] == [
        line
        for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        if '"updated"' in line
    ]


def test_predictions_of_a_file_come_in_its_order(place: Desk, run: Path) -> None:
    rows = place.root / "ask.jsonl"
    asked = [{"messages": [{"role": "user", "content": f"number {n}"}]} for n in range(3)]
    rows.write_text("".join(json.dumps(row) + "\n" for row in asked), encoding="utf-8")
    output = place.root / "answers.jsonl"
    code, _, said = place.luthier("predict", run, "--input", rows, "--output", output)
    assert code == 0, said
    lines = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [line["messages"] for line in lines] == [row["messages"] for row in asked]
    assert all(isinstance(line["answer"], str) for line in lines)


def test_predictions_of_rows_in_another_shape_than_the_training_file(
    place: Desk, run: Path
) -> None:
    rows, output = place.root / "other.jsonl", place.root / "other-answers.jsonl"
    asked = [{"prompt": "number 1"}, {"messages": [{"role": "user", "content": "number 1"}]}]
    rows.write_text("".join(json.dumps(row) + "\n" for row in asked), encoding="utf-8")
    code, _, said = place.luthier("predict", run, "--input", rows, "--output", output)
    assert code == 0, said
    assert "'prompt' is the prompt" in said
    first, second = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert first["answer"] == second["answer"]


def test_predictions_in_python_equal_those_of_the_command(place: Desk, run: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": f"number {n}"}]} for n in range(3)]
    found = luthier.open_run(run).predict(rows)
    asked, output = place.root / "same.jsonl", place.root / "same-answers.jsonl"
    asked.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    code, _, said = place.luthier("predict", run, "--input", asked, "--output", output)
    assert code == 0, said
    lines = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [item["answer"] for item in found] == [line["answer"] for line in lines]


def test_a_merged_export_opens_in_transformers(place: Desk, run: Path) -> None:
    out = place.root / "merged"
    code, document, said = place.luthier("export", run, "--format", "safetensors", "--out", out)
    assert code == 0, said
    assert document["folder"] == str(out)
    model = AutoModelForCausalLM.from_pretrained(out)
    assert sum(parameter.numel() for parameter in model.parameters()) > 0
    assert (out / "manifest.json").is_file()


def test_a_run_can_be_evaluated_anew(place: Desk, run: Path) -> None:
    code, document, said = place.luthier("evaluate", run, "evaluation.max_rows=2")
    assert code in (0, 1), said
    assert document["arms"]["tuned"]


def test_rows_that_changed_since_the_training_are_not_tested_on_unasked(
    place: Desk, run: Path
) -> None:
    before = place.data.read_text(encoding="utf-8")
    edited = before.replace("Please write", "Kindly write", 1)
    place.data.write_text(edited, encoding="utf-8")
    try:
        code, _, said = place.luthier("evaluate", run, "evaluation.max_rows=2")
        assert code == 2
        assert "rows.jsonl changed" in said
        assert "allow=[changed_data]" in said
        words = ("evaluate", run, "evaluation.max_rows=2", "allow=[changed_data]")
        assert place.luthier(*words)[0] in (0, 1)
    finally:
        place.data.write_text(before, encoding="utf-8")


def test_other_rows_can_be_named_but_not_while_those_of_the_training_are_edited(
    place: Desk, run: Path
) -> None:
    other, before = place.root / "other.jsonl", place.data.read_text(encoding="utf-8")
    text = before.replace("Please write", "Kindly write")
    other.write_text("".join(text.splitlines(keepends=True)[:6]), encoding="utf-8")
    words = ("evaluate", run, f"data.test={other}", "evaluation.max_rows=3")
    code, document, said = place.luthier(*words)
    assert code in (0, 1), said
    assert document["arms"]["tuned"]["nll"]["n"] > 0
    assert "Kindly" in (run / "predictions.jsonl").read_text(encoding="utf-8")
    place.data.write_text(before.replace("number 7 ", "number 77 "), encoding="utf-8")
    try:
        code, _, said = place.luthier(*words)
        assert code == 2
        assert "rows.jsonl changed" in said
    finally:
        place.data.write_text(before, encoding="utf-8")


def test_two_runs_are_compared_row_by_row(place: Desk, run: Path) -> None:
    other = place.root / "other"
    settings = [*QUICK, "training.max_steps=2"]
    words = ["train", place.data, "--model", place.model, "--out", other, *settings]
    assert place.luthier(*words)[0] in (0, 1)
    again = place.luthier("evaluate", run)
    assert again[0] in (0, 1), again[2]
    code, document, said = place.luthier("compare", run, other)
    assert code in (0, 1), said
    assert document["outcome"] in ("better", "no_evidence", "worse")


def test_runs_are_listed_and_shown(place: Desk, run: Path) -> None:
    code, listed, said = place.luthier("runs", "list", "--root", place.root)
    assert code == 0, said
    assert "run" in json.dumps(listed)
    code, shown, said = place.luthier("runs", "show", run)
    assert code == 0, said
    assert "tuned" in json.dumps(shown)


def test_plan_leaves_nothing_behind(place: Desk) -> None:
    before = sorted(path.name for path in place.root.iterdir())
    code, document, said = place.luthier("plan", place.data, "--model", place.model, *QUICK)
    assert code == 0, said
    assert document["preflight"]["num_steps"] > 0
    assert any(piece["trained"] for piece in document["samples"][0]["pieces"])
    assert sorted(path.name for path in place.root.iterdir()) == before


def test_init_writes_a_recipe_that_plan_takes(place: Desk) -> None:
    process = place.start("init", place.data, "--model", place.model)
    text, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    recipe = place.root / "recipe.yaml"
    recipe.write_text(text, encoding="utf-8")
    code, document, said = place.luthier("plan", recipe, *QUICK)
    assert code == 0, said
    assert document["recipe"]["objective"]["name"] == "sft"
    recipe.unlink()
