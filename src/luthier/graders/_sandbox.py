"""A user's Python file in a process of its own, which may compute and read, and nothing else.

What stands around it: a limit of time and memory for each completion, no environment, no network,
no children, no writes outside a folder that is thrown away. See `_child` and `_kernel` for how, and
docs/graders.md for what is not possible.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from luthier.core.errors import RecipeError

_CHILD = Path(__file__).with_name("_child.py")
_START_SECONDS = 15.0
"""To load a file, or the time of one completion where that is more."""
_GRACE_SECONDS = 1.0
"""A process that does not even take the signal of its own clock is ended after so much more."""
_FOLDER_BYTES = 256 << 20
_LOOK_SECONDS = 0.5
"""Between two looks at what a process writes."""
KERNEL_WALLS = ("landlock", "dropped capabilities", "seccomp")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one completion may take."""

    seconds: float
    memory_bytes: int


class Sandbox:
    """One process that grades completions one after another; started at the first."""

    def __init__(self, file: Path, function: str, limits: Limits) -> None:
        self.file, self.function, self.limits = file, function, limits
        self.walls: tuple[str, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._end = weakref.finalize(self, _nothing)
        self._rest = b""
        self._folder = ""

    def start(self) -> None:
        """Load the file.

        Raises: RecipeError: it cannot be read or loaded, or does at once what it must not.
        """
        if self._process is not None:
            return
        if not self.file.is_file():
            raise RecipeError(f"{self.file}: no such file; grader python.path names one")
        folder = tempfile.TemporaryDirectory(prefix="luthier-grader-")
        to_load = max(_START_SECONDS, self.limits.seconds)
        words = (self.file.resolve(), self.function, self.limits.seconds, self.limits.memory_bytes)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", _CHILD, *map(str, words), folder.name, str(to_load)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder.name,
            env={"TMPDIR": folder.name, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        self._folder = folder.name
        self._end = weakref.finalize(self, _end, self._process, folder)
        found = self._read(to_load + _GRACE_SECONDS)
        if problem := found.get("problem"):
            self.close()
            raise RecipeError(f"{self.file} {problem}")
        self.walls = tuple(found["walls"])

    def grade(self, completion: str, row: Mapping[str, Any], *, where: str) -> dict[str, Any]:
        """{"value"} or {"problem"} of one completion. Args: where: of the row, for messages.

        Raises: RecipeError: the grader does what it must not, or gives back no number.
        """
        self.start()
        assert self._process is not None
        assert self._process.stdin is not None
        line = json.dumps({"completion": completion, "row": row}, default=str) + "\n"
        try:
            self._process.stdin.write(line.encode("utf-8", "replace"))
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail("ended by itself", where)
        found = self._read(self.limits.seconds + _GRACE_SECONDS, where)
        if fatal := found.get("fatal"):
            self._fail(fatal, where)
        if wrong := found.get("wrong"):
            self.close()
            raise RecipeError(
                f"{self.file} {wrong}, while grading {where}.\n"
                "    More is better; a completion that cannot be scored is an error (raise one)"
            )
        return found

    def close(self) -> None:
        """End the process and throw its folder away."""
        self._end()
        self._process, self._rest = None, b""

    def _read(self, seconds: float, where: str = "") -> dict[str, Any]:
        """The next line of the process."""
        assert self._process is not None
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                self._wait(waiting, seconds, where)
                piece = os.read(self._process.stdout.fileno(), 65536)
                if not piece:
                    self._fail(self._how_it_ended(), where)
                self._rest += piece
        self._look(where)
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)

    def _wait(self, waiting: selectors.BaseSelector, seconds: float, where: str) -> None:
        """Nothing, once the process says something. It has so many seconds for it."""
        end = time.monotonic() + seconds
        while not waiting.select(min(max(end - time.monotonic(), 0.0), _LOOK_SECONDS)):
            self._look(where)
            if time.monotonic() >= end:
                self._fail(f"took more than {seconds:g} s", where)

    def _look(self, where: str) -> None:
        """End the process where its folder holds too much: it may lie in memory."""
        if _bytes_in(self._folder) > _FOLDER_BYTES:
            most = f"{_FOLDER_BYTES / (1 << 20):g} MB"
            self._fail(f"wrote more than {most} into its temporary folder", where)

    def _how_it_ended(self) -> str:
        assert self._process is not None
        code = self._process.wait()
        gib = self.limits.memory_bytes / (1 << 30)
        how = f"killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return f"{how} (its memory is limited to {gib:g} GiB)"

    def _fail(self, what: str, where: str) -> NoReturn:
        self.close()
        place = f" while grading {where}" if where else ""
        limits = f"{self.limits.seconds:g} s and {self.limits.memory_bytes / (1 << 20):g} MB"
        raise RecipeError(
            f"{self.file} {what}{place}. Nothing was kept of it.\n"
            f"    A grader may compute and read, for {limits} per completion: no network, no other "
            "processes, no writes but to its temporary folder. Change the file, or raise "
            "grader.seconds or grader.memory_mb"
        )


def _end(process: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
    process.kill()
    process.communicate()
    folder.cleanup()


def _bytes_in(folder: str) -> int:
    """What the files in a folder take, which change meanwhile."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(place, name).lstat().st_blocks * 512
    return total


def _nothing() -> None:
    """Nothing was started."""
