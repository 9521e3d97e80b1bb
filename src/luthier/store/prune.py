"""Deleting runs nobody needs; nothing outside a run directory is ever touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from luthier.core.errors import RunError
from luthier.store.index import Entry, list_runs

UNFINISHED = ("failed", "planned", "unreadable")
PLAN = "resolved.yaml"
"""Without it a run stopped before its first step, and cannot be continued."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """One run that went (or would go), why, and the bytes it gave back."""

    entry: Entry
    why: str
    bytes: int


def _has_lock(folder: Path) -> bool:
    return (folder / "run.lock").exists()


def prune(
    root: Path,
    *,
    keep: int | None = None,
    older_days: float | None = None,
    failed: bool = False,
    dry_run: bool = True,
    is_busy: Callable[[Path], bool] = _has_lock,
) -> list[Pruned]:
    """Runs to delete, deleted unless `dry_run`; a run that is being written to always stays.

    Args: keep: so many newest runs stay; older_days: runs not changed for so long go; failed: runs
        that failed or never began go. A run goes when any of those given names it.
    Raises: RunError: none of the three was given, or a run could not be deleted.
    """
    if keep is None and older_days is None and not failed:
        raise RunError("prune: say which runs go: --keep N, --older DAYS or --failed")
    found: list[Pruned] = []
    for place, entry in enumerate(list_runs(root)):
        why = _why(entry, place, keep, older_days, failed=failed)
        if why and not entry.path.is_symlink() and not is_busy(entry.path):
            found.append(Pruned(entry, why, _size(entry.path)))
    if not dry_run:
        for item in found:
            _delete(item.entry.path)
    return found


def _why(
    entry: Entry, place: int, keep: int | None, older_days: float | None, *, failed: bool
) -> str:
    if keep is not None and place >= keep:
        return f"not among the newest {keep}"
    if older_days is not None and _age_days(entry) > older_days:
        return f"unchanged for {_age_days(entry):.0f} days"
    if failed and entry.state in UNFINISHED:
        return entry.state
    if failed and entry.state == "interrupted" and not (entry.path / PLAN).exists():
        return "interrupted before it began"
    return ""


def _age_days(entry: Entry) -> float:
    try:
        changed = datetime.fromisoformat(entry.updated)
    except ValueError:
        changed = datetime.fromtimestamp(entry.path.stat().st_mtime, UTC)
    if changed.tzinfo is None:
        changed = changed.replace(tzinfo=UTC)
    return (datetime.now(UTC) - changed) / timedelta(days=1)


def _size(folder: Path) -> int:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sum(path.stat().st_size for path in files)


def _delete(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise RunError(f"run {folder}: cannot be deleted ({error.strerror}).") from error
