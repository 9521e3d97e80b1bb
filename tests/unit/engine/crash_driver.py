"""Not a test: trains in child processes that die at a chosen file operation, and reports.

Started by test_crash.py in a process of its own, because it forks: `crash_driver.py FOLDER FAULT`,
with FAULT "kill" (SIGKILL, half of a write done) or "full" (ENOSPC). Prints one JSON line per
operation: how the run ended, and whether the continued run equals the unbroken one.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tests.contracts.cases import Case, case

from luthier.core.errors import RunError
from luthier.core.events import Updated, Validated
from luthier.engine.fit import fit
from luthier.engine.optimizer import open_optimizer
from luthier.engine.resume import resume

OPERATIONS = ("write", "fsync", "replace", "mkdir", "unlink", "rmdir")
FULL_DISK = ("write", "fsync", "mkdir")
PLAN = {
    "epochs": 1,
    "max_steps": 2,
    "batch_size": 2,
    "save_every": 1,
    "evaluate_every": 1,
    "keep_checkpoints": 1,
    "learning_rate": 1e-3,
}
"""Two steps, each with a validation, best weights, a checkpoint, and the removal of older ones."""


def untrained() -> Case:
    """The training that is broken; built once, so that children start without building it."""
    return case("lora", "sft", settings={"dropout": 0.1})


def train(found: Case, folder: Path) -> dict[str, Any]:
    """Losses by step, and a hash over weights and optimizer state, of a run to its end."""
    losses: dict[str, float] = {}
    for event in fit(found.job(folder, **PLAN)):
        if isinstance(event, Updated | Validated):
            losses[f"{type(event).__name__} {event.step}"] = event.loss
    optimizer = open_optimizer(found.job(folder, **PLAN))
    resume(found.job(folder, **PLAN), optimizer)
    digest = hashlib.sha256()
    for name, tensor in sorted({**found.parameters(), **optimizer.state()}.items()):
        digest.update(name.encode() + tensor.detach().numpy().tobytes())
    return {"losses": losses, "hash": digest.hexdigest()}


def arm(at: int, fault: str, folder: Path) -> Callable[[], int]:
    """Make the `at`-th file operation below `folder` fail; returns a counter of operations."""
    count = [0]

    def wrapped(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            count[0] += 1
            if count[0] == at and fault == "kill":
                if name == "write":
                    piece = arguments[1]
                    original(arguments[0], piece[: len(piece) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            if count[0] == at and name in FULL_DISK:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
            return original(*arguments, **options)

        return call

    for name in OPERATIONS:
        setattr(os, name, wrapped(name, getattr(os, name)))
    return lambda: count[0]


def child(work: Callable[[], Any], answer: Path) -> int:
    """Exit status of `work` in a forked process; its result is written to `answer`."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        result = work()
        answer.write_text(json.dumps(result))
        os._exit(0)
    except RunError as error:
        answer.write_text(json.dumps(str(error)))
        os._exit(2)


def broken(found: Case, at: int, fault: str, folder: Path) -> int:
    """A run with a fault; the number of operations if it came to its end."""
    operations = arm(at, fault, folder)
    train(found, folder)
    return operations()


def main() -> None:
    """One line per operation until a run comes to its end without meeting the fault."""
    torch.set_num_threads(1)
    root, fault = Path(sys.argv[1]), sys.argv[2]
    answer = root / "answer.json"
    expected, at = train(untrained(), root / "whole"), 0
    found = untrained()
    while True:
        at += 1
        folder = root / f"run-{at}"
        status = child(lambda at=at, folder=folder: broken(found, at, fault, folder), answer)
        if status == 0 and json.loads(answer.read_text()) < at:
            break
        message = json.loads(answer.read_text()) if status == 2 else ""
        again = child(lambda folder=folder: train(found, folder), answer)
        ended = json.loads(answer.read_text()) if again == 0 else {"losses": {}, "hash": ""}
        same = all(expected["losses"][key] == value for key, value in ended["losses"].items())
        is_equal = again == 0 and same and ended["hash"] == expected["hash"]
        print(json.dumps([at, status, str(message), is_equal]), flush=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
