"""transformers' Trainer on the rows of finished runs: `benchmarks/rival_trainer.py RUN [RUN ...]`.

Same rows of training and test, same epochs, batch size and learning rate as the run had, all
weights, everything else as Trainer has it (float32, linear decay); with --bf16 its products are in
bfloat16, twice as fast. Writes RUN/rival-trainer.json, which the tables of `grid.py` show beside
the run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.metrics import f1_score
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

from luthier import open_run
from luthier.data.rows import Labeled, Scored, Tagged
from luthier.evaluation.metrics.entity_f1 import EntityF1
from luthier.evaluation.outcome import Frame, Outcome
from luthier.recipe.resolve import Settled
from luthier.workflow.inputs import gather
from luthier.workflow.stages import Stages, silent

IGNORED = -100
Encoded = list[dict[str, Any]]


@dataclass(frozen=True)
class Work:
    """What a kind of rows asks of Trainer, and how its answers are judged."""

    model: Any
    collator: Any
    names: Callable[[Sequence[Any]], list[str]]
    encode: Callable[[Any, Any, list[str]], dict[str, Any]]
    figures: Callable[[Sequence[Any], Any, list[str]], dict[str, float]]


def classes(rows: Sequence[Labeled]) -> list[str]:
    return sorted({str(row.target()) for row in rows})


def encode_class(tokenizer: Any, row: Labeled, names: list[str]) -> dict[str, Any]:
    return {**tokenizer(row.text, truncation=True), "labels": names.index(str(row.target()))}


def judge_classes(rows: Sequence[Labeled], said: Any, names: list[str]) -> dict[str, float]:
    answers = [names[place] for place in np.argmax(said.predictions, -1)]
    targets = [str(row.target()) for row in rows]
    right = np.mean([answer == target for answer, target in zip(answers, targets, strict=True)])
    macro = f1_score(targets, answers, average="macro")
    return {"accuracy": float(right), "macro_f1": float(macro)}


def one_number(rows: Sequence[Scored]) -> list[str]:
    del rows
    return ["score"]


def encode_number(tokenizer: Any, row: Scored, names: list[str]) -> dict[str, Any]:
    del names
    return {**tokenizer(row.text, row.text_pair or None, truncation=True), "labels": row.score}


def judge_numbers(rows: Sequence[Scored], said: Any, names: list[str]) -> dict[str, float]:
    del names
    found = spearmanr([row.score for row in rows], said.predictions[:, 0])
    return {"spearman": float(np.asarray(found)[0])}


def tag_names(rows: Sequence[Tagged]) -> list[str]:
    types = sorted({tag[2:] for row in rows for tag in row.tags if tag != "O"})
    return ["O", *(f"{mark}-{kind}" for kind in types for mark in "BI")]


def encode_tags(tokenizer: Any, row: Tagged, names: list[str]) -> dict[str, Any]:
    """The first piece of each word has its tag."""
    found = tokenizer(list(row.tokens), is_split_into_words=True, truncation=True)
    owners = found.word_ids()
    firsts = [owner if owner != before else None for before, owner in zip([None, *owners], owners)]
    labels = [IGNORED if owner is None else names.index(row.tags[owner]) for owner in firsts]
    return {**found, "labels": labels}


def judge_tags(rows: Sequence[Tagged], said: Any, names: list[str]) -> dict[str, float]:
    """Entity F1; words that were cut off count as O."""
    outcomes: list[Outcome] = []
    for place, row in enumerate(rows):
        scores = said.predictions[place][said.label_ids[place] != IGNORED]
        answers = [names[best] for best in np.argmax(scores, -1)]
        answers += ["O"] * (len(row.tokens) - len(answers))
        outcomes.append(Outcome(place, row.target(), " ".join(answers)))
    frame = Frame("entities", tuple(item.target for item in outcomes))
    metric = EntityF1()
    return {"entity_f1": float(metric.reduce(metric.table(outcomes, frame).sum(0)))}


WORK: dict[type[Any], Work] = {
    Labeled: Work(
        AutoModelForSequenceClassification,
        DataCollatorWithPadding,
        classes,
        encode_class,
        judge_classes,
    ),
    Scored: Work(
        AutoModelForSequenceClassification,
        DataCollatorWithPadding,
        one_number,
        encode_number,
        judge_numbers,
    ),
    Tagged: Work(
        AutoModelForTokenClassification,
        DataCollatorForTokenClassification,
        tag_names,
        encode_tags,
        judge_tags,
    ),
}


def train(folder: Path, *, bf16: bool) -> dict[str, Any]:
    """The rival of one run."""
    run = open_run(folder)
    recipe = run.recipe
    inputs = gather(Settled.of_document(run.files.resolved or {}), Stages(silent))
    rows = {part: inputs.kept(part) for part in ("train", "test")}
    work = WORK[run.objective.row]
    names = work.names(rows["train"])
    tokenizer = AutoTokenizer.from_pretrained(inputs.source.folder)
    torch.manual_seed(recipe.seed)
    model = work.model.from_pretrained(
        inputs.source.folder, num_labels=len(names), dtype=torch.float32
    )
    encoded: dict[str, Encoded] = {
        part: [work.encode(tokenizer, row, names) for row in found] for part, found in rows.items()
    }
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch,
            per_device_train_batch_size=int(recipe.training.batch_size),
            per_device_eval_batch_size=64,
            num_train_epochs=float(recipe.training.epochs),
            learning_rate=float(recipe.training.learning_rate),
            seed=recipe.seed,
            use_cpu=True,
            bf16=bf16,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = Trainer(
            model,
            arguments,
            data_collator=work.collator(tokenizer),
            train_dataset=encoded["train"],
        )
        start = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - start
        said = trainer.predict(encoded["test"])  # pyright: ignore[reportArgumentType]
    figures = work.figures(rows["test"], said, names)
    dtype = "bfloat16" if bf16 else "float32"
    found = {"figures": figures, "seconds": seconds, "dtype": dtype}
    return {**found, "peak_bytes": common.peak_bytes(), "cores": len(os.sched_getaffinity(0))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--here", action="store_true", help="in this process (one run only)")
    parser.add_argument("--bf16", action="store_true", help="products in bfloat16")
    given = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    for run in given.runs:
        path = run / "rival-trainer.json"
        if given.here:
            path.write_text(json.dumps(train(run, bf16=given.bf16)) + "\n")
        elif not path.is_file():  # a process of its own, for its own peak of memory
            options = ["--here", *(["--bf16"] if given.bf16 else [])]
            subprocess.run([sys.executable, __file__, str(run), *options], check=True)
        print(run.name, path.read_text(), flush=True)


if __name__ == "__main__":
    main()
