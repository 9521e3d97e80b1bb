"""Names of persons in texts: found by a tagger, masked or left out, and refused without one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import tiny
from tests.contracts.models import Polite

from luthier.cli.main import run
from luthier.core.errors import RecipeError
from luthier.data.checks import Finding
from luthier.data.clean import asked_for, cleaned, looking_of
from luthier.data.examine import examine, findings_of
from luthier.data.ledger import Ledger
from luthier.data.rows import Labeled, Origin, Row
from luthier.recipe.schema import DataSection
from luthier.run.report import render_findings
from luthier.workflow.people import MOST_WORDS, _pieces, finder_of

TEXTS = ("Anna asked Bob, and Anna paid", "write to Bob@example.org", "nobody is here")


def rows_of(texts: Sequence[str]) -> list[Row]:
    return [
        Labeled(origin=Origin("f", at), text=text, label="a") for at, text in enumerate(texts, 1)
    ]


def masked(action: str = "mask") -> tuple[list[str], Ledger]:
    ledger = Ledger()
    asked = asked_for({"personal": {"names": "tagger", "action": action}}, Polite())
    return [row.given() for row in cleaned(rows_of(TEXTS), asked, ledger)], ledger


def test_names_are_masked_the_same_in_a_row_and_addresses_that_hold_one_stay_addresses() -> None:
    texts, ledger = masked()
    assert texts == [
        "[NAME_1] asked [NAME_2], and [NAME_1] paid",
        "write to [EMAIL_1]",
        "nobody is here",
    ]
    assert set(ledger.changed) == {"personal data (NAME)", "personal data (EMAIL)"}


def test_rows_with_a_name_can_be_left_out() -> None:
    texts, ledger = masked("drop")
    assert texts == ["nobody is here"]
    assert ledger.dropped["personal data (NAME)"].count == 1


def found_in(texts: Sequence[str], **personal: Any) -> list[Finding]:
    asked = asked_for({"personal": {"names": "tagger", **personal}}, Polite())
    found = findings_of(rows_of(texts), looking=looking_of(asked))
    return [finding for finding in found if finding.name == "personal"]


def test_a_check_shows_rows_with_names_and_that_a_tagger_may_be_wrong() -> None:
    names, address = sorted(found_in(TEXTS), key=lambda finding: finding.title, reverse=True)
    assert (names.title, names.count, names.shown[0].beside) == ("personal data (NAME)", 1, "Anna")
    assert not names.is_certain
    assert "of 100 names in news such taggers found 72 to 90" in names.harm
    assert (
        names.remedy == "luthier data clean DATA data.clean.personal.names=tagger --output FOLDER"
    )
    assert (address.title, address.is_certain) == ("personal data (EMAIL)", True)
    assert "taggers" not in address.harm


def test_names_alone_are_found_masked_or_left_out() -> None:
    alone: dict[str, Any] = {"names": "tagger", "kinds": ["name"]}
    for action, left in {
        "mask": ["[NAME_1] asked [NAME_2], and [NAME_1] paid", "write to [NAME_1]@example.org"],
        "drop": [],
        "report": list(TEXTS[:2]),
    }.items():
        asked = asked_for({"personal": alone | {"action": action}}, Polite())
        assert [row.given() for row in cleaned(rows_of(TEXTS), asked, Ledger())][:-1] == left
    (finding,) = found_in(TEXTS, kinds=["name"], action="report")
    assert (finding.title, finding.count) == ("personal data (NAME)", 2)
    assert finding.remedy.startswith("luthier data check DATA data.clean.personal.names=tagger ")


def test_names_alone_need_somebody_who_finds_them() -> None:
    with pytest.raises(RecipeError, match=r"clean\.personal: .*'name'.*expected.*names=RUN"):
        asked_for({"personal": {"kinds": ["name"]}})


def test_who_only_reports_is_told_that_files_are_made_without_change(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": TEXTS[1], "label": "a"}) + "\n")
    words = ["data", "clean", str(tmp_path / "a.jsonl"), "--output", str(tmp_path / "made")]
    assert run([*words, "data.clean.personal=report"]) == 0
    assert "data.clean.personal only looks" in capfd.readouterr().err
    assert TEXTS[1] in (tmp_path / "made" / "train.jsonl").read_text()


def test_in_a_check_files_are_looked_at_by_split_and_nothing_is_masked(tmp_path: Path) -> None:
    for split, texts in (("train", TEXTS), ("test", ("Bob was here again", "so was nobody"))):
        lines = [json.dumps({"text": text, "label": "a"}) + "\n" for text in texts]
        (tmp_path / f"{split}.jsonl").write_text("".join(lines))
    section = DataSection(
        train=str(tmp_path / "train.jsonl"),
        test=str(tmp_path / "test.jsonl"),
        clean={"personal": {"names": "tagger"}, "short_texts": True},
    )
    found = examine(section, helpers=Polite())
    counts = {one.title: one.count for one in found.findings if one.name == "personal"}
    assert counts == {
        "personal data (NAME)": 1,
        "personal data (EMAIL)": 1,
        "personal data (NAME) in test": 1,
    }
    (held_out,) = [one for one in found.findings if one.title.endswith("in test")]
    assert held_out.harm.startswith("whoever reads the answers")
    assert [row.given() for row in found.single.rows] == list(TEXTS)
    assert "changed" not in found.ledger.document()["rows"]


def test_the_page_names_the_tagger_as_it_was_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": TEXTS[0], "label": "a"}) + "\n")
    clean = {"personal": {"names": "runs/Tagger"}}
    found = examine(DataSection(train=str(tmp_path / "a.jsonl"), clean=clean), helpers=Polite())
    page = render_findings(found.document(), name="a.jsonl")
    assert "The model may say them to anyone who asks; names are what runs/Tagger takes" in page
    assert '<mark class="found">Anna</mark> asked Bob' in page


@pytest.mark.parametrize("action", ["mask", "report"])
def test_where_nobody_is_asked_it_is_refused_with_the_command_that_asks(
    action: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.jsonl").write_text("{")
    words = ["data", "preview", str(tmp_path / "broken.jsonl")]
    words += [f"data.clean.personal.action={action}", "data.clean.personal.names=runs/tagger"]
    assert run(words) == 2
    said = capfd.readouterr().err
    assert "recipe data.clean.personal: needs a tagger of persons" in said
    verb, end = {"mask": ("clean", " --output FOLDER"), "report": ("check", "")}[action]
    assert f"luthier data {verb} DATA data.clean.personal.names=runs/tagger{end}\n" in said


def test_long_texts_are_tagged_in_pieces_that_end_with_a_sentence() -> None:
    text = "one two three four five six seven eight nine ten. " * 30
    pieces = list(_pieces(text))
    assert all(len(row.tokens) <= MOST_WORDS for _, row in pieces)
    assert all(row.text.endswith(".") for _, row in pieces)
    assert [text[at : at + len(row.text)] for at, row in pieces] == [row.text for _, row in pieces]
    assert sum(len(row.tokens) for _, row in pieces) == 30 * 11


# --- by an exported model ------------------------------------------------------------------------

BEGINS, GOES_ON = "paris", "france"
"""Words of the tiny tokenizer that are names of a person here."""


def tagger(folder: Path, *labels: str) -> Path:
    """A token classifier in transformers' layout: `BEGINS` is the second label, `GOES_ON` the
    third, and every other word the label that is "O".
    """
    model, words = tiny.headed("token_classifier", "bert", labels=labels), tiny.word_tokenizer()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "position" in name or "token_type" in name or "output.dense" in name:
                parameter.zero_()  # a word is itself wherever it stands
        vectors = model.bert.embeddings.word_embeddings.weight
        vectors[:, :2] = 0.0
        model.classifier.weight.zero_()
        model.classifier.bias.fill_(-1000.0)
        model.classifier.bias[labels.index("O")] = 0.0
        for place, word in enumerate((BEGINS, GOES_ON)):
            vectors[words.convert_tokens_to_ids(word)] = torch.eye(32)[place]
            model.classifier.weight[1 + place, place] = 10.0
            model.classifier.bias[1 + place] = -30.0  # layer norm makes 5.6 of the 1.0
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("person", ["PER", "person"])
def test_an_exported_tagger_finds_persons_at_their_places(tmp_path: Path, person: str) -> None:
    find = finder_of(str(tagger(tmp_path / "model", "O", f"B-{person}", f"I-{person}", "B-LOC")))
    long = "the question is good. " * 30
    texts = ["hello Paris France, and Paris", "no one", long + "Zwölf: Paris", "", long]
    found = [
        [text[start:end] for start, end in places]
        for text, places in zip(texts, find(texts), strict=True)
    ]
    assert found == [["Paris France", "Paris"], [], ["Paris"], [], []]


def test_labels_of_an_exported_tagger_may_stand_in_any_order(tmp_path: Path) -> None:
    find = finder_of(str(tagger(tmp_path / "model", "B-LOC", "B-PER", "I-PER", "O")))
    assert find(["hello Paris France"]) == [[(6, 18)]]


def test_names_that_an_exported_tagger_finds_are_masked_in_files(tmp_path: Path) -> None:
    folder = tagger(tmp_path / "model", "O", "B-PER", "I-PER")
    rows = [{"text": f"hello Paris France {at}, mail a@b.org", "label": "ab"[at % 2]}
            for at in range(4)]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["data", "clean", str(tmp_path / "rows.jsonl"), f"data.clean.personal.names={folder}"]
    assert run([*words, "--output", str(tmp_path / "out")]) == 0
    written = (tmp_path / "out" / "train.jsonl").read_text().splitlines()
    assert json.loads(written[0])["text"] == "hello [NAME_1] 0, mail [EMAIL_1]"
    assert len(written) == 4


def test_a_tagger_that_knows_no_persons_is_refused(tmp_path: Path) -> None:
    folder = tagger(tmp_path / "model", "O", "B-LOC", "I-LOC")
    with pytest.raises(RecipeError, match=r"model finds LOC, and no persons; expected a type such"):
        finder_of(str(folder))


def test_a_model_that_tags_no_words_is_refused(tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path / "model", architecture="bert")
    with pytest.raises(RecipeError, match=r"model tags no words: its labels are label_0, label_1"):
        finder_of(str(folder))
