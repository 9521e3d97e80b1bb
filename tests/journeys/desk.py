"""A working directory as a user has one: a tiny model folder, a file of rows, the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import tiny
from tests.journeys import forked

QUICK = (
    "evaluation.max_new_tokens=6",
    "evaluation.retention=false",
    "evaluation.num_resamples=100",
    "training.batch_size=4",
)
"""Settings that keep a journey on a tiny model to a few seconds."""


@dataclass(frozen=True)
class Desk:
    """A folder with `model/` and `rows.jsonl`."""

    root: Path
    own_cache: Path | None = None
    """Luthier's cache folder, when it is not one at this desk."""

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def data(self) -> Path:
        return self.root / "rows.jsonl"

    @property
    def environment(self) -> dict[str, str]:
        """For processes at this desk."""
        return {
            **os.environ,
            "LUTHIER_CACHE": str(self.own_cache or self.root / "cache"),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
        }

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        """`luthier WORDS` as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "luthier", *map(str, words)],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def luthier(self, *words: str | Path) -> tuple[int, Any, str]:
        """Exit code, JSON document and messages of `luthier WORDS --json`."""
        asked = [*map(str, words), "--json"]
        code, output, messages = forked.luthier(
            asked, folder=self.root, environment=self.environment
        )
        return code, json.loads(output) if output.strip() else None, messages

    def losses(self, out: Path) -> list[tuple[int, float, float]]:
        """(step, loss, gradient norm) of every update that the run, which may go on, logged."""
        text = (out / "metrics.jsonl").read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]  # the line behind is being written
        events = [json.loads(line) for line in whole.splitlines()]
        return [
            (event["step"], event["loss"], event["gradient_norm"])
            for event in events
            if event["event"] == "updated"
        ]


def desk(root: Path, *, num_rows: int = 40) -> Desk:
    """A desk whose rows ask for a number and get it back as JSON."""
    tiny.folder(root / "model")
    (root / "cache").mkdir()  # LUTHIER_CACHE: there before any command, like a user's own
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Please write down the number {number} for me."},
                {"role": "assistant", "content": json.dumps({"number": number})},
            ]
        }
        for number in range(num_rows)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (root / "rows.jsonl").write_text(text, encoding="utf-8")
    return Desk(root)
