"""What "auto" became, and why; and what makes two recipes the same."""

from __future__ import annotations

import pytest

from luthier.core.errors import RecipeError
from luthier.recipe.identity import identity_of
from luthier.recipe.load import read
from luthier.recipe.resolve import Settled
from luthier.recipe.schema import Recipe
from luthier.recipe.yaml_text import dump, parse

BASE = {"model": "m", "data": {"train": "a.jsonl"}}


def _settled(*overrides: str) -> Settled:
    return Settled(*read(BASE, overrides))


def test_auto_is_settled_once_with_its_reason() -> None:
    settled = _settled()
    assert settled.settle("training.epochs", 3.0, "300 rows")
    assert not settled.settle("training.epochs", 4.0, "again")
    assert settled.get("training.epochs") == 3.0
    assert settled.origins["training.epochs"] == "auto: 300 rows"
    assert "training.epochs" not in settled.autos()


def test_what_the_user_said_is_never_changed() -> None:
    settled = _settled("training.epochs=1")
    assert not settled.settle("training.epochs", 3.0, "300 rows")
    assert settled.origins["training.epochs"] == "user: command line"


def test_settings_of_a_component_may_be_settled_without_being_mentioned() -> None:
    settled = _settled()
    assert settled.settle("tuner.rank", 16, "usual")
    settled.fill("tuner", {"dropout": 0.0, "rank": 8})
    assert settled.recipe().tuner == {"name": "auto", "rank": 16, "dropout": 0.0}
    assert settled.origins["tuner.dropout"] == "default"


def test_a_key_that_does_not_exist_is_not_settled() -> None:
    settled = _settled()
    assert not settled.settle("training.nothing", 1, "why")
    assert not settled.settle("data.columns.text", "review", "why")
    assert not settled.settle("nothing.at.all", 1, "why")


@pytest.mark.parametrize("key", ["training.epochs", "training.warmup_ratio", "tuner.rank", "name"])
def test_what_is_left_out_is_kept_with_the_origin_it_had(key: str) -> None:
    settled = _settled("training.epochs=auto")
    assert settled.keep(key, 3.0, "user: recipe.yaml")
    assert (settled.get(key), settled.origins[key]) == (3.0, "user: recipe.yaml")


@pytest.mark.parametrize("key", ["training.epochs", "tuner.rank", "seed"])
def test_what_is_given_is_not_kept_from_before(key: str) -> None:
    settled = _settled(f"{key}=7")
    assert not settled.keep(key, 3, "user: recipe.yaml")
    assert settled.get(key) == 7


def test_what_is_kept_and_would_have_been_the_same_makes_no_difference() -> None:
    assert not _settled().keep("seed", 0, "user: recipe.yaml")
    assert not _settled().keep("training.of_another_version", 1, "default")


def test_settling_does_not_change_the_recipe_it_came_from() -> None:
    recipe, origins = read(BASE)
    Settled(recipe, origins).settle("tuner.rank", 4, "x")
    assert recipe.tuner == {"name": "auto"}


def test_a_wrong_settled_value_is_noticed() -> None:
    settled = _settled()
    settled.settle("training.batch_size", 0, "a mistake")
    with pytest.raises(RecipeError, match=r"recipe training\.batch_size: got 0"):
        settled.recipe()


def test_the_document_is_a_recipe_with_the_origins_it_had() -> None:
    settled = _settled("lr=1e-4")
    settled.settle("training.epochs", 3.0, "300 rows")
    text = dump(settled.document())
    again = Settled.of_document(parse(text, name="x").value, ["seed=3"])
    assert again.get("training.learning_rate") == 1e-4
    assert again.origins["training.learning_rate"] == "alias 'lr' (user: command line)"
    assert again.origins["training.epochs"] == "auto: 300 rows"
    assert again.origins["training.weight_decay"] == "default"
    assert again.origins["seed"] == "user: command line"


@pytest.mark.parametrize(
    ("override", "is_anew"),
    [
        ("tuner.rank=8", True),
        ("lora_r=8", True),
        ("training.max_length=64", True),
        ("data.train=other.jsonl", True),
        ("tuner.rank=16", False),
        ("seed=3", False),
        ("data.test=other.jsonl", False),
        ("evaluation.num_resamples=200", False),
    ],
)
def test_what_a_run_chose_is_chosen_anew_where_settings_change(
    override: str, *, is_anew: bool
) -> None:
    settled = _settled("tuner.name=lora", "tuner.rank=16", "tuner.dropout=0.1")
    settled.settle("tuner.alpha", 32.0, "twice the rank")
    settled.settle("training.epochs", 3.0, "300 rows")
    settled.settle("data.today", "2026-01-01", "the template prints it")
    settled.revise("training.micro_batch_tokens", 512, "memory")
    again = Settled.of_document(settled.document(), [override])
    assert again.get("tuner").get("alpha", "auto") == ("auto" if is_anew else 32.0)
    assert again.get("training.epochs") == ("auto" if is_anew else 3.0)
    assert again.get("tuner.dropout") == 0.1
    assert again.get("data.today") == "2026-01-01"
    assert again.get("training.micro_batch_tokens") == 512


def test_an_alpha_that_a_user_gave_stays_with_another_rank() -> None:
    document = _settled("tuner.name=lora", "tuner.rank=16", "tuner.alpha=5").document()
    assert Settled.of_document(document, ["tuner.rank=8"]).get("tuner.alpha") == 5


def test_a_permission_is_not_handed_on_by_the_document() -> None:
    document = _settled("allow=[changed_data]").document()
    assert document["recipe"]["allow"] == ["changed_data"]
    assert Settled.of_document(document).get("allow") == []
    assert Settled.of_document(document, ["allow=[changed_model]"]).get("allow") == [
        "changed_model"
    ]


def _identity(*overrides: str) -> str:
    return identity_of(read(BASE, overrides)[0])


@pytest.mark.parametrize(
    "word",
    [
        "name=x",
        "trackers=[tensorboard]",
        "allow=[changed_data]",
        "save_every=3",
        "keep_checkpoints=5",
        "max_seconds=60",
        "micro_batch_tokens=512",
        "num_shots=2",
        "model=elsewhere/m",
        "data.train=elsewhere/a.jsonl",
        "weight_decay=0.0",
    ],
)
def test_what_cannot_change_the_weights_does_not_change_the_identity(word: str) -> None:
    assert _identity(word) == _identity()


@pytest.mark.parametrize(
    "word",
    ["seed=1", "lr=1e-4", "epochs=2", "batch_size=4", "tuner.rank=8", "on_overflow=drop"],
)
def test_what_can_change_the_weights_changes_the_identity(word: str) -> None:
    assert _identity(word) != _identity()


def test_the_identity_is_the_same_after_a_round_trip() -> None:
    recipe, _ = read(BASE, ["tuner.rank=8", "lr=1e-4"])
    assert identity_of(Recipe.model_validate(recipe.model_dump())) == identity_of(recipe)


def test_a_new_setting_of_a_component_at_its_default_changes_no_identity() -> None:
    old = read({**BASE, "tuner": {"name": "lora", "rank": 8}}, [])[0]
    new = read({**BASE, "tuner": {"name": "lora", "rank": 8, "dropout": 0.0}}, [])[0]
    other = read({**BASE, "tuner": {"name": "lora", "rank": 8, "dropout": 0.5}}, [])[0]
    unsaid = {"tuner": {"rank": 16, "dropout": 0.0}}
    assert identity_of(old, unsaid=unsaid) == identity_of(new, unsaid=unsaid)
    assert identity_of(old, unsaid=unsaid) != identity_of(other, unsaid=unsaid)
