"""A folder that is either wholly there or not there at all."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil

from luthier.core.errors import RunError
from luthier.core.files import fsync_folder
from luthier.export._manifest import MANIFEST


@contextmanager
def staged(folder: Path) -> Generator[Path]:
    """An empty folder beside `folder`, renamed to it at the end, or removed after an error.

    An earlier export in `folder` is replaced.
    Raises: RunError: as `check`.
    """
    stage = _opened(folder)
    try:
        yield stage
        _put(stage, folder)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def check(folder: Path) -> None:
    """Nothing, where an export can be put into `folder`; to ask before anything is computed.

    Raises: RunError: it holds something else, or nothing can be written there.
    """
    shutil.rmtree(_opened(folder), ignore_errors=True)


def _opened(folder: Path) -> Path:
    """The empty folder beside it."""
    _clear_up(folder)
    _refuse_foreign(folder)
    stage = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(stage, ignore_errors=True)
    try:
        stage.mkdir(parents=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RunError(
            f"{folder}: cannot be written ({reason}). Choose another folder with --out"
        ) from None
    return stage


def _refuse_foreign(folder: Path) -> None:
    if folder.is_dir() and (not any(folder.iterdir()) or (folder / MANIFEST).is_file()):
        return
    if folder.exists():
        raise RunError(
            f"{folder}: is there already and is not an export (no {MANIFEST} in it). "
            "Choose another folder with --out, or remove it."
        )


def _put(stage: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old)
    try:
        stage.rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
    fsync_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _clear_up(folder: Path) -> None:
    """Finish what a killed process left beside `folder`: its old content comes back if need be."""
    name = glob.escape(folder.name)
    for old in folder.parent.glob(f".{name}.*.old"):
        if not folder.exists():
            old.rename(folder)
    for left in [*folder.parent.glob(f".{name}.*.old"), *folder.parent.glob(f".{name}.*.tmp")]:
        pid = left.name.split(".")[-2]
        if left.is_dir() and pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
