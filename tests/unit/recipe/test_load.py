"""A recipe from files, mappings and the command line: values, origins and messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import RecipeError
from luthier.recipe.load import read
from luthier.recipe.schema import Recipe

BASE: dict[str, Any] = {"model": "m", "data": {"train": "a.jsonl"}}


def _read(*overrides: str, **content: Any) -> tuple[Recipe, dict[str, str]]:
    return read(BASE | content, overrides)


def _problems(*overrides: str, **content: Any) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        _read(*overrides, **content)
    return str(caught.value).splitlines()


def test_two_lines_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("model: m\ndata: {train: ~/a.jsonl}\n")
    recipe, origins = read(path)
    assert recipe.data.train == "~/a.jsonl"
    assert origins["data.train"] == "user: recipe.yaml"
    assert origins["training.epochs"] == "default"
    assert origins["objective.name"] == "default"


def test_the_command_line_wins_over_the_file() -> None:
    recipe, origins = _read("training.epochs=2", training={"epochs": 5})
    assert recipe.training.epochs == 2
    assert origins["training.epochs"] == "user: command line"


@pytest.mark.parametrize("origin", ["user: command line", "alias 'lr' (user: command line)"])
def test_the_command_line_wins_over_what_a_run_once_got_from_the_command_line(origin: str) -> None:
    run = {
        "recipe": BASE | {"training": {"learning_rate": 1e-4}},
        "origins": {"training.learning_rate": origin},
    }
    recipe, origins = read(run, ["lr=1e-3"])
    assert recipe.training.learning_rate == 1e-3
    assert origins["training.learning_rate"] == "alias 'lr' (user: command line)"


@pytest.mark.parametrize(
    "words",
    [
        ["training.learning_rate=1e-4"],
        ["training.learning-rate=1e-4"],
        ["--training.learning_rate", "1e-4"],
        ["--training.learning-rate=1e-4"],
        ["learning_rate=1e-4"],
        ["--lr", "1e-4"],
        ["training.lr=1e-4"],
    ],
)
def test_a_setting_has_many_spellings_and_one_name(words: list[str]) -> None:
    recipe, origins = _read(*words)
    assert recipe.training.learning_rate == 1e-4
    is_alias = "lr" in words[0].replace("=", ".").replace("-", ".").split(".")
    assert origins["training.learning_rate"].startswith("alias" if is_alias else "user")


@pytest.mark.parametrize(
    ("word", "key", "value"),
    [
        ("lora_r=8", "tuner.rank", 8),
        ("lora_rank=8", "tuner.rank", 8),
        ("tuner.r=8", "tuner.rank", 8),
        ("rank=8", "tuner.rank", 8),
        ("lora_alpha=8", "tuner.alpha", 8),
        ("target_modules=[q]", "tuner.target", ["q"]),
        ("num_epochs=2", "training.epochs", 2),
        ("num_train_epochs=2", "training.epochs", 2),
        ("cutoff_len=64", "training.max_length", 64),
        ("max_seq_length=64", "training.max_length", 64),
        ("save_steps=5", "training.save_every", 5),
        ("model_name_or_path=x", "model", "x"),
        ("train_file=x", "data.train", "x"),
        ("report_to=[tensorboard]", "trackers", ["tensorboard"]),
        ("finetuning_type=lora", "tuner.name", "lora"),
        ("tuner=lora", "tuner.name", "lora"),
        ("objective=sft", "objective.name", "sft"),
        ("on_overflow=drop", "data.on_overflow", "drop"),
        ("per_device_train_batch_size=4", "training.batch_size", 4),
    ],
)
def test_names_of_other_tools_are_understood(word: str, key: str, value: Any) -> None:
    recipe, origins = read(BASE, [word])
    here: Any = recipe.model_dump()
    for part in key.split("."):
        here = here[part]
    assert here == value
    assert origins[key] != "default"


def test_rows_at_a_time_and_accumulation_make_the_batch() -> None:
    recipe, origins = _read("micro_batch_size=4", "gradient_accumulation_steps=2")
    assert recipe.training.batch_size == 8
    assert origins["training.batch_size"].startswith(
        "alias 'micro_batch_size x gradient_accumulation_steps'"
    )


@pytest.mark.parametrize("word", ["micro_batch_size=4", "gradient_accumulation_steps=2"])
def test_half_of_a_batch_is_asked_back(word: str) -> None:
    (line,) = _problems(word)
    assert line.startswith(f"recipe {word.split('=')[0]}: alone it does not say the batch")


def test_a_batch_said_twice_is_refused() -> None:
    (line,) = _problems("per_device_train_batch_size=4", training={"batch_size": 8})
    assert "leave it out, training.batch_size says it all" in line


@pytest.mark.parametrize(
    ("word", "line"),
    [
        (
            "learning_rat=1",
            "recipe learning_rat: unknown key; did you mean 'training.learning_rate'? "
            "(command line)",
        ),
        (
            "training.learning_rat=1",
            "recipe training.learning_rat: unknown key; did you mean 'training.learning_rate'? "
            "(command line)",
        ),
        (
            "trainning.epochs=1",
            "recipe trainning.epochs: unknown section 'trainning'; did you mean "
            "'training.epochs'? (command line)",
        ),
        (
            "qqqq=1",
            "recipe qqqq: unknown key; `luthier schema` lists all keys (command line)",
        ),
        (
            "max_rows=1",
            "recipe max_rows: stands in several sections; say data.max_rows or "
            "evaluation.max_rows (command line)",
        ),
        (
            "trust_remote_code=true",
            "recipe trust_remote_code: code from a model repository is never run; leave it out "
            "(command line)",
        ),
        (
            "train_on_inputs=true",
            "recipe train_on_inputs: say objective.prompt_weight, 1 for true and 0 for false (the "
            "default) (command line)",
        ),
        (
            "lr=often",
            "recipe training.learning_rate: got 'often', expected a number or auto "
            "('lr' in command line)",
        ),
        ("seed=-1", "recipe seed: got -1, expected a whole number of at least 0 (command line)"),
        ("name=", "recipe name: got nothing, expected text (command line)"),
        ("--seed", "command line --seed: has no value; say --seed VALUE"),
        (
            "seed",
            "command line 'seed': not a setting; expected section.key=value, such as "
            "training.epochs=3",
        ),
        ("data.train.x=1", "recipe data.train.x: does not hold keys (command line)"),
    ],
)
def test_a_wrong_word_is_one_clean_line(word: str, line: str) -> None:
    assert _problems(word) == [line]


def test_all_problems_of_file_and_command_line_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "model: m\ndata: {train: a, validation_share: 1.5}\ntraining:\n  save_every: often\n"
        "  learning_rat: 3\nepochz: 1\n"
    )
    with pytest.raises(RecipeError) as caught:
        read(path, ["seed=x", "--foo"])
    assert str(caught.value).splitlines() == [
        "command line --foo: has no value; say --foo VALUE",
        "recipe training.learning_rat: unknown key; did you mean 'training.learning_rate'? "
        "(recipe.yaml line 5)",
        "recipe epochz: unknown key; did you mean 'training.epochs'? (recipe.yaml line 6)",
        "recipe data.validation_share: got 1.5, expected a number of at least 0 and below 1, "
        "or auto (recipe.yaml line 2)",
        "recipe training.save_every: got 'often', expected a whole number or auto "
        "(recipe.yaml line 4)",
    ]


def test_nothing_is_called_missing_beside_words_that_were_not_understood() -> None:
    with pytest.raises(RecipeError) as caught:
        read({"data": {"train": "a"}}, ["model=m", "--seed"])
    assert str(caught.value) == "command line --seed: has no value; say --seed VALUE"


def test_what_must_be_given_is_named() -> None:
    with pytest.raises(RecipeError) as caught:
        read({})
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("recipe model: missing; Hub name")
    assert lines[1].startswith("recipe data: missing; Files of examples")


def test_two_spellings_of_one_setting_may_not_differ() -> None:
    (line,) = _problems(lr=3, learning_rate=4)
    assert line.startswith("recipe training.learning_rate: given twice, by 'lr' and ")


def test_settings_inside_a_setting_are_merged() -> None:
    data = {"train": "a", "columns": {"text": "review"}}
    recipe, origins = read({"model": "m", "data": data}, ["data.columns.label=the-stars"])
    assert recipe.data.columns == {"text": "review", "label": "the-stars"}
    assert origins["data.columns"] == "user: command line"


def test_a_component_may_be_just_its_name() -> None:
    recipe, _ = _read("tuner.rank=4", objective="sft")
    assert recipe.objective == {"name": "sft"}
    assert recipe.tuner == {"name": "auto", "rank": 4}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- a\n", "expected a mapping with model: and data:"),
        (b"", "expected a mapping with model: and data:"),
        (b"\xff\xfe\x00", "not UTF-8 text"),
        (b"x" * 2_000_000, "larger than 1 MiB"),
        (b"a: [", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        read(path)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_an_absent_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.yaml: cannot be read: no such file"):
        read(tmp_path / "none.yaml")


def test_paths_and_tuples_become_plain_data() -> None:
    recipe, _ = read({"model": "m", "data": {"train": (Path("a"), Path("b"))}})
    assert recipe.data.train == ["a", "b"]
