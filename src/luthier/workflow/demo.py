"""The demo: a support desk's messages, a small model, and the evidence, on any machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from luthier.demo import classify_file, support_file
from luthier.recipe.load import read
from luthier.workflow.run import Run
from luthier.workflow.stages import Listener, silent
from luthier.workflow.train import train


def demo(kind: Literal["chat", "classify"], *, out: Path, on_event: Listener = silent) -> Run:
    """The finished demo run in `out`."""
    recipe, origins = read(recipe_of(kind), name="demo")
    return train(recipe, origins, out=out, on_event=on_event)


def recipe_of(kind: Literal["chat", "classify"]) -> dict[str, Any]:
    """The demo's whole request; everything left out is chosen as for any user."""
    if kind == "classify":
        return {
            "name": "demo-classify",
            "model": "minilm-l6",
            # a tenth, 49 rows, could show differences of 19 points and more only
            "data": {"train": str(classify_file()), "test_share": 0.3},
            "objective": "classify",
        }
    return {
        "name": "demo",
        "model": "smollm2-135m",
        "data": {"train": str(support_file())},
    }
