"""What "auto" means in the evaluation section, from the rows and the model, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luthier.data.rows import Chat, Row
from luthier.evaluation.frame import frame_of
from luthier.evaluation.outcome import Frame
from luthier.evaluation.tasks import tasks
from luthier.models.bundle import Codec
from luthier.recipe.schema import EvaluationSection

MAX_ANSWER = 384
MAX_SHOTS = 4


def settle(
    section: EvaluationSection,
    *,
    codec: Codec,
    train: Sequence[Row],
    test: Sequence[Row],
    labels: Sequence[str] = (),
) -> dict[str, tuple[Any, str]]:
    """Values for the settings that are "auto": name -> (value, reason). `arms` and `instruction`
    stay "auto": which arms can run is found out, and said, while they run."""
    frame = frame_of(train, test, labels=labels)
    found: dict[str, tuple[Any, str]] = {}
    if section.metric == "auto":
        found["metric"] = metric_for(frame)
    if section.max_new_tokens == "auto":
        found["max_new_tokens"] = answer_length(codec, train)
    if section.num_shots == "auto":
        shots = MAX_SHOTS if frame.task == "answer" else 0
        found["num_shots"] = (shots, "at most; as many as fit in half of the context")
    return found


def metric_for(frame: Frame) -> tuple[str, str]:
    """The metric of the verdict, and why it is that one."""
    return tasks.get(frame.task)().metric(frame)


def answer_length(codec: Codec, train: Sequence[Row]) -> tuple[int, str]:
    """Longest answer to allow, from the longest in training with a tenth to spare."""
    answers = sorted((row.answer() for row in train if isinstance(row, Chat)), key=len)
    if not answers:
        return 1, "nothing is generated for such rows"
    longest = max(
        len(codec.tokenizer(text, add_special_tokens=False)["input_ids"])  # type: ignore[arg-type]
        for text in answers[-32:]
    )
    wanted = longest + longest // 10 + 8
    if wanted > MAX_ANSWER:
        return MAX_ANSWER, f"the longest training answer has {longest} tokens; capped"
    return wanted, f"the longest training answer has {longest} tokens, and a tenth and 8 more"
