"""No room for a file: said once, before anything is trained, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.journeys.desk import QUICK, desk

BLOCKS = 16
"""Largest file in KiB; the operating system refuses the next byte, as a full disk does."""


def test_a_save_that_does_not_fit_is_refused_before_step_1_and_continued_later(
    tmp_path: Path,
) -> None:
    place = desk(tmp_path)
    out = place.root / "run"
    words = ["train", place.data, "--model", place.model, "--out", out, *QUICK]
    words = [*map(str, words), "training.max_steps=4"]
    limited = f"trap '' XFSZ; ulimit -f {BLOCKS}; exec \"$@\""
    done = subprocess.run(
        ["bash", "-c", limited, "bash", sys.executable, "-B", "-m", "luthier", *words, "--json"],
        cwd=place.root,
        env=place.environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "languages cannot be told" in done.stderr  # and does not stop a training
    assert "the trial save failed (File too large)" in done.stderr
    assert not (out / "adapter").exists()
    assert not list((out / "checkpoints").glob("step*"))

    code, document, said = place.luthier(*words)
    assert code in (0, 1), said
    assert document["run"] == str(out)
    assert len(place.losses(out)) == 4
    assert json.loads((out / "evaluation.json").read_text())["verdict"]
