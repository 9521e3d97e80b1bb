"""A card and a report are made to be shared: they name files, not folders of somebody's disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from luthier.run import card
from luthier.run.layout import Layout
from luthier.run.reader import RunFiles
from luthier.run.report import render
from luthier.run.shareable import shareable

FILE = "/srv/ada/secret/tickets.v2.jsonl"


def run_of(*, train: str = FILE, test: str = "auto", model: str = "smollm2-135m") -> RunFiles:
    said = f"{train}: one JSON object per line"
    return RunFiles(
        layout=Layout(Path("/srv/ada/runs/first")),
        resolved={
            "recipe": {"data": {"train": train, "test": test}, "model": model},
            "origins": {"data.train": "user: recipe.yaml"},
            "identity": {"recipe": "ab12", "files": {train: "cd34"}},
        },
        summary={"data": [said], "notes": [said], "model": model, "reason": f"{FILE} line 7: bad"},
        ledger={
            "rows": {
                "in": 1,
                "used": {},
                "dropped": {"empty": {"count": 1, "examples": [f"{train} line 3"]}},
            }
        },
        samples=[
            {
                "row": f"{train} line 1",
                "pieces": [{"text": f"see {train}", "trained": True, "role": "user"}],
            }
        ],
        predictions=[{"row": 0, "origin": f"{train} line 2", "input": train, "answers": {}}],
    )


def test_neither_card_nor_report_names_a_folder() -> None:
    for text in (card.render(run_of()), render(run_of())):
        assert "tickets.v2.jsonl" in text.replace("\\", "")
        assert "/srv/ada/secret" not in text.replace("see /srv/ada/secret", "")
    assert "- file tickets.v2.jsonl: `cd34`" in card.render(run_of())


def test_what_rows_say_stays_as_it_is() -> None:
    found = shareable(run_of())
    assert found.samples[0]["row"] == "tickets.v2.jsonl line 1"
    assert found.samples[0]["pieces"][0]["text"] == f"see {FILE}"
    assert found.predictions[0]["origin"] == "tickets.v2.jsonl line 2"
    assert found.predictions[0]["input"] == FILE


def test_files_of_one_name_are_told_apart() -> None:
    found = shareable(run_of(train="/a/x/rows.csv", test="/a/y/rows.csv"))
    assert found.recipe["data"] == {"train": "x/rows.csv", "test": "y/rows.csv"}


def test_a_model_folder_and_the_home_folder_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/srv/ada"))
    run = run_of(model="/srv/ada/models/tuned-1")
    assert run.summary is not None
    run.summary["notes"] = ["cache: /srv/ada/.cache/luthier", "https://x.org/srv/ada/y"]
    found = shareable(run).summary
    assert found is not None
    assert found["model"] == "tuned-1"
    assert found["notes"] == ["cache: ~/.cache/luthier", "https://x.org/srv/ada/y"]


def test_relative_paths_stay_as_the_user_gave_them() -> None:
    found = shareable(run_of(train="data/tickets.jsonl"))
    assert found.recipe["data"]["train"] == "data/tickets.jsonl"
