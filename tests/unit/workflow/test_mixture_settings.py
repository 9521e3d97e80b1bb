"""Other sources before training: whose numbers they take, how long they may be, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import tiny
from tests.contracts.cases import case

from luthier.core.errors import DataError, RecipeError
from luthier.data.ledger import Ledger
from luthier.objectives import Part, objectives
from luthier.recipe.data_section import MixtureSource
from luthier.recipe.load import read
from luthier.recipe.resolve import Settled
from luthier.workflow import around
from luthier.workflow.inputs import Inputs
from luthier.workflow.inputs import gather as gather_inputs
from luthier.workflow.mixture import Found, Mixed, refuse_lonely
from luthier.workflow.stages import Stages, silent

WORDS = ("red", "green", "blue", "one", "two", "three", "yes", "no")


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def gathered(
    root: Path,
    main: list[dict[str, Any]],
    other: list[dict[str, Any]],
    *settings: str,
    architecture: Any = "bert",
    **source: Any,
) -> tuple[Inputs, Settled]:
    """What a run of rows and one source of others starts from."""
    tiny.folder(root / "model", architecture=architecture)
    mixture = {"train": written(root / "other.jsonl", other), **source}
    data = {"train": written(root / "rows.jsonl", main), "mixture": [mixture]}
    settled = Settled(*read({"model": str(root / "model"), "data": data}, settings))
    return gather_inputs(settled, Stages(silent)), settled


def scored(numbers: Any, what: str = "is") -> list[dict[str, Any]]:
    return [
        {"text": f"{WORDS[n % 8]} {what} {n}", "score": float(number)}
        for n, number in enumerate(numbers)
    ]


def labeled(names: str, what: str = "is") -> list[dict[str, Any]]:
    return [{"text": f"{WORDS[n % 8]} {what} {n}", "label": x} for n, x in enumerate(names)]


def chats(num: int) -> list[dict[str, Any]]:
    return [{"prompt": f"what is {n}", "completion": "red"} for n in range(num)]


def texts(num: int, times: int) -> list[dict[str, Any]]:
    return [{"text": f"{n} " + "the red one " * times} for n in range(num)]


def test_a_source_of_other_numbers_learns_them_in_the_unit_of_the_main_rows(
    tmp_path: Path,
) -> None:
    main, other = scored(range(40)), scored(range(1000, 1040), "was")
    inputs, _ = gathered(tmp_path, main, other, objective="regress")
    one, two = inputs.objective.config, inputs.mixture[0].found.objective.config
    assert (two.center, two.scale) == (one.center, one.scale)
    targets = (
        inputs.mixture[0].found.objective.collate(inputs.mixture[0].features[:1]).tensors["targets"]
    )
    score = float(inputs.mixture[0].features[0].arrays["score"][0])
    assert float(targets[0]) == pytest.approx((score - one.center) / one.scale)


def test_a_source_follows_what_the_recipe_gives_the_main_objective(tmp_path: Path) -> None:
    main, other = scored(range(40)), scored(range(40), "was")
    said = ("objective.name=regress", "objective.scale=7.0", "objective.loss=huber")
    inputs, _ = gathered(tmp_path, main, other, *said, objective="regress")
    found = inputs.mixture[0].found.objective.config
    assert found.scale == 7.0
    assert found.center == inputs.objective.config.center
    assert found.loss == "mse"  # its own: only what is left to auto follows


def test_a_source_with_some_of_the_classes_shares_the_head(tmp_path: Path) -> None:
    inputs, _ = gathered(tmp_path, labeled("abc" * 14), labeled("cb" * 5, "was"))
    other = inputs.mixture[0]
    assert other.found.objective.config.labels == ["a", "b", "c"]
    assert {item.label for item in other.features} == {1, 2}


def test_a_source_with_a_class_of_its_own_is_refused_by_its_row(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"other.jsonl.*label 'z' is not one of the 3 classes"):
        gathered(tmp_path, labeled("abc" * 14), labeled("az" * 5, "was"))


def test_what_is_wrong_with_the_rows_of_a_source_is_said_of_that_source(tmp_path: Path) -> None:
    main = [{"sentence1": f"one {n}", "sentence2": f"two {n}", "score": n % 5} for n in range(40)]
    alike = [{**row, "sentence1": f"was {n}", "score": 1.0} for n, row in enumerate(main)]
    pairs = [{"anchor": row["sentence1"], "positive": row["sentence2"]} for row in main]
    with pytest.raises(DataError, match=r"^data\.mixture\[0\]\.train: every row has the score 1;"):
        gathered(
            tmp_path,
            pairs,
            alike,
            "objective=contrastive",
            "tuner=full",
            objective="cosent",
            weight=1.0,
        )


def test_long_texts_beside_short_conversations_are_read_whole(tmp_path: Path) -> None:
    inputs, settled = gathered(
        tmp_path, chats(40), texts(5, 20), architecture="llama", objective="lm"
    )
    longest = max(item.num_tokens for item in inputs.mixture[0].features)
    own = max(item.num_tokens for split in inputs.features.values() for item in split)
    assert settled.get("training.max_length") == longest > own
    assert not any(item.cut_tokens for item in inputs.mixture[0].features)


def test_texts_beyond_the_context_are_split_where_their_source_says_so(tmp_path: Path) -> None:
    rows, long = chats(40), texts(2, 200)
    with pytest.raises(DataError, match=r"longer than 256.*\n.*\n.*data.mixture\[0\].on_overflow"):
        gathered(tmp_path, rows, long, architecture="llama", objective="lm")
    inputs, settled = gathered(
        tmp_path, rows, long, architecture="llama", objective="lm", on_overflow="split"
    )
    assert settled.get("data.on_overflow") == "error"
    assert len(inputs.mixture[0].features) > 2
    assert max(item.num_tokens for item in inputs.mixture[0].features) == 256


def test_groups_that_the_run_is_tested_on_are_left_out(tmp_path: Path) -> None:
    main = [{**row, "who": f"p{n // 4}"} for n, row in enumerate(labeled("ab" * 40))]
    other = [{**row, "by": f"p{n // 4}"} for n, row in enumerate(labeled("ab" * 40, "was"))]
    inputs, _ = gathered(tmp_path, main, other, "data.group_by=who", group_by="by")
    held = {row.group for split in ("validation", "test") for row in inputs.rows(split)}
    dropped = inputs.mixture[0].found.ledger.document()["rows"]["dropped"]
    assert held
    assert sum(item["count"] for item in dropped.values()) == 4 * len(held)
    assert all(reason.startswith("group also in") for reason in dropped)


def mixed(name: str, weight: float) -> Mixed:
    found = case("full", name)
    source = MixtureSource(train="other.jsonl", weight=weight)
    read = (found.objective, found.features, [], Ledger(), dict[str, str](), weight)
    return Mixed(Found("data.mixture[0]", "other", source, name, *read), found.features)


def test_rows_that_are_compared_do_not_stand_alone_in_an_update() -> None:
    with pytest.raises(RecipeError, match=r"data.mixture\[0\].weight: 0.25 beside batches of 4.*"):
        refuse_lonely([mixed("contrastive", 0.25)], 4)
    with pytest.raises(RecipeError, match=r"1\.6 rows in an update.*of at least 0\.25"):
        refuse_lonely([mixed("cosent", 0.2)], 8)
    refuse_lonely([mixed("contrastive", 0.5), mixed("triplet", 0.1)], 4)


def test_hard_negatives_of_a_source_are_looked_for_too(tmp_path: Path) -> None:
    found = case("full", "contrastive")
    kind = objectives.get("contrastive")
    asked = kind(kind.Config(hard_negatives=1, hard_negatives_below=1.0))
    plain = [len(item.lengths) for item in found.features]
    job = found.job(tmp_path, parts=[Part("other", asked, found.features, 2.0)])
    around.gather(job, found.view(), Stages(silent))
    richer = [len(item.lengths) for item in job.parts[0].features]
    assert [len(item.lengths) for item in job.train] == plain
    assert np.sum(richer) > np.sum(plain)


TRAINED = 36
"""Of 40 rows with numbers, by their hash."""


def weighed(root: Path, *settings: str, weight: float = 1.0) -> tuple[list[float], str, Settled]:
    """Weights of a source of 20 rows beside 40, of which some are held out."""
    inputs, settled = gathered(
        root, scored(range(40)), scored(range(20), "was"), *settings, weight=weight
    )
    assert len(inputs.rows("train")) == TRAINED
    assert [item.found.weight for item in inputs.mixture] == settled.get("data.mixture_weights")
    assert inputs.ledger_document()["mixture"][0]["weight"] == inputs.mixture[0].found.weight
    assert inputs.mixture[0].part(8).rows_per_update == 8 * inputs.mixture[0].found.weight
    origin = settled.origins["data.mixture_weights"]
    return settled.get("data.mixture_weights"), origin, settled


def test_a_temperature_weighs_sources_by_their_rows_and_is_recorded(tmp_path: Path) -> None:
    (weight,), origin, settled = weighed(tmp_path, "data.mixture_temperature=2")
    assert weight == pytest.approx((20 / TRAINED) ** 0.5)
    assert origin == f"auto: temperature 2, 20 rows beside {TRAINED} of data.train"
    again = Settled.of_document(settled.document())
    inputs = gather_inputs(again, Stages(silent))
    assert [item.found.weight for item in inputs.mixture] == [weight]
    assert [item.digest() for item in inputs.mixture] != [
        item.digest() for item in gathered(tmp_path, *sources())[0].mixture
    ]


def sources() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return scored(range(40)), scored(range(20), "was")


def test_weights_that_sources_say_are_factors_of_a_temperature(tmp_path: Path) -> None:
    (weight,), origin, _ = weighed(tmp_path, weight=0.5)
    assert (weight, origin) == (0.5, "auto: as the sources say")
    (weight,), _, _ = weighed(tmp_path, "data.mixture_temperature=1", weight=0.5)
    assert weight == pytest.approx(0.5 * 20 / TRAINED)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["data.mixture_weights=[1.0,2.0]"], "got 2 weights for 1 sources"),
        (["data.mixture_weights=[1.0]", "data.mixture_temperature=2"], "Leave one of the two out"),
        (["data.mixture=[]", "data.mixture_temperature=2"], "names no source to weigh"),
    ],
)
def test_weights_that_say_nothing_or_two_things_are_refused(
    settings: list[str], words: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=words):
        gathered(tmp_path, *sources(), *settings)


def test_given_weights_take_the_place_of_what_sources_say(tmp_path: Path) -> None:
    weights, origin, _ = weighed(tmp_path, "data.mixture_weights=[0.25]", weight=3.0)
    assert (weights, origin) == ([0.25], "user: command line")
