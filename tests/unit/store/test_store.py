"""A folder of runs: listed, found, compared, pruned."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from luthier.core.errors import RunError
from luthier.store import diff, find, list_runs, prune


def _make(
    root: Path, folder: str, *, age_days: float = 0, state: str = "done", rank: int = 16
) -> Path:
    run = root / folder
    run.mkdir(parents=True)
    updated = (datetime.now(UTC) - timedelta(days=age_days)).isoformat(timespec="seconds")
    summary = {"format_version": 1, "name": "tickets", "state": state, "updated": updated}
    (run / "summary.json").write_text(json.dumps({**summary, "train_loss": 1 / rank}))
    (run / "metrics.jsonl").write_text("")
    (run / "resolved.yaml").write_text(f"recipe: {{seed: 0, tuner: {{rank: {rank}}}}}\n")
    arms = {"tuned": {"accuracy": {"value": rank / 100}}}
    (run / "evaluation.json").write_text(json.dumps({"arms": arms}))
    return run


def _names(found: list[object]) -> list[str]:
    return [getattr(item, "entry", item).path.name for item in found]  # type: ignore[attr-defined]


def test_runs_are_listed_newest_first(tmp_path: Path) -> None:
    for folder, age in (("a", 3), ("b", 1), ("c", 2)):
        _make(tmp_path, folder, age_days=age)
    assert _names(list(list_runs(tmp_path))) == ["b", "c", "a"]


def test_other_folders_and_files_are_not_runs(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "summary.json").write_text("{}")
    (tmp_path / "file").write_text("")
    assert list_runs(tmp_path) == []


def test_a_folder_that_is_not_there_has_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "runs") == []


def test_a_broken_summary_is_listed_as_unreadable(tmp_path: Path) -> None:
    run = _make(tmp_path, "a")
    (run / "summary.json").write_text("{half")
    (entry,) = list_runs(tmp_path)
    assert entry.state == "unreadable"
    assert entry.document()["problem"]


def test_a_run_is_found_by_folder_start_path_and_latest(tmp_path: Path) -> None:
    old, new = _make(tmp_path, "2026-a", age_days=2), _make(tmp_path, "2027-b")
    assert find(tmp_path, "2026-a").path == old
    assert find(tmp_path, "2027").path == new
    assert find(tmp_path, str(old)).path == old
    assert find(tmp_path, "latest").path == new


def test_a_name_that_means_several_runs_is_refused(tmp_path: Path) -> None:
    _make(tmp_path, "a"), _make(tmp_path, "b")
    with pytest.raises(RunError, match=r"means several: (a, b|b, a)\. Give the folder"):
        find(tmp_path, "tickets")


def test_an_unknown_run_is_answered_with_the_nearest(tmp_path: Path) -> None:
    _make(tmp_path, "support-tickets")
    with pytest.raises(RunError, match="did you mean 'support-tickets'"):
        find(tmp_path, "suport-tickets")
    with pytest.raises(RunError, match="there are no runs"):
        find(tmp_path / "none", "x")


def test_a_difference_names_recipe_values_and_figures(tmp_path: Path) -> None:
    a, b = _make(tmp_path, "a", rank=8), _make(tmp_path, "b", rank=16)
    assert diff(a, b) == {
        "recipe": {"tuner.rank": [8, 16]},
        "figures": {"train_loss": [1 / 8, 1 / 16]},
        "metrics": {"accuracy": [0.08, 0.16]},
    }


def test_a_run_without_a_recipe_cannot_be_compared(tmp_path: Path) -> None:
    a, b = _make(tmp_path, "a"), _make(tmp_path, "b")
    (b / "resolved.yaml").unlink()
    with pytest.raises(RunError, match=r"b: has no resolved\.yaml"):
        diff(a, b)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("summary.json", b"[1]"),
        ("summary.json", b"\xff"),
        ("resolved.yaml", b"\x9d\xff"),
        ("resolved.yaml", b"just words"),
        ("evaluation.json", b'{"arms": 3}'),
        ("evaluation.json", b'{"arms": {"tuned": 5}}'),
        ("evaluation.json", b'{"arms": {"tuned": {"accuracy": {}}}}'),
    ],
)
def test_a_damaged_document_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    a, b = _make(tmp_path, "a"), _make(tmp_path, "b")
    (b / name).write_bytes(content)
    with pytest.raises(RunError, match=f"b/{name}"):
        diff(a, b)


def test_pruning_needs_to_be_told_what_goes(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="--keep N, --older DAYS or --failed"):
        prune(tmp_path)


def test_a_dry_run_deletes_nothing(tmp_path: Path) -> None:
    _make(tmp_path, "a")
    assert _names(list(prune(tmp_path, keep=0))) == ["a"]
    assert (tmp_path / "a").is_dir()


def test_the_newest_runs_are_kept(tmp_path: Path) -> None:
    for folder, age in (("a", 3), ("b", 1), ("c", 2)):
        _make(tmp_path, folder, age_days=age)
    gone = prune(tmp_path, keep=1, dry_run=False)
    assert _names(list(gone)) == ["c", "a"]
    assert gone[0].bytes > 0
    assert _names(list(list_runs(tmp_path))) == ["b"]


def test_old_and_failed_runs_go_and_others_stay(tmp_path: Path) -> None:
    _make(tmp_path, "old", age_days=40)
    _make(tmp_path, "failed", state="failed")
    _make(tmp_path, "interrupted", state="interrupted")
    prune(tmp_path, older_days=30, failed=True, dry_run=False)
    assert _names(list(list_runs(tmp_path))) == ["interrupted"]


def test_a_run_that_was_stopped_before_it_began_cannot_be_continued_and_goes(
    tmp_path: Path,
) -> None:
    (_make(tmp_path, "stopped", state="interrupted") / "resolved.yaml").unlink()
    (_make(tmp_path, "done") / "resolved.yaml").unlink()
    prune(tmp_path, failed=True, dry_run=False)
    assert _names(list(list_runs(tmp_path))) == ["done"]


def test_a_run_that_is_being_written_stays(tmp_path: Path) -> None:
    run = _make(tmp_path, "a")
    (run / "run.lock").write_text("")
    assert prune(tmp_path, keep=0) == []
    assert len(prune(tmp_path, keep=0, is_busy=lambda _: False)) == 1


def test_a_link_to_a_run_elsewhere_is_never_deleted(tmp_path: Path) -> None:
    outside = _make(tmp_path / "outside", "a")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "link").symlink_to(outside)
    assert prune(tmp_path / "runs", keep=0, dry_run=False) == []
    assert outside.is_dir()
