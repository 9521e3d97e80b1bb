"""The other side of `_sandbox`: runs a user's grader behind walls. Standard library only.

Started as a script: _child.py FILE FUNCTION SECONDS MEMORY FOLDER SECONDS_TO_LOAD. Rows come as
JSON lines, and answers leave the same way. What the grader must not do is refused twice: by an
audit hook, which can say where in the file it happened, and by the kernel, which cannot be talked
round.
"""

from __future__ import annotations

import fcntl
import importlib.util
import inspect
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

_CHANGING = "remove rename rmdir mkdir chmod chown link symlink truncate utime setxattr removexattr"
_CHANGES = frozenset(f"os.{name}" for name in _CHANGING.split())
_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn",
           "os.spawn", "pty.spawn", "os.kill", "os.killpg", "signal.pthread_kill")  # fmt: skip
_SIGNALLED = {
    "fcntl.fcntl": (fcntl.F_SETOWN, getattr(fcntl, "F_SETSIG", -1), 15),
    "fcntl.ioctl": (0x8901, 0x8902),
}
"""Commands by which the kernel signals others when a file is ready, as in `_kernel`."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FILE_BYTES = 64 << 20
_OPEN_FILES = 64
"""Pipes and files that were removed hold memory and disk while they are open."""
_MESSAGE = 500


class Refused(BaseException):
    """Not an Exception: a grader's own `except Exception` does not swallow it."""


class TooSlow(BaseException):
    """The time of one completion is over."""


class Walls:
    """What the grader did that it must not; the first thing is kept, even where it is caught."""

    def __init__(self, file: str, folder: str) -> None:
        self.file, self.folder = file, os.path.realpath(folder) + os.sep
        self.broken = ""

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        deed = self._deed(event, args)
        if deed:
            self.broken = self.broken or f"line {self.line(inspect.currentframe())}: {deed}"
            raise Refused(deed)

    def line(self, frame: FrameType | None) -> int:
        """Line of the user's file that is being carried out; 0 outside it."""
        while frame is not None:
            if frame.f_code.co_filename == self.file:
                return frame.f_lineno
            frame = frame.f_back
        return 0

    def _deed(self, event: str, args: tuple[Any, ...]) -> str:
        if event.startswith("socket."):
            return "opens a network connection" if self._is_outward(event) else ""
        if event.startswith(_STARTS) or (args[1:2] and args[1] in _SIGNALLED.get(event, ())):
            return "starts or signals another process"
        if event == "open" and _is_of_another_process(args[0]):
            return f"reads {_name(args[0])}"
        if event == "open" and _is_writing(args) and not self._is_own(args[0]):
            return f"writes to {_name(args[0])}"
        if event in _CHANGES and not all(self._is_own(path) for path in _paths(event, args)):
            return f"changes {_name(args[0])}"
        return ""

    def _is_outward(self, event: str) -> bool:
        return event not in ("socket.gethostname", "socket.__init__")

    def _is_own(self, path: Any) -> bool:
        if isinstance(path, int):
            return True  # a file that is open already
        name = _name(path)
        return name == os.devnull or os.path.realpath(name).startswith(self.folder)


