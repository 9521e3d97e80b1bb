"""Continuing a run whose request, tokenizer or version is another one, from end to end."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.journeys.desk import QUICK, Desk, desk

import luthier
from luthier.core import files
from luthier.core.errors import Interrupted, RunError
from luthier.core.events import Event, Notice, Updated
from luthier.models.sources import fetch

SETTINGS = [*QUICK, "training.max_steps=6", "training.save_every=2"]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk with a run that was stopped after three steps, of rank 4."""
    place = desk(tmp_path_factory.mktemp("desk"), num_rows=24)
    go_on(place, place.root / "run", "tuner.rank=4", until=3)
    return place


@pytest.fixture
def place(stopped: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A copy of that desk, to be spoilt."""
    shutil.copytree(stopped.root, tmp_path / "copy")
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    return Desk(tmp_path / "copy")


def go_on(place: Desk, out: Path, *settings: str, until: int) -> list[Event]:
    """Train until a step and stop there; every event."""
    heard: list[Event] = []

    def listen(event: Event) -> None:
        heard.append(event)
        if isinstance(event, Updated) and event.step == until:
            os.kill(os.getpid(), signal.SIGINT)

    recipe = {"model": str(place.model), "data": {"train": str(place.data)}}
    with pytest.raises(Interrupted):
        luthier.train(recipe, out=out, overrides=[*SETTINGS, *settings], on_event=listen)
    return heard


def steps(events: Sequence[Event]) -> list[int]:
    return [event.step for event in events if isinstance(event, Updated)]


def notices(events: Sequence[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Notice))


def edit_template(place: Desk) -> None:
    path = place.model / "chat_template.jinja"
    path.write_text(path.read_text() + "{# edited #}")


def test_a_rank_that_is_left_out_is_kept_and_said(place: Desk) -> None:
    out = place.root / "run"
    events = go_on(place, out, until=4)
    assert steps(events) == [4]
    assert "not given now: tuner.rank=4" in notices(events)
    assert luthier.open_run(out).recipe.tuner["rank"] == 4
    assert luthier.open_run(out).files.resolved["origins"]["tuner.rank"] == "user: command line"


def test_a_changed_tokenizer_is_named_on_its_own_and_may_be_allowed(place: Desk) -> None:
    out = place.root / "run"
    edit_template(place)
    with pytest.raises(RunError, match="the tokenizer changed") as error:
        go_on(place, out, until=4)
    assert "the model changed" not in str(error.value)
    events = go_on(place, out, "allow=[changed_tokenizer]", until=4)
    assert "the tokenizer changed, as allowed" in notices(events)


def test_permission_for_the_model_does_not_cover_the_tokenizer(place: Desk) -> None:
    edit_template(place)
    with pytest.raises(RunError, match="the tokenizer changed"):
        go_on(place, place.root / "run", "allow=[changed_model]", until=4)


def train(place: Desk, out: Path, *settings: str) -> list[Event]:
    """Train to the end; every event."""
    heard: list[Event] = []
    recipe = {"model": str(place.model), "data": {"train": str(place.data)}}
    luthier.train(recipe, out=out, overrides=[*SETTINGS, *settings], on_event=heard.append)
    return heard


def test_a_training_that_its_time_ended_goes_on_when_it_is_given_more(place: Desk) -> None:
    out = place.root / "short"
    assert steps(train(place, out, "training.max_seconds=1e-9")) == [1]
    run = luthier.open_run(out)
    first = (run.summary["why_ended"], run.evaluation)
    assert steps(train(place, out, "training.max_seconds=1e-9")) == []
    assert steps(train(place, out, "training.max_seconds=1000")) == [2, 3, 4, 5, 6]
    assert (first[0], run.summary["why_ended"]) == ("max_seconds", "max_steps")
    assert run.summary["state"] == "done"
    assert first[1] is not None
    assert run.evaluation is not None
    assert run.evaluation["arms"]["tuned"] != first[1]["arms"]["tuned"]
    assert run.evaluation["arms"]["base"] == first[1]["arms"]["base"]
    assert steps(train(place, out)) == []


def test_a_training_that_goes_on_is_not_taken_for_the_one_that_ended(place: Desk) -> None:
    out = place.root / "short"
    train(place, out, "training.max_seconds=1e-9")
    assert steps(go_on(place, out, "training.max_seconds=0", until=3)) == [2, 3]
    assert not (out / "adapter").exists()
    assert steps(train(place, out)) == [4, 5, 6]


def make_old(place: Desk) -> None:
    """The run as a version wrote it that had one hash for model and tokenizer together."""
    out, sha256 = place.root / "run", fetch(str(place.model)).sha256
    resolved = yaml.safe_load((out / "resolved.yaml").read_text())
    del resolved["identity"]["tokenizer"]
    resolved["identity"]["model"] = sha256
    (out / "resolved.yaml").write_text(yaml.safe_dump(resolved))
    for folder in (out / "checkpoints").glob("step-*"):
        state = files.read_json(folder / "state.json")
        del state["identity"]["tokenizer"]
        state["identity"]["model"] = sha256
        files.write_json(folder / "state.json", state)
        _seal(folder)


def _seal(folder: Path) -> None:
    manifest: dict[str, Any] = files.read_json(folder / "manifest.json")
    path = folder / "state.json"
    entry = {"sha256": files.sha256(path), "bytes": path.stat().st_size}
    manifest["files"]["state.json"] = entry
    files.write_json(folder / "manifest.json", manifest)


def test_an_old_run_is_continued_again_and_again(place: Desk) -> None:
    make_old(place)
    out = place.root / "run"
    assert steps(go_on(place, out, until=4)) == [4]
    assert steps(go_on(place, out, until=5)) == [5]
    assert "tokenizer" not in luthier.open_run(out).files.resolved["identity"]


def test_an_old_run_notices_a_changed_tokenizer_under_the_name_it_knows(place: Desk) -> None:
    make_old(place)
    edit_template(place)
    with pytest.raises(RunError, match="the model changed"):
        go_on(place, place.root / "run", until=4)
