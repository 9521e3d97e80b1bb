"""Small subjects to evaluate: a tiny model with its tuner and objective on rows built in code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tests import tiny

from luthier.data.rows import Chat, Labeled, Origin, Row, Text
from luthier.evaluation.evaluate import Subject
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.models.trunks import build
from luthier.objectives import objectives, resolved
from luthier.tuners import tuners

COLOURS = ("red", "green", "blue")


def labeled(num_rows: int) -> list[Row]:
    rows: list[Row] = []
    for line in range(num_rows):
        name = COLOURS[line % 3]
        text = f"the {name} {'world ' * (line % 4)}is good {line}"
        rows.append(Labeled(origin=Origin("l.csv", line + 1), text=text, label=name))
    return rows


def json_chats(num_rows: int) -> list[Row]:
    rows: list[Row] = []
    for line in range(num_rows):
        answer = json.dumps({"colour": COLOURS[line % 3], "count": line})
        rows.append(tiny.chat(f"what is {line} {COLOURS[line % 3]}", answer, line=line + 1))
    return rows


def texts(num_rows: int) -> list[Row]:
    return [
        Text(origin=Origin("t.txt", line + 1), text=f"the {COLOURS[line % 3]} world {line}")
        for line in range(num_rows)
    ]


def subject(
    folder: Path,
    rows: list[Row],
    *,
    objective: str,
    tuner: str = "lora",
    num_test: int = 6,
    move: float = 0.0,
) -> Subject:
    """A subject on a tiny model. Args: move: size of random changes to the trained parameters."""
    labels = COLOURS if objective == "classify" else ()
    tiny.folder(folder, architecture="bert" if labels else "llama")

    def opened() -> Bundle:
        return open_model(str(folder), labels=labels, dtype=torch.float32)

    found_objective = _objective(objective, rows)
    kind = tuners.get(tuner)
    settings: dict[str, Any] = {"rank": 4} if tuner == "lora" else {}
    found_tuner = kind(kind.Config(**settings))
    bundle = found_tuner.apply(opened(), seed=0)
    generator = torch.Generator().manual_seed(1)
    for parameter in bundle.model.parameters():
        if parameter.requires_grad and move:
            parameter.data += torch.randn(parameter.shape, generator=generator) * move
    bundle.trunk = build(bundle.model, bundle.kind, prefer="general", compute_dtype=torch.float32)
    return Subject(
        bundle,
        found_tuner,
        found_objective,
        rows[num_test:],
        rows[:num_test],
        seed=0,
        open_base=opened,
    )


def _objective(name: str, rows: list[Row]) -> Any:
    kind = objectives.get(name)
    config = kind.Config()
    values = {key: value for key, (value, _) in resolved(kind, config, rows).items()}
    return kind(config.model_copy(update=values))


def only_chats(rows: list[Row]) -> list[Chat]:
    return [row for row in rows if isinstance(row, Chat)]
