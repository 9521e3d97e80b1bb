"""What every measured script shares: arguments, rows as tokens, and the line it prints."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RANK, ALPHA, LEARNING_RATE, BATCH_SIZE, MAX_LENGTH, WARMUP = 16, 32, 2e-4, 8, 512, 0.05
CLASSIFY_EPOCHS, CLASSIFY_LEARNING_RATE, CLASSIFY_BATCH_SIZE = 3, 1e-4, 32
PACKAGES = ("torch", "transformers", "peft", "trl", "luthier")


@dataclass(frozen=True)
class Example:
    """A conversation as tokens, and how many of the first ones are the prompt."""

    ids: list[int]
    num_prompt: int


def arguments(description: str) -> argparse.Namespace:
    """--model FOLDER --rows FILE --out FOLDER --threads N, with threads already set."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", required=True, help="folder in transformers layout")
    parser.add_argument("--rows", required=True, help="JSON: {train: [...], held_out: [...]}")
    parser.add_argument("--out", required=True, help="folder for what is trained")
    parser.add_argument("--precision", default="bfloat16", choices=["bfloat16", "float32"])
    parser.add_argument("--adapter", default="", help="adapter folder to score")
    parser.add_argument("--variant", default="", help="another configuration of the same system")
    given = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    return given


def rows(path: str) -> dict[str, list[Any]]:
    """The train and held-out rows."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def tokens(tokenizer: Any, messages: list[dict[str, str]]) -> Example:
    """The rendered conversation; its last turn is the answer, with its end-of-turn token."""
    options = {"tokenize": True, "return_dict": False}
    prompt = tokenizer.apply_chat_template(messages[:-1], add_generation_prompt=True, **options)
    whole = tokenizer.apply_chat_template(messages, **options)
    return Example(list(whole), len(prompt))


def peak_bytes() -> int:
    """The largest resident memory of this process so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def report(**facts: Any) -> None:
    """One JSON line on standard output, with memory and versions."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    sys.stdout.write("\n" + json.dumps({**facts, "peak_bytes": peak_bytes(), "versions": found}))
    sys.stdout.write("\n")
