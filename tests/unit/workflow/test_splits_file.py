"""What a run records of its rows is the same text, however many there are."""

import json
from pathlib import Path

from luthier.data.rows import Origin, Splits, Text
from luthier.workflow.splits_file import write_splits


def test_rows_are_written_one_by_one_as_they_would_be_at_once(tmp_path: Path) -> None:
    train = [
        Text(origin=Origin('a "b".txt', 1), text="one"),
        Text(origin=Origin("\u00e9.txt", 2, made="words 1"), text="two"),
    ]
    test = [Text(origin=Origin("c.txt", 3), text="three")]
    write_splits(tmp_path / "splits.json", Splits(train=train, test=test))
    told = {
        "train": [
            {"origin": 'a "b".txt line 1', "key": train[0].key()},
            {"origin": "\u00e9.txt line 2 (words 1)", "key": train[1].key(), "made": "words 1"},
        ],
        "validation": [],
        "test": [{"origin": "c.txt line 3", "key": test[0].key()}],
    }
    expected = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    assert (tmp_path / "splits.json").read_text(encoding="utf-8") == expected
