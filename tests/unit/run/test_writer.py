"""Events appended whole, documents whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.unit.run.made import updated

from luthier.core.errors import RunError
from luthier.core.events import Finished, Notice, Progress, Saved, Stage, Validated
from luthier.run.layout import Layout
from luthier.run.reader import open_run
from luthier.run.writer import RunWriter


def _lines(layout: Layout) -> list[dict[str, object]]:
    return [json.loads(line) for line in layout.metrics.read_text().splitlines()]


def test_each_event_is_one_line_with_its_kind(tmp_path: Path) -> None:
    with RunWriter(Layout(tmp_path)) as writer:
        writer.event(Stage("training", "10 rows"))
        writer(updated(1, loss=0.1 + 0.2))
    first, second = _lines(writer.layout)
    assert (first["event"], first["name"]) == ("stage", "training")
    assert (second["event"], second["loss"]) == ("updated", 0.1 + 0.2)  # every bit of a float


def test_a_saved_folder_is_named_from_the_run_directory_on(tmp_path: Path) -> None:
    with RunWriter(Layout(tmp_path)) as writer:
        writer.event(Saved(4, str(writer.layout.checkpoints / "step-000004"), 10, 0.1))
        writer.event(Saved(5, "elsewhere/step-000005", 10, 0.1))
    folders = [line["folder"] for line in _lines(writer.layout)]
    assert folders == ["checkpoints/step-000004", "elsewhere/step-000005"]


def test_progress_is_not_kept(tmp_path: Path) -> None:
    with RunWriter(Layout(tmp_path)) as writer:
        writer.event(Progress("evaluating", 1, 9))
    assert _lines(writer.layout) == []


def test_a_loss_that_is_not_finite_is_still_valid_json(tmp_path: Path) -> None:
    with RunWriter(Layout(tmp_path)) as writer:
        writer.event(updated(1, loss=float("nan")))
    assert _lines(writer.layout)[0]["loss"] is None


def test_rewinding_removes_what_happened_after_the_step_and_nothing_else(tmp_path: Path) -> None:
    with RunWriter(Layout(tmp_path)) as writer:
        for step in range(1, 7):
            writer.event(updated(step))
        writer.event(Saved(4, "step-000004", 10, 0.1))
        writer.event(Validated(6, 1.0, 9.0, True, True))
        writer.event(Notice("smaller micro-batch"))
        assert writer.rewind(4) == 3
        writer.event(updated(5))
    kinds = [(line["event"], line.get("step")) for line in _lines(writer.layout)]
    updates = [("updated", step) for step in (1, 2, 3, 4)]
    assert kinds == [*updates, ("saved", 4), ("notice", None), ("updated", 5)]


def test_rewinding_to_the_last_step_changes_nothing(tmp_path: Path) -> None:
    with RunWriter(Layout(tmp_path)) as writer:
        writer.event(updated(1))
        before = writer.layout.metrics.read_bytes()
        assert writer.rewind(1) == 0
    assert writer.layout.metrics.read_bytes() == before


def test_half_a_line_of_a_killed_writer_is_removed_on_opening(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"event": "stage", "name": "a"}\n{"event": "upd')
    with RunWriter(Layout(tmp_path)) as writer:
        writer.event(Stage("b"))
    assert [line["name"] for line in _lines(writer.layout)] == ["a", "b"]


def test_a_taken_over_lock_is_told(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from luthier.run.lock import Lock;"
        "Lock(Path(sys.argv[1])).acquire(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "run.lock")], check=False)
    with RunWriter(Layout(tmp_path)) as writer:
        assert "no longer alive" in writer.notice


def test_a_directory_that_is_a_file_gives_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(RunError, match=r"taken.*cannot be written.*--out"):
        RunWriter(Layout(tmp_path / "taken")).open()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into read-only folders")
def test_a_read_only_directory_gives_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(RunError, match=r"permission denied.*--out"):
            RunWriter(Layout(tmp_path)).open()
    finally:
        tmp_path.chmod(0o755)


def test_a_directory_nobody_can_write_to_gives_one_sentence() -> None:
    with pytest.raises(RunError, match="cannot be written"):
        RunWriter(Layout(Path("/proc/self/run"))).open()


def test_a_full_disk_gives_one_sentence_and_leaves_the_old_document(tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
from luthier.core.errors import RunError
from luthier.core.events import Finished, Stage
from luthier.run.layout import Layout
from luthier.run.writer import RunWriter
layout = Layout(Path(sys.argv[1]))
with RunWriter(layout) as writer:
    writer.write(layout.ledger, {"rows": 1})
    writer.event(Stage("first"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
    for action in (
        lambda: writer.write(layout.ledger, {"rows": "x" * 5000}),
        lambda: writer.event(Stage("x" * 5000)),
    ):
        try:
            action()
        except RunError as error:
            print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("cannot be written (file too large)") == 2
    assert json.loads((tmp_path / "ledger.json").read_text()) == {"rows": 1}
    assert [line["name"] for line in _lines(Layout(tmp_path))] == ["first"]
    assert not list(tmp_path.glob(".*tmp"))


def test_documents_are_written_by_their_suffix(tmp_path: Path) -> None:
    with RunWriter(Layout(tmp_path)) as writer:
        layout = writer.layout
        writer.write(layout.resolved, {"recipe": {"seed": 0}, "format_version": 1})
        writer.write(layout.predictions, [{"row": 0}, {"row": np.int64(1)}])
        writer.write(layout.ledger, {"n": np.float32(0.5), "bad": float("inf")})
        writer.write(layout.card, "# card")
    run = open_run(tmp_path)
    assert run.resolved == {"recipe": {"seed": 0}, "format_version": 1}
    assert run.predictions == [{"row": 0}, {"row": 1}]
    assert run.ledger == {"n": 0.5, "bad": None}
    assert layout.card.read_text() == "# card"


def test_half_a_character_in_a_text_does_not_break_the_file(tmp_path: Path) -> None:
    with RunWriter(Layout(tmp_path)) as writer:
        writer.write(writer.layout.resolved, {"format_version": 1})
        writer.write(writer.layout.samples, [{"text": "a\ud800b"}])
        writer.event(Notice("a\ud800b"))
    run = open_run(tmp_path)
    assert run.samples == [{"text": "a?b"}]
    assert run.metrics[0]["text"] == "a?b"


def test_a_logged_event_survives_a_kill_right_after_it(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from luthier.core.events import Stage
from luthier.run.layout import Layout
from luthier.run.writer import RunWriter
writer = RunWriter(Layout(Path(sys.argv[1]))).open()
writer.event(Stage("last words"))
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert [line["name"] for line in _lines(Layout(tmp_path))] == ["last words"]


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    writer = RunWriter(Layout(tmp_path)).open()
    writer.event(Finished(1, "epochs", 1, 0.5, 10))
    writer.close()
    writer.close()
    assert not (tmp_path / "run.lock").exists()


def test_a_folder_made_for_a_run_that_never_began_goes_with_it(tmp_path: Path) -> None:
    with RunWriter(Layout(tmp_path / "runs" / "run")):
        assert (tmp_path / "runs" / "run" / "run.lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_or_holds_something_stays(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with RunWriter(Layout(tmp_path / "empty")):
        pass
    with RunWriter(Layout(tmp_path / "told")) as writer:
        writer.event(Notice("hello"))
    assert (tmp_path / "empty").exists()
    assert [path.name for path in (tmp_path / "told").iterdir()] == ["metrics.jsonl"]
