"""What a request leaves out is as in the run; what it says must be as in the run."""

from __future__ import annotations

from typing import Any

import pytest

from luthier.core.errors import RunError
from luthier.recipe.load import read
from luthier.recipe.resolve import Settled
from luthier.workflow import resume

INPUTS = {"files": {"a.jsonl": "1", "b.jsonl": "2"}, "data": "3", "model": "4", "tokenizer": "5"}
OLD = {key: value for key, value in INPUTS.items() if key != "tokenizer"}


def settled(*overrides: str) -> Settled:
    return Settled(*read({"model": "m", "data": {"train": "rows.jsonl"}}, overrides))


def recorded(*overrides: str) -> dict[str, Any]:
    """What a run that was started with these settings wrote down."""
    first = settled(*overrides)
    first.settle("training.batch_size", 7, "a test")
    first.settle("tuner.name", "lora", "a test")
    first.settle("tuner.alpha", 64.0, "twice the rank")
    first.fill("tuner", {"rank": 16, "dropout": 0.0})
    return first.document()


def taken_up(then: dict[str, Any], *overrides: str) -> tuple[Settled, list[str]]:
    now = settled(*overrides)
    return now, resume.take_up(now, then, where="runs/a")


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("tuner.rank=32", "tuner.rank", 32),
        ("objective.train_on=all", "objective.train_on", "all"),
        ("training.learning_rate=1e-4", "training.learning_rate", 1e-4),
        ("training.warmup_ratio=0.2", "training.warmup_ratio", 0.2),
        ("data.on_overflow=drop", "data.on_overflow", "drop"),
        ("evaluation.max_rows=5", "evaluation.max_rows", 5),
        ("trackers=[tensorboard]", "trackers", ["tensorboard"]),
        ("name=mine", "name", "mine"),
        ("seed=3", "seed", 3),
    ],
)
def test_a_setting_given_then_and_not_now_is_kept_and_said(
    setting: str, key: str, value: object
) -> None:
    now, said = taken_up(recorded(setting))
    assert now.get(key) == value
    assert now.origins[key] == "user: command line"
    assert said == [f"as when the run was started, and not given now: {key}={value}"]


def test_what_nobody_gave_is_kept_without_a_word() -> None:
    now, said = taken_up(recorded())
    assert (now.get("training.batch_size"), now.get("tuner.alpha")) == (7, 64.0)
    assert now.origins["training.batch_size"] == "auto: a test"
    assert said == []


def test_a_run_goes_on_under_the_date_of_its_first_day() -> None:
    first = settled()
    first.settle("data.today", "2001-02-03", "a test")
    now, said = taken_up(first.document())
    assert now.get("data.today") == "2001-02-03"
    assert said == []


def test_a_whole_recipe_continues_itself() -> None:
    then = recorded("tuner.rank=32", "seed=3")
    now = Settled.of_document(then)
    assert resume.take_up(now, then, where="runs/a") == []
    assert now.document() == then


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        ("lr=1e-4", "lr=2e-4", r"training\.learning_rate: 0\.0001 in the run, 0\.0002 now"),
        ("tuner.rank=32", "tuner.rank=8", r"tuner\.rank: 32 in the run, 8 now"),
        ("seed=0", "seed=1", r"seed: 0 in the run, 1 now"),
        ("seed=0", "tuner.rank=8", r"tuner\.rank: 16 in the run, 8 now"),
        ("seed=0", "tuner=full", r"tuner\.name: 'lora' in the run, 'full' now"),
        ("seed=0", "tuner.new=8", r"tuner\.new: 'absent' in the run, 8 now"),
        ("seed=0", "batch_size=9", r"training\.batch_size: 7 in the run, 9 now"),
    ],
)
def test_a_setting_that_is_said_otherwise_now_is_refused_by_name(
    then: str, now: str, words: str
) -> None:
    with pytest.raises(RunError, match=words):
        taken_up(recorded(then), now)


def test_a_setting_that_is_said_otherwise_may_be_allowed_and_is_named() -> None:
    now, said = taken_up(recorded("lr=1e-4"), "lr=2e-4", "allow=[changed_recipe]")
    assert now.get("training.learning_rate") == 2e-4
    assert said == ["changed, as allowed: training.learning_rate: 0.0001 in the run, 0.0002 now"]


@pytest.mark.parametrize(
    "setting",
    ["save_every=3", "max_seconds=60", "evaluation.max_rows=5", "name=x", "trackers=[tensorboard]"],
)
def test_what_trains_the_same_may_change_and_is_said(setting: str) -> None:
    _, said = taken_up(recorded(), setting)
    assert len(said) == 1
    assert said[0].startswith("changed, and trains the same: ")