def _paths(event: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return args[:2] if event in ("os.rename", "os.link", "os.symlink") else args[:1]


def _is_writing(args: tuple[Any, ...]) -> bool:
    mode, flags = args[1], args[2]
    by_mode = isinstance(mode, str) and any(mark in mode for mark in "wax+")
    return by_mode or (isinstance(flags, int) and bool(flags & _WRITING))


def _is_of_another_process(path: Any) -> bool:
    """Whether the environment or memory of a process is meant."""
    parts = Path(os.path.normpath(_name(path))).parts
    if parts[:2] != ("/", "proc") or parts[-1] not in ("environ", "mem") or len(parts) < 4:
        return False
    return parts[2] not in (str(os.getpid()), "self", "thread-self")


def _name(path: Any) -> str:
    return os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else str(path)


def main(
    file: str, function: str, seconds: float, memory: int, folder: str, to_load: float
) -> None:
    """Answer rows until the other side closes the pipe."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", closefd=True)
    rows = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what the grader prints must not be read as an answer

    def tell(**document: Any) -> None:
        answers.write(json.dumps(document) + "\n")
        answers.flush()

    walls = Walls(file, folder)
    built = _close_walls(memory, folder)
    sys.addaudithook(walls.hook)
    signal.signal(signal.SIGALRM, _too_slow)
    grade, problem = _load(walls, file, function, to_load)
    tell(walls=built, problem=problem)
    if problem or grade is None:
        return
    for text in rows:
        row = json.loads(text)
        tell(**_answer(walls, grade, row, seconds))


def _answer(walls: Walls, grade: Callable[..., Any], row: Any, seconds: float) -> dict[str, Any]:
    def graded() -> dict[str, Any]:
        return _number(grade(row["completion"], row["row"]))

    found, problem, fatal = _run(walls, graded, seconds)
    if problem:
        return {"fatal": problem} if fatal else {"problem": problem}
    return found


def _number(value: Any) -> dict[str, Any]:
    """What a grader gave back as a number, in words where it is none. Its own code may run."""
    if isinstance(value, bool | int | float) or hasattr(value, "__float__"):
        with suppress(TypeError, ValueError, OverflowError):  # several numbers, or one too large
            return {"value": repr(float(value))}
    try:
        shown = f"{value!r:.60}"
    except Exception:  # too long to be written out, or its own `__repr__` fails
        shown = f"a value of type {type(value).__name__}"
    return {"wrong": f"returned {shown}, expected a number"}


def _load(
    walls: Walls, file: str, function: str, seconds: float
) -> tuple[Callable[..., Any] | None, str]:
    module, execute = _module(file)
    late = " to load. Raise grader.seconds, or do less of it before the first completion"
    _, problem, _ = _run(walls, execute, seconds, late=late)
    if problem:
        return None, problem
    found = getattr(module, function, None)
    if not callable(found):
        names = [name for name, value in vars(module).items() if callable(value)]
        own = ", ".join(name for name in names if not name.startswith("_")) or "none"
        return None, f"has no function '{function}' (functions in it: {own})"
    return found, _how_it_cannot_be_called(found, function)


def _how_it_cannot_be_called(grade: Callable[..., Any], name: str) -> str:
    """What is wrong with the parameters of a grader; an empty string where nothing is."""
    try:
        signature = inspect.signature(grade)
    except ValueError:  # written in C: only a call shows it
        return ""
    try:
        signature.bind("", {})
    except TypeError:
        line = getattr(getattr(grade, "__code__", None), "co_firstlineno", "?")
        return f"line {line}: got {name}{signature}, expected {name}(completion, row)"
    return ""


def _module(file: str) -> tuple[Any, Callable[[], None]]:
    """The module of a file, still empty, and what fills it."""
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    assert spec is not None
    assert spec.loader is not None
    module, loader = importlib.util.module_from_spec(spec), spec.loader
    return module, lambda: loader.exec_module(module)


def _run(
    walls: Walls, work: Callable[[], Any], seconds: float, *, late: str = ""
) -> tuple[Any, str, bool]:
    """(value, what went wrong, whether the grader cannot be used any more). Args: late: said behind
    the time that was not enough."""
    value: Any = None
    problem, fatal = "", True
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        value, problem, fatal = _tried(walls, work)
    except Refused:
        pass  # told by `walls`
    except TooSlow as slow:
        problem = f"line {slow.args[0] or '?'}: took more than {seconds:g} s{late}"
        problem = problem.replace("line ?: ", "")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if walls.broken:
        return None, walls.broken, True
    return value, problem, fatal


def _tried(walls: Walls, work: Callable[[], Any]) -> tuple[Any, str, bool]:
    """As `_run`. Words of an error are the grader's own code too, and have its time."""
    try:
        return work(), "", True
    except (Refused, TooSlow):
        raise
    except MemoryError as error:
        return None, f"line {_line(walls, error)}: asks for more memory than it may have", True
    except BaseException as error:
        problem = f"line {_line(walls, error)}: {type(error).__name__}: {_said(error)}"
        is_final = isinstance(error, SyntaxError | ImportError) or not isinstance(error, Exception)
        return None, problem, is_final


def _said(error: BaseException) -> str:
    try:
        said = error.msg if isinstance(error, SyntaxError) else error
        return f"{said!s:.{_MESSAGE}}"
    except Exception:
        return "(its message cannot be shown)"


def _line(walls: Walls, error: BaseException) -> int:
    if isinstance(error, SyntaxError):
        return error.lineno or 0
    lines = [item.lineno for item in traceback.extract_tb(error.__traceback__)
             if item.filename == walls.file]  # fmt: skip
    return (lines[-1] or 0) if lines else 0


def _too_slow(signum: int, frame: FrameType | None) -> None:
    del signum
    lines = (item for item in _frames(frame) if item.f_code.co_filename == sys.argv[1])
    raise TooSlow(next((item.f_lineno for item in lines), 0))


def _frames(frame: FrameType | None) -> list[FrameType]:
    found: list[FrameType] = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found


def _close_walls(memory: int, folder: str) -> list[str]:
    """Everything this system offers; names of what was put up."""
    built = ["audit hook"]
    limits = {
        "RLIMIT_AS": memory,
        "RLIMIT_FSIZE": _FILE_BYTES,
        "RLIMIT_NOFILE": _OPEN_FILES,
        "RLIMIT_CORE": 0,
    }
    for name, limit in limits.items():
        if sys.platform == "linux" or name != "RLIMIT_AS":  # macOS does not keep to it
            resource.setrlimit(getattr(resource, name), (limit, limit))
            built.append(name)
    if sys.platform == "linux":
        kernel, execute = _module(str(Path(__file__).with_name("_kernel.py")))
        execute()
        built += kernel.close(folder)
    return built


if __name__ == "__main__":
    file, function, seconds, memory, folder, to_load = sys.argv[1:]
    main(file, function, float(seconds), int(memory), folder, float(to_load))
