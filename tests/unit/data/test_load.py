"""From files to three splits: everything is accounted for, and bad input is explained."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luthier.core.errors import DataError
from luthier.data.classes import class_names
from luthier.data.ledger import Ledger
from luthier.data.load import Loaded, changed_files, load, load_test
from luthier.data.rows import Labeled, Origin
from luthier.recipe.schema import DataSection


def write(path: Path, records: Sequence[Mapping[str, Any]]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def chats(count: int, prefix: str = "q") -> list[dict[str, str]]:
    return [{"prompt": f"{prefix}{i}", "completion": f"a{i}"} for i in range(count)]


def open_data(wants: str = "auto", **section: Any) -> Loaded:
    return load(DataSection(**section), seed=0, wants=wants)


def sizes(loaded: Loaded) -> list[int]:
    return [len(loaded.splits.train), len(loaded.splits.validation), len(loaded.splits.test)]


def test_a_file_is_split_described_and_hashed(tmp_path: Path) -> None:
    train = write(tmp_path / "a.jsonl", chats(100))
    loaded = open_data(train=train)
    assert sum(sizes(loaded)) == 100
    assert loaded.shape == "chat"
    assert "'prompt' is the prompt" in loaded.description[1]
    assert "split off train by content hash" in loaded.description[-1]
    assert changed_files(loaded.files) == []
    Path(train).write_text("edited")
    assert changed_files(loaded.files) == [train]
    Path(train).unlink()
    assert changed_files(loaded.files) == [train]


def test_the_seed_does_not_move_the_test_rows(tmp_path: Path) -> None:
    section = DataSection(train=write(tmp_path / "a.jsonl", chats(60)))
    assert load(section, seed=1).splits.test == load(section, seed=2).splits.test


def test_given_files_are_used_as_they_are(tmp_path: Path) -> None:
    loaded = open_data(
        train=[write(tmp_path / "a.jsonl", chats(3)), write(tmp_path / "b.jsonl", chats(3, "b"))],
        validation=write(tmp_path / "v.jsonl", chats(2, "v")),
        test=write(tmp_path / "t.jsonl", chats(1, "t")),
    )
    assert sizes(loaded) == [6, 2, 1]


def test_a_given_test_leaves_train_to_be_split_for_validation_only(tmp_path: Path) -> None:
    loaded = open_data(
        train=write(tmp_path / "a.jsonl", chats(50)),
        test=write(tmp_path / "t.jsonl", chats(5, "t")),
    )
    assert sizes(loaded)[2] == 5
    assert sizes(loaded)[1] >= 1
    assert sum(sizes(loaded)[:2]) == 50
    assert loaded.description[-1].startswith("validation split off train by content hash")


def test_nothing_is_said_to_be_split_off_where_nobody_wants_it(tmp_path: Path) -> None:
    loaded = open_data(
        train=write(tmp_path / "a.jsonl", chats(5)),
        test=write(tmp_path / "t.jsonl", chats(2, "t")),
        validation_share=0.0,
    )
    assert loaded.description[-1] == "train: 5 rows, validation: 0 rows, test: 2 rows"


def test_duplicates_are_removed_kept_or_refused(tmp_path: Path) -> None:
    train = write(tmp_path / "a.jsonl", [*chats(20), *chats(2)])
    loaded = open_data(train=train)
    dropped = loaded.ledger.dropped["exact duplicate within a split"]
    assert dropped.count == 2
    assert dropped.examples[0] == f"{train} line 21 (as {train} line 1)"
    said = f"left out: 2 rows, exact duplicate within a split, such as {dropped.examples[0]}"
    assert said in loaded.description
    assert sum(sizes(open_data(train=train, on_duplicate="keep"))) == 22
    with pytest.raises(DataError, match="2 rows repeat an earlier row exactly"):
        open_data(train=train, on_duplicate="error")


def test_what_is_left_out_of_other_test_rows_is_said(tmp_path: Path) -> None:
    known = open_data(train=write(tmp_path / "a.jsonl", chats(20)))
    test = write(tmp_path / "t.jsonl", [*chats(3, "t"), *chats(1, "t")])
    found = load_test(DataSection(train="a.jsonl", test=str(test)), known)
    assert len(found.splits.test) == 3
    said = (
        f"left out: 1 row, exact duplicate within a split, such as {test} line 4 (as {test} line 1)"
    )
    assert found.description[-1] == said


def test_inputs_shared_with_the_test_are_taken_from_train(tmp_path: Path) -> None:
    leaking = [{"prompt": "q1", "completion": "another answer"}]
    files = {
        "train": write(tmp_path / "a.jsonl", chats(5)),
        "validation": write(tmp_path / "v.jsonl", chats(2, "v")),
        "test": write(tmp_path / "t.jsonl", leaking),
    }
    loaded = open_data(**files)
    assert sizes(loaded) == [4, 2, 1]
    assert loaded.ledger.dropped["input of train also in test"].count == 1
    with pytest.raises(DataError, match=r"1 row repeats the input .*train and test"):
        open_data(**files, on_leak="error")


def test_groups_shared_by_given_files_are_taken_from_train(tmp_path: Path) -> None:
    def of_users(count: int, prefix: str) -> list[dict[str, str]]:
        return [{**row, "user": f"u{i}"} for i, row in enumerate(chats(count, prefix))]

    no_group = [{"prompt": "alone", "completion": "a", "user": None}]
    files = {
        "train": write(tmp_path / "a.jsonl", [*of_users(9, "q"), *no_group]),
        "validation": write(tmp_path / "v.jsonl", of_users(5, "v")),
        "test": write(tmp_path / "t.jsonl", [*of_users(2, "t"), *no_group]),
        "group_by": "user",
    }
    loaded = open_data(**files)
    assert sizes(loaded) == [4, 3, 3]
    dropped = {reason: entry.count for reason, entry in loaded.ledger.dropped.items()}
    assert dropped == {
        "input of train also in test": 1,
        "group of train also in test": 2,
        "group of validation also in test": 2,
        "group of train also in validation": 3,
    }
    with pytest.raises(DataError, match=r"2 rows repeat the group .*validation and test"):
        open_data(**files, on_leak="error")


def test_a_test_that_holds_all_of_train_is_refused(tmp_path: Path) -> None:
    train = write(tmp_path / "a.jsonl", chats(5))
    with pytest.raises(DataError, match="nothing is left of it"):
        open_data(train=train, validation_share=0, test=train)


def test_max_rows_takes_a_fixed_choice_that_still_splits(tmp_path: Path) -> None:
    train = write(tmp_path / "a.jsonl", chats(200))
    loaded = open_data(train=train, max_rows=50)
    assert sum(sizes(loaded)) == 50
    assert min(sizes(loaded)) >= 1
    assert loaded.ledger.dropped["beyond data.max_rows"].count == 150


def test_groups_are_read_from_their_column(tmp_path: Path) -> None:
    records = [{**row, "user": f"u{i % 30}"} for i, row in enumerate(chats(300))]
    loaded = open_data(train=write(tmp_path / "a.jsonl", records), group_by="user")
    train = {row.group for row in loaded.splits.train}
    assert not train & {row.group for row in loaded.splits.test}
    with pytest.raises(
        DataError, match=r"column 'usr' \(data.group_by\) is not there; did you mean"
    ):
        open_data(train=write(tmp_path / "a.jsonl", records), group_by="usr")


@pytest.mark.parametrize("count", [1, 9])
def test_one_row_or_nine_are_too_few_to_split(tmp_path: Path, count: int) -> None:
    train = write(tmp_path / "a.jsonl", chats(count))
    with pytest.raises(DataError, match="expected at least 10"):
        open_data(train=train)
    assert sizes(open_data(train=train, validation_share=0, test_share=0)) == [count, 0, 0]


def test_shares_that_leave_nothing_for_train_are_refused(tmp_path: Path) -> None:
    train = write(tmp_path / "a.jsonl", chats(20))
    with pytest.raises(DataError, match="nothing is left for train"):
        open_data(train=train, validation_share=0.5, test_share=0.5)


def test_a_file_of_empty_answers_is_refused_with_the_reason(tmp_path: Path) -> None:
    train = write(tmp_path / "a.jsonl", [{"prompt": f"q{i}", "completion": ""} for i in range(12)])
    with pytest.raises(DataError, match=r"not one row can be used: empty answer \(12 rows"):
        open_data(train=train)


def test_a_file_whose_weights_are_all_zero_is_refused(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}]
    with pytest.raises(DataError, match="every assistant turn has weight 0"):
        open_data(train=write(tmp_path / "a.jsonl", [{"messages": turns}] * 12))


def test_a_class_that_train_lacks_is_refused(tmp_path: Path) -> None:
    train = [{"text": f"t{i}", "label": i % 2} for i in range(8)]
    with pytest.raises(DataError, match="label 'odd' stands in test but never in train"):
        open_data(
            train=write(tmp_path / "a.jsonl", train),
            validation=write(tmp_path / "v.jsonl", [{"text": "v", "label": 1}]),
            test=write(tmp_path / "t.jsonl", [{"text": "t", "label": "odd"}] * 2),
        )


def test_a_single_class_is_refused(tmp_path: Path) -> None:
    train = [{"text": f"t{i}", "label": "x"} for i in range(30)]
    with pytest.raises(DataError, match="the labels name only 'x'; expected two classes"):
        open_data(train=write(tmp_path / "a.jsonl", train))


def test_files_of_different_shapes_are_not_mixed(tmp_path: Path) -> None:
    chat = write(tmp_path / "a.jsonl", chats(5))
    labelled = write(tmp_path / "b.jsonl", [{"text": "t", "label": "x"}])
    with pytest.raises(DataError, match="one run learns from one shape of rows"):
        open_data(train=[chat, labelled])
    with pytest.raises(DataError, match="not recognised as a conversation"):
        open_data(train=chat, test=labelled)


def test_a_file_listed_twice_is_refused(tmp_path: Path) -> None:
    train = write(tmp_path / "a.jsonl", chats(20))
    with pytest.raises(DataError, match="is listed twice"):
        open_data(train=[train, train])


def test_classes_are_sorted_numbers_by_value() -> None:
    rows = [Labeled(origin=Origin("f", 1), text="t", label=name) for name in ("10", "b", "9", "a")]
    assert class_names(rows) == ("9", "10", "a", "b")


RECORDS = st.lists(
    st.fixed_dictionaries(
        {"prompt": st.sampled_from(["", "a", "b", "c", "ü"]), "completion": st.text(max_size=2)}
    ),
    min_size=1,
    max_size=40,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
@given(records=RECORDS, more=RECORDS)
def test_the_ledger_adds_up_for_any_file(
    tmp_path: Path, records: list[dict[str, str]], more: list[dict[str, str]]
) -> None:
    train, test = write(tmp_path / "a.jsonl", records), write(tmp_path / "t.jsonl", more)
    try:
        loaded = open_data(train=train, test=test, validation_share=0)
    except DataError:
        return
    document = loaded.ledger.document()["rows"]
    dropped = sum(entry["count"] for entry in document["dropped"].values())
    assert document["in"] == len(records) + len(more)
    assert document["in"] == sum(document["used"].values()) + dropped
    assert [document["used"][name] for name in ("train", "validation", "test")] == sizes(loaded)


def test_a_ledger_that_does_not_add_up_stops_the_run() -> None:
    ledger = Ledger(rows_in=2)
    ledger.use("train", 1)
    with pytest.raises(DataError, match="does not add up: 2 rows in"):
        ledger.check()
    ledger.drop("too long", Origin("f", 2))
    ledger.check()
    ledger.add_tokens("train", trained=3, masked=4, cut=0, total=8)
    with pytest.raises(DataError, match="train has 8 tokens"):
        ledger.check()


def test_a_used_row_can_still_be_dropped() -> None:
    ledger = Ledger(rows_in=1)
    ledger.use("train", 1)
    ledger.drop("longer than max_length", Origin("f", 1), split="train")
    ledger.check()
    assert ledger.used["train"] == 0


def test_labels_of_a_table_that_are_measured_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "".join(f"text {n},{n / 7:.2f}\n" for n in range(40)))
    with pytest.raises(DataError, match=r"numbers such as 0.14 \(40 different.*\n.*regress"):
        load(DataSection(train=str(path)), seed=0, wants="labeled")
    few = "".join(f"text {n},{n % 4}.5\n" for n in range(40))
    path.write_text("text,label\n" + few)  # such as versions, of which each has many rows
    loaded = load(DataSection(train=str(path)), seed=0, wants="labeled")
    assert loaded.labels == ("0.5", "1.5", "2.5", "3.5")
