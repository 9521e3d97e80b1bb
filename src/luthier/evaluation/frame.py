"""Reading off the rows what they are: the task, the targets, the classes."""

from __future__ import annotations

from collections.abc import Sequence

from luthier.core.errors import DataError
from luthier.data.rows import Chat, Labeled, Row, Text
from luthier.evaluation.outcome import Frame, Task
from luthier.evaluation.text import json_object, normalised

MAX_CLASSES = 60
MAX_CLASS_WORDS = 6
MIN_ROWS_PER_CLASS = 3


def task_of(row: Row) -> Task:
    """What is asked of the model in rows of this kind."""
    if isinstance(row, Chat):
        return "answer"
    if isinstance(row, Labeled):
        return "label"
    if isinstance(row, Text):
        return "read"
    raise DataError(f"{row.origin}: rows of kind {type(row).__name__} cannot be evaluated")


def target_of(row: Row) -> str:
    """The right answer to a row."""
    if isinstance(row, Chat):
        return row.answer()
    return row.label if isinstance(row, Labeled) else ""


def input_of(row: Row) -> str:
    """What the model is given, as one text (for TF-IDF and for showing)."""
    if isinstance(row, Chat):
        return "\n".join(turn.content for turn in row.prompt() if turn.role != "system")
    if isinstance(row, Labeled):
        return f"{row.text}\n{row.text_pair}".strip()
    return row.text if isinstance(row, Text) else ""


def frame_of(train: Sequence[Row], test: Sequence[Row], *, labels: Sequence[str] = ()) -> Frame:
    """What `test` is. Classes are `labels`, or found where targets are short and few in `train`.

    Raises: DataError: there are no test rows, or rows of several kinds.
    """
    if not test:
        raise DataError(
            "evaluation: there are no test rows. Give data.test, or raise data.test_share."
        )
    tasks: set[Task] = {task_of(row) for row in test}
    if len(tasks) > 1:
        raise DataError(f"evaluation: test rows of several kinds ({', '.join(sorted(tasks))})")
    task: Task = tasks.pop()
    targets = tuple(target_of(row) for row in test)
    is_json = task == "answer" and all(json_object(target) is not None for target in targets)
    if task == "answer" and not is_json:
        labels = _classes([target_of(row) for row in train])
    return Frame(task, targets, tuple(labels), is_json)


def frame_from(targets: Sequence[str], classes: Sequence[str], *, task: Task = "answer") -> Frame:
    """The frame of rows that were scored before, from their targets."""
    is_json = task == "answer" and all(json_object(target) is not None for target in targets)
    return Frame(task, tuple(targets), tuple(classes), is_json)


def _classes(targets: Sequence[str]) -> tuple[str, ...]:
    names = {normalised(target): target.strip() for target in reversed(targets)}
    is_few = 2 <= len(names) <= min(MAX_CLASSES, len(targets) // MIN_ROWS_PER_CLASS)
    is_short = all(len(name.split()) <= MAX_CLASS_WORDS for name in names)
    return tuple(names[key] for key in sorted(names)) if is_few and is_short else ()
