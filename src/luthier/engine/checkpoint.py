"""Checkpoints: folders that are wholly there and proved, or not there at all.

Written to a temporary folder, every file synced, a manifest with sizes and SHA-256 synced last,
then renamed, and the parent synced. Readers trust only a folder whose manifest agrees with every
file. safetensors and JSON only.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from luthier.core import files
from luthier.core.errors import RunError
from luthier.engine._tensorfile import write_tensors
from luthier.engine.job import Job

FORMAT_VERSION = 1
MANIFEST, STATE = "manifest.json", "state.json"
WEIGHTS, OPTIMIZER = "weights.safetensors", "optimizer.safetensors"
STEP, BEST, TEMPORARY = "step-", "best-", ".writing-"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder whose manifest was verified."""

    folder: Path
    step: int
    state: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def is_best(self) -> bool:
        """Whether it holds best weights, and no more."""
        return self.folder.name.startswith(BEST)

    def tensors(self, name: str) -> dict[str, Tensor]:
        """Tensors of one of its files, on the CPU; empty when it has no such file."""
        path = self.folder / name
        return load_file(path) if path.exists() else {}


def write(
    folder: Path, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]
) -> int:
    """Make `folder` a checkpoint; bytes written.

    Args: tensors: file name -> tensors by name.
    Raises: OSError: disk full or not writable; nothing is left behind.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f"{TEMPORARY}{folder.name}-{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        entries = {}
        for name, content in tensors.items():
            digest, size = write_tensors(temporary / name, content)
            entries[name] = {"sha256": digest, "bytes": size}
        files.write_json(temporary / STATE, dict(state))
        entries[STATE] = _entry(temporary / STATE)
        manifest = {"format_version": FORMAT_VERSION, "step": step, "files": entries}
        files.write_json(temporary / MANIFEST, manifest)
        remove(folder)
        temporary.replace(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    files.fsync_folder(folder.parent)
    return sum(int(entry["bytes"]) for entry in entries.values())


def verify(folder: Path) -> Checkpoint:
    """The checkpoint in `folder`, every byte of it checked.

    Raises: RunError: what is wrong with it.
    """
    try:
        manifest = files.read_json(folder / MANIFEST)
        entries = dict(manifest["files"])
        if manifest["format_version"] != FORMAT_VERSION:
            raise RunError(f"{folder.name}: unknown format {manifest['format_version']}")
        for name, entry in entries.items():
            if _entry(folder / name) != entry:
                raise RunError(f"{folder.name}: {name} differs from its manifest")
        return Checkpoint(folder, int(manifest["step"]), files.read_json(folder / STATE))
    except (OSError, json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{folder.name}: no usable manifest ({error})") from None


def latest(checkpoints: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint that can be trusted, and what was wrong with newer ones."""
    return _newest(checkpoints, STEP)


def latest_step(checkpoints: Path) -> int:
    """Step that a run would be continued from; 0 for none."""
    found, _ = latest(checkpoints)
    return found.step if found else 0


def standing(checkpoints: Path) -> list[str]:
    """Names of the checkpoints that can be trusted: the newest and the best, as far as there."""
    found = (latest(checkpoints)[0], best(checkpoints)[0])
    return [each.folder.name for each in found if each is not None]


def best(checkpoints: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest best checkpoint that can be trusted, and what was wrong with newer ones."""
    return _newest(checkpoints, BEST)


def load_best(job: Job) -> tuple[Checkpoint, list[str]]:
    """Put the weights with the best validation loss into the model, or else the latest.

    Returns: what was loaded, and warnings: it should have been another one.
    Raises: RunError: there is no checkpoint to trust.
    """
    newest, _ = latest(job.checkpoints)
    found, problems = best(job.checkpoints)
    wanted = newest.state["progress"]["best_step"] if newest else -1
    if found is None or (newest is not None and found.step < newest.step == wanted):
        found = newest  # a whole state holds the same weights
    if found is None:
        raise RunError(f"{job.checkpoints}: no checkpoint to load. Train first: luthier train")
    job.tuner.restore(job.bundle.model, found.tensors(WEIGHTS))
    if found.step == wanted or not (problems or wanted >= 0):
        return found, []
    known = f" (step {wanted})" if wanted >= 0 else ""
    what = "; ".join(problems) or "they are gone"
    return found, [
        f"the weights with the best validation loss{known} cannot be used: {what}. Those of "
        f"{found.folder.name} are used instead."
    ]


def step_folder(checkpoints: Path, step: int) -> Path:
    """Where the checkpoint of a step goes."""
    return checkpoints / f"{STEP}{step:06d}"


def best_folder(checkpoints: Path, step: int) -> Path:
    """Where the weights of a best step go."""
    return checkpoints / f"{BEST}{step:06d}"


def prune(checkpoints: Path, keep: int) -> None:
    """Remove all but the newest `keep` steps, and best weights that no kept step refers to."""
    for folder in _folders(checkpoints, STEP)[:-keep]:
        remove(folder)
    prune_best(checkpoints)


def prune_best(checkpoints: Path) -> None:
    """Remove best weights that no step refers to, but for the newest: that is the best so far."""
    wanted = {_best_known_to(folder) for folder in _folders(checkpoints, STEP)}
    if None in wanted:
        return  # what a damaged step refers to is not known
    for folder in _folders(checkpoints, BEST)[:-1]:
        if _step_of(folder) not in wanted:
            remove(folder)


def clear_after(checkpoints: Path, step: int) -> None:
    """Remove what a process left half done, and what lies beyond `step`: it will happen again."""
    if not checkpoints.exists():
        return
    for folder in checkpoints.glob(f"{TEMPORARY}*"):
        shutil.rmtree(folder)
    for folder in _folders(checkpoints, STEP) + _folders(checkpoints, BEST):
        if _step_of(folder) > step:
            remove(folder)


def remove(folder: Path) -> None:
    """Delete a checkpoint, its manifest first: half a checkpoint is never mistaken for one."""
    if folder.exists():
        (folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder)


def _newest(checkpoints: Path, prefix: str) -> tuple[Checkpoint | None, list[str]]:
    problems: list[str] = []
    for folder in reversed(_folders(checkpoints, prefix)):
        try:
            return verify(folder), problems
        except RunError as error:
            problems.append(str(error))
    return None, problems


def _folders(checkpoints: Path, prefix: str) -> list[Path]:
    found = [path for path in checkpoints.glob(f"{prefix}*") if path.is_dir()]
    return sorted((path for path in found if _step_of(path) >= 0), key=_step_of)


def _best_known_to(folder: Path) -> int | None:
    """The best step when `folder` was saved, -1 for none; None when it cannot be read."""
    try:
        return int(files.read_json(folder / STATE)["progress"]["best_step"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _step_of(folder: Path) -> int:
    text = folder.name.rpartition("-")[2]
    return int(text) if text.isdigit() else -1


def _entry(path: Path) -> dict[str, Any]:
    return {"sha256": files.sha256(path), "bytes": path.stat().st_size}
