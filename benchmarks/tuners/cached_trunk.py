"""Last layers, or a head alone: frozen layers run once, against transformers' Trainer.

    .venv/bin/python benchmarks/tuners/cached_trunk.py --data train.csv [--layers 2] [--rows 1000]
        [--model minilm-l6] [--systems trainer,cached,uncached] [--before CMD]

`--layers 0` trains the head (and pooler) alone. A language model takes rows of an Alpaca JSON file,
and its loss is that of the answer. Every system is a process of its own, one after another, on the
same rows; `--before` is put before its command line (a lock, for instance). Seconds are those of
`trainer.train()`, and for Luthier from the begin of training to its end, filling the cache
included. Prints a table, and how far losses with and without the cache lie apart.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1]))
import _luthier  # noqa: E402
import common  # noqa: E402

SYSTEMS = ("trainer", "cached", "uncached", "cached float32", "uncached float32")


def rows_of(given: argparse.Namespace) -> list[dict[str, str]]:
    """The first rows of the file: {"text", "label"} or {"prompt", "completion"}."""
    path = Path(given.data)
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            found = [
                dict(zip(("text", "label"), row.values(), strict=False))
                for row in csv.DictReader(file)
            ]
        step = max(1, len(found) // given.rows)  # such files are sorted by class
        return found[::step][: given.rows]
    found = json.loads(path.read_text(encoding="utf-8"))
    pairs = [
        (f"{row['instruction']}\n{row.get('input', '')}".strip(), row["output"]) for row in found
    ]
    short = [pair for pair in pairs if len(pair[0] + pair[1]) < given.characters]
    return [{"prompt": one, "completion": other} for one, other in short[: given.rows]]


def tuner_of(layers: int) -> dict[str, Any]:
    return {"name": "last_layers", "num_layers": layers} if layers else {"name": "head"}


def luthier_run(given: argparse.Namespace, rows: list[dict[str, str]]) -> dict[str, Any]:
    """Luthier as a user calls it, on a cache of its own."""
    _luthier.prepare()
    import luthier
    from luthier.core.events import Event, Finished, Notice, Stage, Updated

    folder = Path(tempfile.mkdtemp())
    os.environ["LUTHIER_CACHE"] = str(own_cache(folder / "cache"))
    marks: dict[str, float] = {}
    losses: list[float] = []
    said: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Stage):
            marks.setdefault(event.name, time.perf_counter())
        if isinstance(event, Notice):
            said.append(event.text)
        if isinstance(event, Updated):
            losses.append(event.loss)
        if isinstance(event, Finished):
            marks["end"] = time.perf_counter()
            marks["peak"] = event.peak_bytes

    first = "text" if "text" in rows[0] else "prompt"
    others = [{**row, first: f"Hello. {row[first]}"} for row in rows[:8]]  # no row of train
    files = _luthier.write_rows({"train": rows, "test": others}, folder)
    recipe = recipe_of(given, files)
    luthier.train(recipe, out=folder / "run", on_event=listen)
    return {
        "seconds": marks["end"] - marks["training"],
        "losses": losses,
        "notes": [s for s in said if "layers" in s],
        "training_peak_bytes": marks["peak"],
    }


def own_cache(folder: Path) -> Path:
    """A new cache that shares with the user's what no run writes while it is timed."""
    home = Path(os.environ.get("LUTHIER_CACHE") or "~/.cache/luthier").expanduser()
    folder.mkdir()
    for part in ("models", "packages", "hashes", "compiled"):
        if (home / part).is_dir():
            (folder / part).symlink_to(home / part)
    return folder


def recipe_of(given: argparse.Namespace, files: dict[str, str]) -> dict[str, Any]:
    """Nothing but updates: no validation, no checkpoint, and as little evaluation as there is."""
    return {
        "model": given.model,
        "data": {**files, "validation_share": 0, "on_duplicate": "keep"},
        "tuner": tuner_of(given.layers),
        "training": {
            "epochs": given.epochs,
            "batch_size": given.batch_size,
            "learning_rate": given.learning_rate,
            "precision": "float32" if given.system.endswith("float32") else "auto",
            "cache_bytes": 0 if given.system.startswith("uncached") else "auto",
            "save_every": 0,
            "evaluate_every": 0,
        },
        "evaluation": {
            "arms": ["base", "tuned"],
            "retention": False,
            "max_rows": 4,
            "num_resamples": 100,
            "max_new_tokens": 2,
        },
    }


