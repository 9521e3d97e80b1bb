"""The date that a chat template prints is a fact of the run, wherever its model is used."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from tests import tiny
from tests.journeys.desk import QUICK, Desk, desk
from tests.unit.models.dated import LLAMA
from transformers import AutoTokenizer

import luthier
from luthier.core.errors import RecipeError
from luthier.data.rows import Message
from luthier.models.bundle import Bundle
from luthier.recipe.load import read
from luthier.recipe.resolve import Settled
from luthier.workflow.evaluate import evaluate_run
from luthier.workflow.export import export_run
from luthier.workflow.inputs import gather
from luthier.workflow.run import Run
from luthier.workflow.stages import Stages, silent

PRINTED = "Today Date: 03 Feb 2001"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk whose model prints the date."""
    place = desk(tmp_path_factory.mktemp("desk"), num_rows=24)
    tiny.tokenizer(LLAMA).save_pretrained(place.model)
    return place


@pytest.fixture(scope="module")
def run(place: Desk) -> Run:
    """A finished run that was told a date long past."""
    settings = [*QUICK, "training.max_steps=2", "data.today=2001-02-03", "evaluation.arms=[tuned]"]
    return luthier.train(_request(place), out=place.root / "run", overrides=settings)


def _request(place: Desk) -> dict[str, object]:
    return {"model": str(place.model), "data": {"train": str(place.data)}}


def _settled(place: Desk, *settings: str) -> tuple[Settled, Stages]:
    settled, stages = Settled(*read(_request(place), settings)), Stages(silent)
    gather(settled, stages)
    return settled, stages


def _prompt(bundle: Bundle) -> str:
    ids = bundle.codec.prompt([Message("user", "number 3")])
    return bundle.codec.tokenizer.decode(ids.tolist())


def test_training_rows_hold_the_date_of_the_run(run: Run) -> None:
    for sample in run.files.samples:
        assert PRINTED in "".join(piece["text"] for piece in sample["pieces"])


def test_the_tuned_model_and_its_base_are_asked_under_the_date_of_the_run(run: Run) -> None:
    assert PRINTED in _prompt(run.bundle)
    assert PRINTED in _prompt(run.open_base())


def test_evaluating_on_another_day_gives_the_same_answers(run: Run) -> None:
    before = run.files.predictions
    evaluate_run(run.path)
    assert [line["answers"] for line in run.files.predictions] == [
        line["answers"] for line in before
    ]


def test_an_export_keeps_the_template_of_the_model(run: Run, tmp_path: Path) -> None:
    export_run(run.path, "safetensors", out=tmp_path / "merged")
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").chat_template == LLAMA


def test_left_open_the_date_is_that_of_the_first_start_and_recorded(place: Desk) -> None:
    days = [date.today().isoformat()]
    settled, _ = _settled(place)
    days.append(date.today().isoformat())
    assert settled.get("data.today") in days
    assert settled.origins["data.today"] == "auto: the chat template prints it; day of the start"


def test_a_model_that_prints_no_date_leaves_it_open_and_says_so_when_asked(tmp_path: Path) -> None:
    plain = desk(tmp_path, num_rows=24)
    settled, stages = _settled(plain)
    assert settled.get("data.today") == "auto"
    assert not [note for note in stages.notes if "data.today" in note]
    _, stages = _settled(plain, "data.today=2001-02-03")
    assert [note for note in stages.notes if "data.today has no effect" in note]


@pytest.mark.parametrize("word", ["3.2.2001", "2001-13-01", "2001-W05-6", "today"])
def test_what_is_no_date_is_refused(place: Desk, word: str) -> None:
    with pytest.raises(RecipeError, match="expected a date such as 2026-03-01, or auto"):
        read(_request(place), [f"data.today={word}"])
