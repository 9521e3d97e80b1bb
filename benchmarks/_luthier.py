"""Running Luthier and listening to what it says about itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import common

from luthier.core.events import Event, Finished, Preflight, Updated
from luthier.engine.runtime import prepare


def write_rows(parts: dict[str, list[Any]], folder: Path) -> dict[str, str]:
    """The data section of a recipe: each part as a JSON Lines file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in part)
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    return {name: str(folder / f"{name}.jsonl") for name in parts}


def train(recipe: dict[str, Any], out: Path) -> dict[str, Any]:
    """Tokens, seconds, losses and memory of a training."""
    prepare()
    import luthier  # after the allocator is set

    updates: list[Updated] = []
    facts: dict[str, Any] = {}

    def listen(event: Event) -> None:
        if isinstance(event, Updated):
            updates.append(event)
        if isinstance(event, Preflight):
            facts["predicted_peak_bytes"] = event.peak_bytes
            facts["details"] = dict(event.details)
        if isinstance(event, Finished):
            facts["training_peak_bytes"] = event.peak_bytes
            facts["peak_bytes_after_training"] = common.peak_bytes()

    run = luthier.train(recipe, out=out, on_event=listen)
    return {
        "tokens": updates[-1].total_tokens,
        "seconds": updates[-1].seconds,
        "losses": [update.loss for update in updates],
        "arms": (run.evaluation or {}).get("arms", {}),
        **facts,
    }
