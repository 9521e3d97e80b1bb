"""One file per task: what rows of one schema ask of a model."""

from luthier.core.errors import DataError
from luthier.core.registry import Registry
from luthier.data.rows import Row
from luthier.evaluation.tasks.contract import Reading, Task

tasks: Registry[type[Task]] = Registry("luthier.evaluation.tasks", word="task")


def task_of(row: Row) -> str:
    """Name of the task that such rows make.

    Raises: DataError: nothing is asked in them.
    """
    for name, kind in tasks.items():
        if kind.row is type(row):
            return name
    raise DataError(f"{row.origin}: rows of kind {type(row).__name__} cannot be evaluated")


__all__ = ["Reading", "Task", "task_of", "tasks"]
