"""Names of persons in texts: found by a tagger, masked or left out, and refused without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests import tiny
from tests.contracts.models import Polite

from luthier.cli.main import run
from luthier.core.errors import RecipeError
from luthier.data.clean import asked_for, cleaned
from luthier.data.ledger import Ledger
from luthier.data.rows import Labeled, Origin, Row
from luthier.workflow.people import MOST_WORDS, _pieces, finder_of

TEXTS = ("Anna asked Bob, and Anna paid", "write to Bob@example.org", "nobody is here")


def masked(action: str = "mask") -> tuple[list[str], Ledger]:
    rows: list[Row] = [
        Labeled(origin=Origin("f", at + 1), text=text, label="a") for at, text in enumerate(TEXTS)
    ]
    ledger = Ledger()
    asked = asked_for({"personal": {"names": "tagger", "action": action}}, Polite())
    return [row.given() for row in cleaned(rows, asked, ledger)], ledger


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


@pytest.mark.parametrize("command", ["check", "preview"])
def test_where_no_files_are_made_it_is_refused_with_the_command_that_makes_them(
    command: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.jsonl").write_text("{")
    words = ["data", command, str(tmp_path / "broken.jsonl")]
    assert run([*words, "data.clean.personal.names=runs/tagger"]) == 2
    said = capfd.readouterr().err
    assert "recipe data.clean.personal: needs a tagger of persons" in said
    assert "luthier data clean DATA data.clean.personal.names=RUN --output FOLDER" in said


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
