"""Tags, numbers, several labels, rankings and answers, from files to predictions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests import tiny
from tests.journeys.desk import QUICK, Desk

COLOURS = ("red", "green", "blue")
WORDS = ("one", "two", "three", "yes", "no", "good", "bad")


def _of(number: int) -> tuple[str, str]:
    return COLOURS[number % 3], WORDS[number % 7]


def tagged(number: int) -> dict[str, Any]:
    colour, word = _of(number)
    tokens = ["the", colour, word, "is", word, str(number)]
    return {"tokens": tokens, "ner_tags": ["O", "B-COL", "I-COL", "O", "O", "O"]}


def scored(number: int) -> dict[str, Any]:
    colour, word = _of(number)
    text = f"{colour} is {word} {number}"
    return {"sentence1": text, "sentence2": f"the {word}", "score": number % 5 + 0.5}


def labelled(number: int) -> dict[str, Any]:
    colour, word = _of(number)
    return {"text": f"{colour} and {word} {number}", "labels": [colour, word][: number % 3]}


def ranked(number: int) -> dict[str, Any]:
    colour, word = _of(number // 3)
    query = f"what is {colour} {number // 3}"
    right = number % 3 == number // 3 % 3
    document = f"{colour if right else 'no'} {word} {number}"
    return {"query": query, "document": document, "relevance": int(right)}


def listed(number: int) -> dict[str, Any]:
    colour, word = _of(number)
    documents = [
        {"text": f"{name} {word} {number}", "relevance": int(name == colour)} for name in COLOURS
    ]
    return {"query": f"what is {colour} {number}", "documents": documents[: 2 + number % 2]}


def asked(number: int) -> dict[str, Any]:
    colour, word = _of(number)
    context = f"{number} the {word} is {colour} in the world " + "of the world " * 12
    start = context.index(colour)
    answers = {"text": [colour], "answer_start": [start]}
    return {"question": f"what is {word}", "context": context, "answers": answers}


CASES: dict[str, tuple[Callable[[int], dict[str, Any]], str, set[str]]] = {
    "tag": (tagged, "entity_f1", {"entities", "tags"}),
    "regress": (scored, "spearman", {"score"}),
    "multilabel": (labelled, "label_f1", {"labels", "probabilities"}),
    "rank": (ranked, "ndcg", {"relevance", "rank"}),
    "rank by lists": (listed, "ndcg", {"documents"}),
    "qa": (asked, "answer_f1", {"answer", "start", "end", "confidence"}),
}


RIVALS: dict[str, set[str]] = {
    "entity_f1": {"lookup"},
    "spearman": {"word_counts"},
    "label_f1": {"word_counts", "frequent_labels"},
    "ndcg": {"bm25", "as_given"},
    "answer_f1": {"near_words"},
}
"""Cheap arms that run, by the metric of the verdict."""
PLACES = [
    ("tag", "bert"),
    ("qa", "llama"),
    ("regress", "bert"),
    ("multilabel", "bert"),
    ("rank", "bert"),
    ("rank by lists", "llama"),
]
"""On an encoder, or on a decoder that gets a head."""


@pytest.mark.parametrize(("name", "architecture"), PLACES)
def test_from_rows_to_evidence_predictions_and_exports(
    tmp_path: Path, name: str, architecture: tiny.Architecture
) -> None:
    tiny.folder(tmp_path / "model", architecture=architecture)
    (tmp_path / "cache").mkdir()
    desk = Desk(tmp_path)
    made, metric, answers = CASES[name]
    rows = [made(number) for number in range(60)]
    desk.data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out = desk.root / "run"
    train = ("train", desk.data, "--model", "model", "--out", out, "training.epochs=2", *QUICK)
    more = ("objective.window=48", "objective.overlap=8") if name == "qa" else ()
    code, document, messages = desk.luthier(*train, *more, "tuner.name=lora")
    assert code in (0, 1), messages  # 1: no evidence that it got better
    assert document["run"] == str(out)

    evaluation = json.loads((out / "evaluation.json").read_text())
    assert evaluation["verdict"]["metric"] == metric
    assert {"base", "tuned"} <= set(evaluation["arms"])
    assert RIVALS[metric] <= set(evaluation["arms"])
    assert metric != "ndcg" or "mrr" in evaluation["arms"]["tuned"]
    assert "head" in evaluation["details"]["notes"]["base"]

    new = desk.root / "new.jsonl"
    shown = (
        "tokens",
        "text",
        "sentence1",
        "sentence2",
        "query",
        "document",
        "documents",
        "question",
        "context",
    )
    bare = [{key: row[key] for key in shown if key in row} for row in rows[:6]]
    new.write_text("".join(json.dumps(row) + "\n" for row in bare), encoding="utf-8")
    said_at = desk.root / "said.jsonl"
    code, _, messages = desk.luthier("predict", out, "--input", new, "--output", said_at)
    assert code == 0, messages
    said = [json.loads(line) for line in said_at.read_text().splitlines()]
    assert len(said) == 6
    assert all(answers <= set(line) for line in said)

    code, again, messages = desk.luthier("evaluate", out, "evaluation.num_resamples=100")
    assert code in (0, 1), messages
    assert again["arms"]["tuned"][metric]["value"] == pytest.approx(
        evaluation["arms"]["tuned"][metric]["value"]
    )
    code, manifest, messages = desk.luthier("export", out, "--format", "safetensors")
    assert code == 0, messages
    # training has saved the adapter, through the same gate
    assert manifest["manifest"]["objective"]["name"] == name.partition(" ")[0]
