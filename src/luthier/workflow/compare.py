"""Two runs on the same test rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from luthier.evaluation.compare import compare
from luthier.workflow.run import Run


def compare_runs(a: Path, b: Path) -> dict[str, Any]:
    """Paired difference of the tuned arms of two runs, B minus A, with interval and words.

    Raises: RunError: a run is not evaluated, or the runs were tested on different rows.
    """
    return compare(Run(a).files, Run(b).files)
