"""Entity F1 on CoNLL files: luthier's `tag` beside transformers' Trainer at equal epochs.

    python benchmarks/understanding/tag.py --system luthier --train T --test T --model M --out DIR

Both learn all weights of the same model from the same rows (the first `--rows` of the file), score
words by their first piece, and are judged by the same entity F1 (that of seqeval).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
)

from luthier.core.events import Event, Updated
from luthier.data.ledger import Ledger
from luthier.data.parse import Reading, parse_file
from luthier.data.rows import Tagged
from luthier.engine.runtime import prepare
from luthier.evaluation.metrics.entity_f1 import EntityF1
from luthier.evaluation.outcome import Frame, Outcome

prepare()  # before luthier is imported whole: it sets the allocator
from luthier import train  # noqa: E402

IGNORED = -100


def rows_of(path: str, limit: int) -> list[Tagged]:
    """The first rows of a file, in BIO."""
    found = parse_file(path, Reading(wants="tagged"), Ledger()).rows
    return [row for row in found if isinstance(row, Tagged)][: limit or None]


def write(rows: list[Tagged], path: Path) -> str:
    """The rows as JSON Lines."""
    lines = [json.dumps({"tokens": row.tokens, "tags": row.tags}) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def luthier(given: argparse.Namespace, parts: dict[str, list[Tagged]]) -> dict[str, Any]:
    """Train and evaluate; the rate is the usual one unless it is named."""
    folder = Path(given.out)
    folder.mkdir(parents=True, exist_ok=True)
    data = {name: write(rows, folder / f"{name}.jsonl") for name, rows in parts.items()}
    training: dict[str, Any] = {"epochs": given.epochs, "save_every": 0, "evaluate_every": 0}
    training |= {"batch_size": given.batch_size} if given.batch_size else {}
    training |= {"learning_rate": given.rate} if given.rate else {}
    recipe = {
        "model": given.model,
        "seed": given.seed,
        "data": {**data, "validation_share": 0, "on_duplicate": "keep", "on_overflow": "drop"},
        "objective": "tag",
        "tuner": given.tuner,
        "training": training,
        "evaluation": {"arms": given.arms.split(","), "retention": False, "num_resamples": 500},
    }
    updates: list[Updated] = []

    def listen(event: Event) -> None:
        if isinstance(event, Updated):
            updates.append(event)

    run = train(recipe, out=folder / f"run-{time.time_ns()}", on_event=listen)
    arms = (run.evaluation or {})["arms"]
    figures = {name: found["entity_f1"] for name, found in arms.items()}
    rate, steps = max(update.learning_rate for update in updates), len(updates)
    return {
        "figures": figures,
        "train_seconds": updates[-1].seconds,
        "rate": rate,
        "steps": steps,
    }


def trainer(given: argparse.Namespace, parts: dict[str, list[Tagged]]) -> dict[str, Any]:
    """The token classification of transformers' examples, with its usual rate unless named."""
    types = sorted({tag[2:] for row in parts["train"] for tag in row.tags if tag != "O"})
    names = ["O", *(f"{mark}-{kind}" for kind in types for mark in "BI")]
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    torch.manual_seed(given.seed)
    model = AutoModelForTokenClassification.from_pretrained(
        given.model, num_labels=len(names), dtype=torch.float32
    )
    encoded = {
        name: [encode(tokenizer, row, names) for row in rows] for name, rows in parts.items()
    }
    arguments = TrainingArguments(
        output_dir=given.out,
        per_device_train_batch_size=given.batch_size or 16,
        per_device_eval_batch_size=64,
        num_train_epochs=given.epochs,
        learning_rate=given.rate or 5e-5,
        seed=given.seed,
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    collator = DataCollatorForTokenClassification(tokenizer)
    made = Trainer(model, arguments, data_collator=collator, train_dataset=encoded["train"])
    start = time.perf_counter()
    made.train()
    seconds = time.perf_counter() - start
    said = made.predict(encoded["test"])
    outcomes = [
        Outcome(place, row.target(), " ".join(spoken(row, scores, labels, names)))
        for place, (row, scores, labels) in enumerate(
            zip(parts["test"], said.predictions, said.label_ids, strict=True)
        )
    ]
    frame = Frame("entities", tuple(item.target for item in outcomes))
    metric = EntityF1()
    f1 = float(metric.reduce(metric.table(outcomes, frame).sum(0)))
    return {"figures": {"tuned": {"value": f1}}, "train_seconds": seconds}


def encode(tokenizer: Any, row: Tagged, names: list[str]) -> dict[str, Any]:
    """Tokens of a row; the first piece of each word has its tag."""
    found = tokenizer(list(row.tokens), is_split_into_words=True, truncation=True)
    owners = found.word_ids()
    firsts = [owner if owner != before else None for before, owner in zip([None, *owners], owners)]
    labels = [IGNORED if owner is None else names.index(row.tags[owner]) for owner in firsts]
    return {**found, "labels": labels}


def spoken(row: Tagged, scores: Any, labels: Any, names: list[str]) -> list[str]:
    """The most probable tag of every word; O for words that were cut off."""
    kept = [names[place] for place in np.argmax(scores[labels != IGNORED], -1)]
    return kept + ["O"] * (len(row.tokens) - len(kept))


def main() -> None:
    """Train one system and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("system", "train", "test", "model", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--test-rows", type=int, default=0)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--batch-size", type=int, default=0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--tuner", default="full")
    parser.add_argument("--arms", default="tuned,lookup,base")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    parts = {
        "train": rows_of(given.train, given.rows),
        "test": rows_of(given.test, given.test_rows),
    }
    system = {"luthier": luthier, "trainer": trainer}[given.system]
    found = system(given, parts)
    facts = {"system": given.system, "train": given.train, "rows": len(parts["train"])}
    sys.stdout.write("\n" + json.dumps({**facts, "epochs": given.epochs, **found}) + "\n")


if __name__ == "__main__":
    main()
