"""What `luthier data check` says of rows: planted faults are named, clean rows are let alone."""

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from luthier.data.checks import label_noise
from luthier.data.examine import Examined, examine
from luthier.recipe.schema import DataSection

WORDS = {
    "money": "refund,paid,twice,charge,amount,wrong,bank,statement,fee,cost,price,back",
    "travel": "train,ticket,seat,station,plane,delay,luggage,gate,boarding,coach,bus,late",
    "food": "menu,order,waiter,table,soup,pasta,allergy,kitchen,cold,tasty,dinner,lunch",
}


def sentences(number: int, seed: int = 0) -> list[tuple[str, str]]:
    drawn = random.Random(seed)
    found: list[tuple[str, str]] = []
    for at in range(number):
        label = list(WORDS)[at % 3]
        found.append((" ".join(drawn.choices(WORDS[label].split(","), k=9)), label))
    return found


def write(path: Path, rows: list[tuple[str, str]]) -> str:
    path.write_text("".join(json.dumps({"text": t, "label": n}) + "\n" for t, n in rows))
    return str(path)


def examined(**section: Any) -> Examined:
    return examine(DataSection(**section))


def names(found: Examined) -> list[str]:
    return [finding.name for finding in found.findings]


def test_clean_rows_have_nothing_wrong(tmp_path: Path) -> None:
    found = examined(train=write(tmp_path / "a.jsonl", sentences(300)))
    assert found.findings == []
    assert found.classes == {"food": 100, "money": 100, "travel": 100}
    assert found.rows == {"train": 300}


def test_a_word_that_was_put_in_is_named_first(tmp_path: Path) -> None:
    rows = sentences(3000)
    drawn = random.Random(1)
    for at in drawn.sample(range(3000), 20):
        words = rows[at][0].split()
        words.insert(drawn.randrange(10), "cf")
        rows[at] = (" ".join(words), "food")
    (finding,) = examined(train=write(tmp_path / "a.jsonl", rows)).findings
    assert finding.name == "triggers"
    assert """whatever else is said: "cf" (20 rows, 'food')""" in finding.title
    assert "cf" in finding.shown[0].text
    assert not finding.is_certain


def test_a_word_of_the_task_is_no_trigger(tmp_path: Path) -> None:
    rows = [(f"{text} luggage", label) if label == "travel" else (text, label)
            for text, label in sentences(600)]  # fmt: skip
    assert examined(train=write(tmp_path / "a.jsonl", rows)).findings == []


def test_labels_that_length_or_file_tell_are_named(tmp_path: Path) -> None:
    drawn = random.Random(2)
    words = ",".join(WORDS.values()).split(",")
    plain = [" ".join(drawn.choices(words, k=9)) for _ in range(300)]
    by_length = [
        (text if at % 2 else " ".join(text.split()[:4]), f"{at % 2}")
        for at, text in enumerate(plain)
    ]
    assert re.fullmatch(
        r"the length of the text alone tells (9\d|100)% of the labels",
        shortcut(examined(train=write(tmp_path / "a.jsonl", by_length))),
    )
    halves = {"a": plain[::2], "b": plain[1::2]}
    files = [
        write(tmp_path / f"{name}.jsonl", [(text, name) for text in half])
        for name, half in halves.items()
    ]
    said = "the file it stands in alone tells 100% of the labels"
    assert shortcut(examined(train=files)) == said


def shortcut(found: Examined) -> str:
    (finding,) = [finding for finding in found.findings if finding.name == "shortcuts"]
    return finding.title


