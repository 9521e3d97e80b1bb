"""Luthier as a user runs it, without anything but training asked for.

--variant general: the path for any architecture; checkpointing: activations formed again.
"""

from __future__ import annotations

import json
from pathlib import Path

import common
from _luthier import train, write_rows

VARIANTS: dict[str, dict[str, object]] = {
    "": {},
    "general": {"path": "general"},
    "checkpointing": {"gradient_checkpointing": True},
}


def main() -> None:
    """Train on the rows and print one line."""
    given = common.arguments(__doc__ or "")
    data = common.rows(given.rows)
    folder = Path(given.out)
    held_out = data["held_out"]
    half = max(1, len(held_out) // 2)
    parts = {"train": data["train"], "validation": held_out[:half], "test": held_out[half:]}
    recipe = {
        "model": given.model,
        "data": {**write_rows(parts, folder), "on_duplicate": "keep"},
        "objective": "sft",
        "tuner": {"name": "lora", "rank": common.RANK, "alpha": common.ALPHA},
        "training": {
            "epochs": 1,
            "learning_rate": common.LEARNING_RATE,
            "batch_size": common.BATCH_SIZE,
            "max_length": common.MAX_LENGTH,
            "warmup_ratio": common.WARMUP,
            "precision": given.precision,
            "save_every": 0,
            "evaluate_every": 0,
            **VARIANTS[given.variant],
        },
        "evaluation": {"arms": ["base", "tuned"], "max_rows": 2, "retention": False},
    }
    facts = train(recipe, folder / "run")
    adapter = folder / "run" / "adapter"
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["r"] == common.RANK
    common.report(system=f"luthier {given.variant}".strip(), adapter=str(adapter), **facts)


if __name__ == "__main__":
    main()
