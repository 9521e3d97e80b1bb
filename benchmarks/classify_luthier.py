"""Luthier on a sequence classifier: all weights."""

from __future__ import annotations

from pathlib import Path

import common
from _luthier import train, write_rows


def main() -> None:
    """Train on the rows and print one line."""
    given = common.arguments(__doc__ or "")
    data = common.rows(given.rows)
    folder = Path(given.out)
    files = write_rows({"train": data["train"], "test": data["held_out"]}, folder)
    recipe = {
        "model": given.model,
        # scored on all held-out rows, as the rival is; nothing is chosen by validation here
        "data": {**files, "validation_share": 0, "on_duplicate": "keep"},
        "objective": "classify",
        "tuner": "full",
        "training": {
            "epochs": common.CLASSIFY_EPOCHS,
            "learning_rate": common.CLASSIFY_LEARNING_RATE,
            "batch_size": common.CLASSIFY_BATCH_SIZE,
            "warmup_ratio": common.WARMUP,
            "precision": given.precision,
            "save_every": 0,
            "evaluate_every": 0,
        },
        "evaluation": {"arms": ["base", "tuned"], "retention": False},
    }
    facts = train(recipe, folder / "run")
    accuracy = facts["arms"].get("tuned", {}).get("accuracy", {}).get("value")
    samples = len(data["train"]) * common.CLASSIFY_EPOCHS
    common.report(system="luthier", samples=samples, accuracy=accuracy, **facts)


if __name__ == "__main__":
    main()
