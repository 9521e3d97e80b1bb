"""What a grader makes of a file of rows, before anything is trained on its scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from luthier.core import files
from luthier.core.config import build
from luthier.core.errors import DataError, RecipeError
from luthier.core.hints import did_you_mean
from luthier.data.ledger import Ledger
from luthier.data.load import parse_files
from luthier.data.parse import Reading
from luthier.data.rows import Chat, Prompt
from luthier.engine import precision
from luthier.generation import generate
from luthier.graders import Answer, Borrower, Grader, Score, build_grader, check_grader, review
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.recipe.schema import DataSection
from luthier.workflow.device import device_name
from luthier.workflow.reward_model import reward_model
from luthier.workflow.run import Run
from luthier.workflow.stages import Listener, Stages, silent

NUM_RIGHT = 32
"""Right answers that are graded themselves: they should score high."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model is asked for completions."""

    samples: int = 4
    """Of each prompt."""
    max_new_tokens: int = 128
    temperature: float = 1.0
    seed: int = 0


def section_of(path: Path, settings: Mapping[str, Any]) -> DataSection:
    """How a file is read: settings as a recipe has them under `data`.

    Raises: RecipeError: every problem with them.
    """
    return build(DataSection, {**settings, "train": str(path)}, where="data")


def grade_file(
    section: DataSection,
    grader: Mapping[str, Any],
    *,
    completion: str = "",
    model: str = "",
    sampling: Sampling,
    max_rows: int = 64,
    output: Path | None = None,
    on_event: Listener = silent,
) -> dict[str, Any]:
    """Scores of completions: those of a column, or those that a model or a run writes.

    Args: section: its `train` is the file. grader: its name and settings. max_rows: of the file
        (0: all).
    Returns: the review, examples from the lowest and the highest score, and what was found.
    Raises: DataError, RecipeError: rows or grader cannot be used; before any model is opened.
    """
    if bool(completion) == bool(model):
        raise RecipeError(
            "grade: say either --completion COLUMN, for completions that are in the file, or "
            "--model NAME (or the folder of a run), to have some written"
        )
    stages = Stages(on_event)
    built = build_grader(grader)
    if isinstance(built, Borrower):
        built.lend(reward_model)
    try:
        with stages.stage("reading data", str(section.train_files)):
            rows = _rows(section, max_rows, stages)
        asked = [answer_of(row) for row in rows]
        for note in check_grader(built, asked):
            stages.note(note, warning=True)
        if completion:
            answers = [_given(item, completion) for item in asked]
        else:
            answers = _written(rows, asked, model, sampling, stages)
        with stages.stage("grading", f"{len(answers)} completions"):
            scores = built.grade(answers)
            right = _right_answers(built, asked)
    finally:
        built.close()
    if output is not None:
        lines = [json.dumps(_line(a, s), ensure_ascii=False) for a, s in _pairs(answers, scores)]
        files.write_text(output, "\n".join(lines) + "\n")
    return _document(built, answers, scores, right, rows=len(rows)) | {"seconds": stages.seconds}


def answer_of(row: Prompt) -> Answer:
    """The row as graders see it, not answered yet."""
    return Answer(
        messages=row.messages,
        completion="",
        reference=row.reference,
        fields=row.fields,
        origin=str(row.origin),
    )


def _rows(section: DataSection, max_rows: int, stages: Stages) -> list[Prompt]:
    ledger = Ledger()
    parsed = parse_files(section.train, Reading.of(section, Prompt.shape()), ledger, setting="")
    for line in (line for one in parsed for line in one.description):
        stages.note(line)
    for reason, entry in ledger.dropped.items():
        stages.note(f"{entry.count} rows left out: {reason}", warning=True)
    rows = [row for one in parsed for row in one.rows if isinstance(row, Prompt)]
    if max_rows and len(rows) > max_rows:
        stages.note(f"the {max_rows} rows of {len(rows)} whose content hash comes first")
        rows = sorted(rows, key=lambda row: row.key())[:max_rows]
    return rows


def _given(item: Answer, column: str) -> Answer:
    if column not in item.fields:
        hint = did_you_mean(column, item.fields)
        raise DataError(f"{item.origin}: column '{column}' (--completion) is not there{hint}")
    value = item.fields[column]
    return replace(item, completion=value if isinstance(value, str) else json.dumps(value))


def _written(
    rows: Sequence[Prompt], asked: Sequence[Answer], model: str, how: Sampling, stages: Stages
) -> list[Answer]:
    with stages.stage("loading model", model):
        bundle = _open(model)
    prompts = [
        bundle.codec.prompt(row.messages, _as_chat(row)) for row in rows for _ in range(how.samples)
    ]
    with stages.stage("writing completions", f"{len(prompts)} of {len(rows)} prompts"):
        found = generate(
            bundle,
            prompts,
            max_new_tokens=how.max_new_tokens,
            temperature=how.temperature,
            seed=how.seed,
            on_progress=lambda n, total: stages.progress("writing completions", n, total, "rows"),
        )
    repeated = [item for item in asked for _ in range(how.samples)]
    return [
        replace(item, completion=said.text, num_tokens=len(said.ids))
        for item, said in zip(repeated, found, strict=True)
    ]


def _as_chat(row: Prompt) -> Chat:
    return Chat(origin=row.origin, messages=row.messages, tools=row.tools)


def _open(model: str) -> Bundle:
    if (Path(model) / "resolved.yaml").is_file():
        return Run(Path(model)).bundle
    kind, _ = precision.choose(device_name())
    dtype = torch.bfloat16 if kind == "bfloat16" else torch.float32
    return open_model(model, dtype=dtype, device=device_name())


def _right_answers(grader: Grader, asked: Sequence[Answer]) -> list[Score]:
    """Scores of the right answers themselves: they should be high."""
    known = [replace(item, completion=item.reference) for item in asked if item.reference]
    counted = [] if _counts_tokens(grader) else known[:NUM_RIGHT]
    return grader.grade(counted)


def _counts_tokens(grader: Grader) -> bool:
    parts: list[Grader] = [part for part, _ in getattr(grader, "parts", ())]
    return getattr(grader.config, "unit", "") == "tokens" or any(map(_counts_tokens, parts))


def _document(
    grader: Grader,
    answers: Sequence[Answer],
    scores: Sequence[Score],
    right: Sequence[Score],
    *,
    rows: int,
) -> dict[str, Any]:
    found = review(answers, scores, bounds=grader.bounds())
    ordered = sorted(_pairs(answers, scores), key=lambda pair: pair[1].value)
    at = sorted({0, len(ordered) // 2, len(ordered) - 1})
    document = asdict(found) | {"rows": rows, "examples": [_line(*ordered[i]) for i in at]}
    if right:
        document["right_answers_mean"] = sum(score.value for score in right) / len(right)
    return document


def _pairs(answers: Sequence[Answer], scores: Sequence[Score]) -> list[tuple[Answer, Score]]:
    return list(zip(answers, scores, strict=True))


def _line(answer: Answer, score: Score) -> dict[str, Any]:
    line: dict[str, Any] = {
        "origin": answer.origin,
        "prompt": answer.prompt,
        "completion": answer.completion,
        "reference": answer.reference,
        "score": score.value,
    }
    return line | ({"problem": score.problem} if score.problem else {}) | dict(score.parts)
