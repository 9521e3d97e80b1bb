"""Options of `keep` from a recipe to a run: read, checked, recorded, continued."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests import tiny
from tests.journeys.desk import QUICK, Desk, desk
from tests.unit.keeping.arranged import arranged, build

import luthier
from luthier.core.errors import DataError, Interrupted, RecipeError, RunError
from luthier.core.events import Event, Notice, Stage, Updated
from luthier.core.files import read_json
from luthier.recipe.load import read
from luthier.workflow import settings
from luthier.workflow.keeping import finish
from luthier.workflow.stages import Stages, silent

ALL = (
    "keep.kl_to_base=0.1",
    "keep.replay.share=0.5",
    "keep.l2_sp=0.01",
    "keep.ewc.num_rows=2",
    "keep.ema=0.9",
    "keep.wise_ft=true",
    "keep.neftune=1",
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    return desk(tmp_path, num_rows=24)


def train(
    place: Desk, *said: str, name: str = "run", heard: Any = None, steps: int = 4
) -> luthier.Run:
    recipe = {"model": str(place.model), "data": {"train": str(place.data)}}
    return luthier.train(
        recipe,
        out=place.root / "runs" / name,
        overrides=[*QUICK, f"training.max_steps={steps}", *said],
        on_event=heard or silent,
    )


def weights(run: luthier.Run) -> dict[str, torch.Tensor]:
    return load_file(run.layout.adapter / "adapter_model.safetensors")


def test_every_option_works_with_every_other_and_is_recorded_in_full(place: Desk) -> None:
    heard: list[Event] = []
    run = train(place, *ALL, heard=heard.append)
    kept = (run.files.resolved or {})["recipe"]["keep"]
    assert kept["kl_to_base"] == {"weight": 0.1, "rows": "luthier", "rows_per_update": 2, "beta": 0}
    assert kept["replay"]["share"] == 0.5
    metrics = [event.metrics for event in heard if isinstance(event, Updated)][-1]
    assert {"kl_to_base", "l2_sp", "ewc", "loss/replay"} <= metrics.keys()
    assert run.summary["keep"]["wise_ft"]["factor"] > 0
    assert any("keep.wise_ft" in note for note in run.summary["notes"])


def test_a_stopped_and_continued_run_equals_an_unbroken_one(place: Desk) -> None:
    whole = train(place, *ALL, name="whole")

    def stop(event: Event) -> None:
        if isinstance(event, Updated) and event.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        train(place, *ALL, "training.save_every=2", name="broken", heard=stop)
    broken = train(place, name="broken")
    one, other = weights(whole), weights(broken)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_an_option_cannot_be_changed_when_a_run_goes_on(place: Desk) -> None:
    train(place, "keep.l2_sp=0.1")
    with pytest.raises(RunError, match=r"keep\.l2_sp"):
        train(place, "keep.l2_sp=0.2")


def test_an_average_that_comes_later_begins_with_the_weights_as_they_are(place: Desk) -> None:
    last = "data.validation_share=0"  # the last weights count, not the best
    allowed = (last, "allow=[changed_recipe]")
    train(place, last, name="plain")
    plain = weights(train(place, *allowed, name="plain", steps=5))
    before = weights(train(place, last))
    heard: list[Event] = []
    run = train(place, *allowed, "keep.ema=0.9", heard=heard.append, steps=5)
    said = [event.text for event in heard if isinstance(event, Notice)]
    assert "keep.ema is new to this run: it begins at step 4" in said
    expected = {name: 0.1 * before[name] + 0.9 * plain[name] for name in plain}
    torch.testing.assert_close(weights(run), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("keep.kl_to_bas=0.1", r"keep\.kl_to_bas: unknown option; did you mean 'kl_to_base'"),
        ("keep.kl_to_base=-1", r"keep\.kl_to_base\.weight: got -1"),
        ("keep.l2_sp={wieght: 1}", r"keep\.l2_sp\.wieght: unknown key; did you mean 'weight'"),
        ("keep.wise_ft=3", r"keep\.wise_ft: got 3, expected true, false, or settings: give_up"),
        ("keep.replay=often", r"keep\.replay\.share: got 'often', expected a number above 0"),
    ],
)
def test_what_no_option_takes_is_told_before_anything_is_read(said: str, words: str) -> None:
    recipe = {"model": "nowhere", "data": {"train": "none.jsonl"}}
    with pytest.raises(RecipeError, match=words):
        read(recipe, [said], check=settings.check)


def test_general_rows_may_be_a_file_and_a_missing_one_is_told(place: Desk) -> None:
    own = place.root / "general.jsonl"
    talk = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    own.write_text(json.dumps({"messages": talk}) + "\n", encoding="utf-8")
    run = train(place, f"keep.replay={{share: 0.2, rows: {own}}}")
    assert run.summary["state"] == "done"
    with pytest.raises(DataError, match=r"absent\.jsonl"):
        train(place, "keep.replay={share: 0.2, rows: absent.jsonl}", name="other")


def test_general_rows_that_the_run_is_tested_on_or_that_are_too_long_are_counted(
    place: Desk,
) -> None:
    own = place.root / "general.jsonl"
    long = [{"role": "user", "content": "a " * 400}, {"role": "assistant", "content": "b"}]
    lines = [*place.data.read_text().splitlines(), json.dumps({"messages": long})]
    own.write_text("\n".join(lines), encoding="utf-8")
    run = train(place, f"keep.replay={{share: 0.2, rows: {own}}}")
    ledger = read_json(run.layout.ledger)
    (account,) = ledger["keep"]
    held = ledger["rows"]["used"]["validation"] + ledger["rows"]["used"]["test"]
    dropped = {reason: entry["count"] for reason, entry in account["rows"]["dropped"].items()}
    assert dropped.pop("longer than 256 tokens") == 1
    assert sum(dropped.values()) == held > 0
    assert all(reason.startswith("input also in ") for reason in dropped)
    assert account["rows"]["used"]["train"] == account["rows"]["in"] - held - 1
    assert any("general rows of" in note for note in run.summary["notes"])


def test_general_rows_that_are_all_held_out_are_refused(place: Desk) -> None:
    test = place.root / "test.jsonl"
    talk = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    test.write_text(json.dumps({"messages": talk}) + "\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="is also in validation or test of this run"):
        train(place, f"data.test={test}", f"keep.replay={{share: 0.2, rows: {test}}}")


def test_an_option_that_the_model_refuses_is_told_before_the_reference_is_asked(
    place: Desk,
) -> None:
    rows = [{"prompt": f"say {n}", "chosen": "yes", "rejected": "no"} for n in range(24)]
    place.data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    heard: list[Event] = []
    with pytest.raises(RecipeError, match="has no dropout layers"):
        train(place, "objective.name=dpo", "keep.dropout=0.1", heard=heard.append)
    stages = [event.name for event in heard if isinstance(event, Stage)]
    assert "loading model" in stages
    assert not any(name.startswith("asking") for name in stages)


def test_too_few_validation_targets_choose_no_way_back(tmp_path: Path) -> None:
    option = build("wise_ft")
    found, _ = arranged("full", "classify", [option])
    found.disturb()
    trained, stages = found.parameters(), Stages(silent)
    job = found.job(tmp_path, keepers=[option], fewest_targets=4)  # it has three
    assert finish(job, stages)["wise_ft"]["factor"] == 1.0
    assert "too few validation rows to choose by" in stages.notes[0]
    assert all(torch.equal(trained[name], now) for name, now in found.parameters().items())
    finish(found.job(tmp_path, keepers=[option], fewest_targets=3), stages)
    assert "validation loss" in stages.notes[1]


def test_the_validation_loss_of_a_run_is_that_of_the_weights_it_ends_with(place: Desk) -> None:
    run = train(place, "keep.wise_ft.give_up=0.9", "data.validation_share=0.4")
    found = run.summary["keep"]["wise_ft"]
    assert found["factor"] < 1
    assert run.summary["validation_loss"] == found["validation_losses"][str(found["factor"])]


def test_false_switches_an_option_off(place: Desk) -> None:
    heard: list[Event] = []
    train(place, "keep.l2_sp=false", heard=heard.append)
    assert not any("l2_sp" in e.metrics for e in heard if isinstance(e, Updated))


def test_general_rows_are_plain_text_to_a_model_without_a_template(
    place: Desk, tmp_path: Path
) -> None:
    tiny.folder(tmp_path / "base", template=None)
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": f"hello world {n} yes"}) + "\n" for n in range(40)))
    run = luthier.train(
        {"model": str(tmp_path / "base"), "data": {"train": str(path)}},
        out=place.root / "runs" / "bare",
        overrides=[*QUICK, "objective=lm", "training.max_steps=2", "keep.replay=0.2"],
    )
    said = " ".join(run.summary["notes"])
    assert "general rows of luthier are shown to it as plain text" in said
