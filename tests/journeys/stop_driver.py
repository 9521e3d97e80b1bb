"""Not a test: runs commands in child processes that get SIGINT at chosen moments, and reports.

Started by test_stopping.py in a process of its own, because it forks: `stop_driver.py FOLDER PLAN`,
PLAN is a JSON file {"commands", "shares", "presses"}. Each command is carried out once undisturbed
to see which stages there are and how many Python calls each takes. Then, for every share, each
stage is interrupted after that share of its calls, and at last the command is left alone. Prints
one JSON line per child: command, share, stage, exit code, what it said.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from luthier.cli import main
from luthier.core.events import Stage
from luthier.run.console import Console

AGAIN_SECONDS = 0.02
"""Between two presses of an impatient user."""
NEEDED = ("train", "evaluate", "predict", "export", "chat")


def at_stages(on_stage: Callable[[str], None]) -> None:
    """Call `on_stage` whenever the console announces one."""
    shown = Console.__call__

    def show(console: Console, event: Any) -> None:
        shown(console, event)
        if isinstance(event, Stage):
            on_stage(event.name)

    Console.__call__ = show  # type: ignore[method-assign]


def press_after(stage: str, calls: int, presses: int) -> None:
    """Send SIGINT once `calls` Python functions were called since `stage` was announced."""
    left = [-1]

    def press() -> None:
        if presses > 1:
            threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), signal.SIGINT)).start()
        os.kill(os.getpid(), signal.SIGINT)

    def count(frame: Any, event: str, argument: Any) -> None:
        del frame, argument
        if event == "call":
            left[0] -= 1
        if left[0] == 0:
            sys.setprofile(None)
            press()

    def on_stage(name: str) -> None:
        if name == stage and left[0] < 0:
            left[0] = max(calls, 1)
            sys.setprofile(count)

    at_stages(on_stage)


def measure(lengths: Path) -> None:
    """Write {stage: number of Python calls until another begins} at the end of each stage."""
    calls, found, now = [0], dict[str, int](), [""]

    def count(frame: Any, event: str, argument: Any) -> None:
        del frame, argument
        calls[0] += event == "call"

    def on_stage(name: str) -> None:
        sys.setprofile(count)
        if name == now[0]:
            return
        if now[0]:
            found[now[0]] = found.get(now[0], 0) + calls[0]
            lengths.write_text(json.dumps(found))
        now[0], calls[0] = name, 0

    at_stages(on_stage)
    on_end = main.silence

    def end() -> None:
        sys.setprofile(None)
        on_stage("the end")
        on_end()

    main.silence = end


def child(words: list[str], said: Path, prepare: Callable[[], None]) -> int:
    """Exit code of `luthier WORDS` in a forked process; what it says goes to a file."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    prepare()
    code = 99
    try:
        main.main(words)
    except SystemExit as left:
        code = int(left.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)


def drive(root: Path, command: list[str], shares: list[float], presses: int) -> None:
    """Every child of one command, one after the other; {number} in its words is 0, 1, 2 ..."""
    said, lengths = root / "said.txt", root / "lengths.json"

    def run(number: int, share: float, stage: str, prepare: Callable[[], None]) -> None:
        words = [word.replace("{number}", str(number)) for word in command]
        code = child(words, said, prepare)
        line = [command[0], share, stage, code, said.read_text(errors="replace")]
        print(json.dumps(line), flush=True)

    run(0, 0, "unbroken", lambda: measure(lengths))
    for number, share in enumerate(shares, 1):
        for stage, length in json.loads(lengths.read_text()).items():
            calls = int(share * length)
            run(number, share, stage, lambda s=stage, c=calls: press_after(s, c, presses))
        run(number, share, "left alone", lambda: None)


def main_driver(root: Path, plan: dict[str, Any]) -> None:
    """The whole plan."""
    for name in NEEDED:
        import_module(f"luthier.workflow.{name}")
    for command in plan["commands"]:
        drive(root, command, plan["shares"], plan["presses"])


if __name__ == "__main__":
    main_driver(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))