@pytest.mark.parametrize(
    ("why", "then", "now", "expected"),
    [
        ("max_seconds", "max_seconds=60", "max_seconds=90", True),
        ("max_seconds", "max_seconds=60", "max_seconds=0", True),
        ("max_seconds", "max_seconds=60", "max_seconds=30", False),
        ("max_seconds", "max_seconds=60", "max_seconds=60", False),
        ("max_seconds", "max_seconds=60", "seed=0", False),
        ("max_seconds", "max_seconds=60", "max_steps=90", False),
        ("max_steps", "max_steps=60", "max_steps=90", True),
        ("epochs", "epochs=2", "epochs=3", True),
        ("max_tokens", "max_tokens=60", "max_tokens=0", True),
        ("early_stopping", "early_stopping_patience=2", "early_stopping_patience=3", True),
        ("", "max_seconds=60", "max_seconds=90", False),
    ],
)
def test_a_training_goes_on_where_the_limit_it_ended_at_is_farther_now(
    why: str, then: str, now: str, expected: bool
) -> None:
    before = recorded(then)
    settings, _ = taken_up(before, now, "allow=[changed_recipe]")
    assert resume.moves_limit(settings, before, why) == expected
    assert not resume.moves_limit(settings, None, why)


@pytest.mark.parametrize("source", ["the data file", "the run itself"])
def test_epochs_chosen_for_so_many_steps_are_chosen_anew_for_more(source: str) -> None:
    first = settled("max_steps=60")
    first.settle("training.epochs", 3.0, "60 steps")
    before, words = first.document(), ["max_steps=90", "allow=[changed_recipe]"]
    now = settled(*words) if source == "the data file" else Settled.of_document(before, words)
    resume.take_up(now, before, where="runs/a")
    assert now.get("training.epochs") == "auto"
    same = Settled.of_document(before, ["max_steps=60"])
    resume.take_up(same, before, where="runs/a")
    assert same.get("training.epochs") == 3.0
    said = settled(*words, "epochs=5")
    resume.take_up(said, before, where="runs/a")
    assert said.get("training.epochs") == 5


def test_a_permission_is_given_for_one_time_only() -> None:
    now, said = taken_up(recorded("allow=[changed_data]"))
    assert now.get("allow") == []
    assert said == []


def test_settings_of_another_component_are_not_taken_over() -> None:
    now, _ = taken_up(recorded("tuner.rank=32"), "tuner=full", "allow=[changed_recipe]")
    assert now.recipe().tuner == {"name": "full"}


def test_a_setting_that_the_run_does_not_know_yet_has_its_default() -> None:
    then = recorded()
    del then["recipe"]["training"]["spike_factor"]
    assert taken_up(then)[1] == []
    with pytest.raises(RunError, match=r"spike_factor: 10\.0 in the run, 3\.0 now"):
        taken_up(then, "spike_factor=3.0")


def test_a_setting_that_only_the_run_knows_does_no_harm() -> None:
    then = recorded()
    then["recipe"]["training"]["of_another_version"] = 1
    assert taken_up(then)[1] == []


@pytest.mark.parametrize(
    ("change", "word", "words"),
    [
        ({"files": {"a.jsonl": "x", "b.jsonl": "2"}}, "changed_data", r"a\.jsonl changed"),
        ({"data": "x"}, "changed_data", "the rows changed"),
        ({"model": "x"}, "changed_model", "the model changed"),
        ({"tokenizer": "x"}, "changed_tokenizer", "the tokenizer changed"),
    ],
)
def test_what_went_in_is_named_by_its_part_and_may_be_allowed(
    change: dict[str, Any], word: str, words: str
) -> None:
    now = {**INPUTS, **change}
    with pytest.raises(RunError, match=words) as error:
        resume.same_inputs(INPUTS, now, allow=[], where="runs/a")
    assert f"allow=[{word}]" in str(error.value)
    assert str(error.value).count("changed") == 2  # the part and the permission, nothing else
    (said,) = resume.same_inputs(INPUTS, now, allow=[word], where="runs/a")
    assert said.endswith("changed, as allowed") or "rows" in said


def test_everything_that_changed_is_named_at_once() -> None:
    now = {**INPUTS, "model": "x", "tokenizer": "y"}
    with pytest.raises(RunError, match=r"the tokenizer changed") as error:
        resume.same_inputs(INPUTS, now, allow=["changed_model"], where="runs/a")
    assert "the model" not in str(error.value)
    with pytest.raises(RunError, match=r"allow=\[changed_model, changed_tokenizer\]"):
        resume.same_inputs(INPUTS, now, allow=[], where="runs/a")


def test_a_file_that_was_moved_is_no_change() -> None:
    now = {**INPUTS, "files": {"moved/a.jsonl": "1", "b.jsonl": "2"}}
    assert resume.same_inputs(INPUTS, now, allow=[], where="runs/a") == []


def test_a_run_without_a_hash_of_its_tokenizer_is_told_apart() -> None:
    assert resume.has_one_hash({"identity": OLD})
    assert not resume.has_one_hash({"identity": INPUTS})
    assert not resume.has_one_hash(None)
    assert resume.same_inputs(OLD, OLD, allow=[], where="runs/a") == []
