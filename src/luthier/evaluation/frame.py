"""Reading off the rows what they are: the task, the targets, the classes."""

from __future__ import annotations

from collections.abc import Sequence

from luthier.core.errors import DataError
from luthier.data.rows import Row
from luthier.evaluation.outcome import Frame
from luthier.evaluation.tasks import task_of, tasks
from luthier.evaluation.text import json_object


def frame_of(train: Sequence[Row], test: Sequence[Row], *, labels: Sequence[str] = ()) -> Frame:
    """What `test` is. Classes are `labels`, or found where targets are short and few in `train`.

    Raises: DataError: there are no test rows, or rows of several kinds.
    """
    if not test:
        raise DataError(
            "evaluation: there are no test rows. Give data.test, or raise data.test_share."
        )
    names = {task_of(row) for row in test}
    if len(names) > 1:
        raise DataError(f"evaluation: test rows of several kinds ({', '.join(sorted(names))})")
    task = names.pop()
    targets = tuple(row.target() for row in test)
    is_json = task == "answer" and all(json_object(target) is not None for target in targets)
    classes = () if is_json else tasks.get(task)().classes(train, labels)
    return Frame(task, targets, classes, is_json, tuple(row.asked_with() for row in test))


def frame_from(
    targets: Sequence[str],
    classes: Sequence[str],
    *,
    task: str = "answer",
    groups: Sequence[str] = (),
) -> Frame:
    """The frame of rows that were scored before, from their targets and groups."""
    is_json = task == "answer" and all(json_object(target) is not None for target in targets)
    return Frame(task, tuple(targets), tuple(classes), is_json, tuple(groups))
