"""Luthier: from a pre-trained model and a file of examples to a specialised model, proven better.

Example:
    run = luthier.train({"model": "minilm-l6", "data": {"train": "reviews.csv"}})
    run.evaluation["verdict"]["outcome"]
    run.predict([{"text": "Where is my order?"}])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from luthier.core.errors import LuthierError
    from luthier.workflow.api import open_run, train
    from luthier.workflow.run import Run

__all__ = ["LuthierError", "Run", "open_run", "train"]

_HOMES = {
    "LuthierError": "luthier.core.errors",
    "Run": "luthier.workflow.run",
    "open_run": "luthier.workflow.api",
    "train": "luthier.workflow.api",
}


def __getattr__(name: str) -> Any:
    # the command line imports this package too, and must answer --help without loading torch
    if name not in _HOMES:
        raise AttributeError(f"module 'luthier' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