def trainer_run(given: argparse.Namespace, rows: list[dict[str, str]]) -> dict[str, Any]:
    """transformers' Trainer in the type that it opens the model in, dynamic padding."""
    import torch
    import transformers as hf

    from luthier.models.sources import fetch

    torch.manual_seed(0)
    folder = fetch(given.model).folder
    tokenizer = hf.AutoTokenizer.from_pretrained(folder)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if "label" in rows[0]:
        names = sorted({row["label"] for row in rows})
        model = hf.AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=len(names), ignore_mismatched_sizes=True
        )
        data = [{**tokenizer(row["text"]), "labels": names.index(row["label"])} for row in rows]
        collator: Any = hf.DataCollatorWithPadding(tokenizer)
        blocks, heads = model.base_model.encoder.layer, [model.classifier, model.base_model.pooler]
    else:
        model = hf.AutoModelForCausalLM.from_pretrained(folder)
        data = [answer_of(row, tokenizer) for row in rows]
        collator = hf.DataCollatorForSeq2Seq(tokenizer)
        blocks, heads = model.model.layers, [] if given.layers else [model.lm_head]
    model.requires_grad_(False)
    for part in [*blocks[len(blocks) - given.layers :], *heads]:
        part.requires_grad_(True)
    trainer = hf.Trainer(
        model,
        hf.TrainingArguments(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=given.batch_size,
            num_train_epochs=given.epochs,
            learning_rate=given.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=0.05,
            use_cpu=True,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
        data_collator=collator,
        train_dataset=data,
    )
    start = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - start
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {
        "seconds": seconds,
        "losses": losses,
        "type": str(model.dtype),
        "training_peak_bytes": common.peak_bytes(),
    }


def answer_of(row: dict[str, str], tokenizer: Any) -> dict[str, list[int]]:
    """A conversation for the Trainer, whose loss is that of the answer."""
    turns = [
        {"role": "user", "content": row["prompt"]},
        {"role": "assistant", "content": row["completion"]},
    ]
    found = common.tokens(tokenizer, turns)
    labels = [-100] * found.num_prompt + found.ids[found.num_prompt :]
    return {"input_ids": found.ids, "attention_mask": [1] * len(found.ids), "labels": labels}


def show(given: argparse.Namespace, found: dict[str, dict[str, Any]]) -> None:
    """The table, each system beside the Trainer."""
    count = len(rows_of(given)) * given.epochs
    first = found.get("trainer", {}).get("seconds")
    print(f"\n{given.model}, {given.layers or 'head'} layers, {count} samples")
    print("| system | s | samples/s | times Trainer | last loss | peak GB |")
    print("|---|---|---|---|---|---|")
    for name, facts in found.items():
        ratio = f"{first / facts['seconds']:.1f}" if first else ""
        tail = facts["losses"][-10:]
        print(
            f"| {name} {facts.get('type', '')} | {facts['seconds']:.1f} "
            f"| {count / facts['seconds']:.0f} | {ratio} | {sum(tail) / len(tail):.4f} "
            f"| {facts['training_peak_bytes'] / 1e9:.2f} |"
        )
    for kind in ("", " float32"):
        one, other = found.get("cached" + kind), found.get("uncached" + kind)
        if one and other:
            pairs = zip(one["losses"], other["losses"], strict=True)
            gap = max(abs(a - b) / abs(b) for a, b in pairs)
            print(f"largest relative difference of a loss, cached and not{kind}: {gap:.1e}")
    for facts in found.values():
        for note in facts.get("notes", []):
            print(note)


def main() -> None:
    """One system, or all of them in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="minilm-l6")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--characters", type=int, default=1500)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--systems", default="trainer,cached,uncached")
    parser.add_argument("--system", default="", choices=["", *SYSTEMS])
    parser.add_argument("--before", default="")
    given = parser.parse_args()
    if given.system:
        run = trainer_run if given.system == "trainer" else luthier_run
        print("\n" + json.dumps(run(given, rows_of(given))))
        return
    found: dict[str, dict[str, Any]] = {}
    for system in given.systems.split(","):
        command = [*shlex.split(given.before), sys.executable, *sys.argv, "--system", system]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{system}: {done.stderr[-2000:]}")
        found[system] = json.loads(done.stdout.strip().splitlines()[-1])
    show(given, found)


if __name__ == "__main__":
    main()