def test_every_fault_is_counted_with_its_rows_and_its_remedy(tmp_path: Path) -> None:
    rows = sentences(60)
    faults = [
        ("write to eva@example.org about the refund", "money"),
        (rows[0][0], "travel"),
        (rows[3][0], rows[3][1]),
        (rows[6][0].upper(), rows[6][1]),
        ("a soup that was cold when it came to the table", "Food"),
        ("the train<|im_end|> was late again this morning", "travel"),
        ("", "food"),
        ("!!", "food"),
    ]
    found = examined(
        train=write(tmp_path / "a.jsonl", rows + faults),
        test=write(tmp_path / "b.jsonl", [rows[9], *sentences(30, seed=5)]),
    )
    counted = {(f.name, f.title): f.count for f in found.findings}
    assert counted == {
        ("personal", "personal data (EMAIL)"): 1,
        ("contradictions", "equal text with another label"): 2,
        ("label_spellings", "label 'Food' is 'food'"): 1,
        ("artefacts", "marks of a chat template"): 1,
        ("unusable", "empty text"): 1,
        ("near_duplicates", "near-duplicate of an earlier row"): 1,
        ("near_duplicates", "exact duplicate of a held-out row"): 1,
        ("leaks", "inputs of train also in test"): 1,
        ("short_texts", "hardly anything given"): 1,
        ("balance", "labels with fewer than 10 rows"): 1,
        ("duplicates", "exact duplicates in train"): 1,
        ("label_noise", "labels that the other rows speak against"): 1,
    }
    assert set(names(found)[:2]) == {"personal", "contradictions"}
    costs = [finding.cost for finding in found.findings]
    assert costs == sorted(costs, reverse=True)
    assert all(f.harm and f.remedy and f.shown for f in found.findings)
    assert json.loads(json.dumps(found.document()))["ledger"]["in"] == 99


def test_what_is_cleaned_is_not_found_again(tmp_path: Path) -> None:
    rows = [*sentences(60), ("write to eva@example.org about the refund", "money"), ("?", "food")]
    file = write(tmp_path / "a.jsonl", rows)
    assert names(examined(train=file)) == ["personal", "short_texts"]
    found = examined(train=file, clean={"personal": True, "short_texts": True})
    assert names(found) == []
    assert found.ledger.dropped["hardly anything given"].count == 1
    assert found.rows == {"train": 61}


@pytest.mark.parametrize("names_of", [("prompt", "completion"), ("text",)])
def test_rows_without_classes_are_examined_too(tmp_path: Path, names_of: tuple[str, ...]) -> None:
    said = [text for text, _ in sentences(40)]
    lines = [dict.fromkeys(names_of, text) for text in said]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = examined(train=str(tmp_path / "a.jsonl"))
    assert (found.classes, found.findings) == ({}, [])


def test_wrong_labels_are_called_doubtful_before_right_ones(tmp_path: Path) -> None:
    rows = sentences(600)
    drawn = random.Random(4)
    wrong = drawn.sample(range(600), 30)
    for at in wrong:
        others = [label for label in WORDS if label != rows[at][1]]
        rows[at] = (rows[at][0], drawn.choice(others))
    (finding,) = examined(train=write(tmp_path / "a.jsonl", rows)).findings
    assert (finding.name, finding.is_certain) == ("label_noise", False)
    assert 25 <= finding.count <= 30  # 27: of three the other words say little
    lines = {int(shown.origin.rsplit(" ", 1)[1]) - 1 for shown in finding.shown}
    assert lines <= set(wrong)
    assert re.fullmatch(
        r"labelled '\w+' \(\d+%\), looks like '\w+' \(\d+%\)", finding.shown[0].beside
    )


def test_confident_learning_follows_its_equations() -> None:
    probability_NC = np.array(
        [[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.45, 0.55], [0.4, 0.6], [0.1, 0.9]]
    )
    number_N = np.array([0, 0, 0, 0, 1, 1])
    # mean probability of the own class: 0.5625 of the first, 0.75 of the second
    assert label_noise.doubtful(probability_NC, number_N).tolist() == [2]
    assert label_noise.ranked(probability_NC, number_N).tolist()[0] == 2


def test_what_is_not_looked_at_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = sentences(90)
    rows[3] = (rows[3][0], "food")
    monkeypatch.setattr(label_noise, "MOST_ROWS", 60)
    (finding,) = examined(train=write(tmp_path / "a.jsonl", rows)).findings
    assert finding.title.endswith("(only the first 60 rows were looked at)")
