"""A sitting in the terminal: one row at a time, one key for each decision."""

from __future__ import annotations

import os
import re
import select
import shlex
import subprocess
import sys
import tempfile
import termios
import tty
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from luthier.core.errors import DataError
from luthier.run.painting import safe

HELP = {
    "confirmed": "confirmed",
    "drop": "left out",
    "label": "with another label",
    "labels": "with other labels",
    "answer": "with another answer",
    "swap": "swapped",
}
KEYS = (
    "Enter: right as it is. 1-9: that label. /: another label, by a part of its name. e: edit the "
    "answer.\nw: swap which is right. x: leave the row out. s: skip. u: undo. q: finish.\n"
    "Esc: back to the row, from a label or an answer that is being typed."
)
_MOST_SHOWN = 1500
_MOST_MATCHES = 12
_ESC = b"\x1b"
_BEHIND_ESC = re.compile(rb"\[[0-?]*[ -/]*[@-~]|O.|[^\[O]")
"""What follows it in a key such as an arrow."""
_ARROW = re.compile(_ESC + rb"(?:" + _BEHIND_ESC.pattern + rb")")
_ENDS = ("q", "\x04", "")


def has_terminal() -> bool:
    """Whether somebody can press keys."""
    return sys.stdin is not None and sys.stdin.isatty()


def label_here(sitting: Any) -> None:
    """Ask about every row of the sitting, until its end or `q`."""
    with _Keys() as keys:
        here = _Here(sitting, keys)
        while not sitting.is_over:
            here.show()
            key = keys.next()
            if key in _ENDS:
                return
            try:
                here.press(key)
            except DataError as error:
                _say(f"{error}\n> ")
            except _Cancelled:
                _say("\nnothing is decided\n> ")


class _Cancelled(Exception):
    """Somebody typed Esc instead of a line."""


class _Keys:
    """The terminal while it gives every key at once instead of whole lines."""

    def __enter__(self) -> _Keys:
        self._descriptor = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._descriptor)
        tty.setcbreak(self._descriptor)
        return self

    def __exit__(self, *_: object) -> None:
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def next(self) -> str:
        """The next key; empty at the end. An arrow and its like are one key, of no meaning."""
        found = os.read(self._descriptor, 1)
        if found == _ESC:
            self._is_more()
        return found.decode("latin-1")

    def _is_more(self) -> bool:
        """Whether Esc was the beginning of another key, such as an arrow; the rest is taken."""
        found = b""
        while (
            not _BEHIND_ESC.fullmatch(found) and select.select([self._descriptor], [], [], 0.02)[0]
        ):
            found += os.read(self._descriptor, 1)
        return bool(found)

    @contextmanager
    def lines(self) -> Generator[None]:
        """Within it the terminal is as it was."""
        self.__exit__()
        try:
            yield
        finally:
            tty.setcbreak(self._descriptor)

    def line(self, prompt: str) -> str:
        """A line that somebody types.

        Raises: _Cancelled: somebody typed Esc.
        """
        _say(prompt)
        typed = b""
        while not typed.endswith(b"\n"):
            piece = self._piece()
            if not piece:
                break
            typed = _ARROW.sub(b"", typed + piece)  # within a piece where it was typed ahead
            if typed.endswith(_ESC):
                if not self._is_more():
                    raise _Cancelled
                typed = typed.removesuffix(_ESC)
        return typed.decode("utf-8", "replace").strip()

    def _piece(self) -> bytes:
        """What is typed until the end of the line, or Esc."""
        whole = [*self._before[:6], [*self._before[6]]]
        whole[6][termios.VEOL] = _ESC
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, whole)
        try:
            return os.read(self._descriptor, 4096)
        finally:  # what follows Esc is not thrown away
            tty.setcbreak(self._descriptor, termios.TCSANOW)


class _Here:
    """What the keys do to the row that is shown."""

    def __init__(self, sitting: Any, keys: _Keys) -> None:
        self._sitting, self._keys = sitting, keys
        self._shown = -1
        self._item: dict[str, Any] = {}
        self._chosen: list[str] | None = None
        """Labels of a row that may have several, where they were changed."""

    def show(self) -> None:
        """Write the row that is asked now, unless it was."""
        if self._shown != self._sitting.number:
            state = self._sitting.document()
            self._shown, self._item, self._chosen = state["number"], state["item"], None
            _say(_page(state))

    def press(self, key: str) -> None:
        """Do what a key stands for.

        Raises: DataError: it cannot be done.
        """
        sitting, item = self._sitting, self._item
        number, can = sitting.number, item["can"]
        if key in "\r\n" and self._chosen is not None:
            sitting.decide(number, "labels", self._chosen, is_new=True)
        elif key in "\r\n":
            sitting.decide(number, "confirmed")
        elif key == "x":
            sitting.decide(number, "drop")
        elif key == "s":
            sitting.skip(number)
        elif key == "u":
            sitting.undo()
        elif key == "w" and "swap" in can:
            sitting.decide(number, "swap")
        elif key == "e" and "answer" in can:
            sitting.decide(number, "answer", self._edited(item["target"]))
        elif key == "/" and item["all_labels"]:
            self._ask_label(item["all_labels"])
        elif key.isdecimal() and 0 < int(key) <= len(item["choices"]):
            self._choose(item["choices"][int(key) - 1]["label"])
        else:
            _say(f"{KEYS}\n> ")

    def _choose(self, name: str, *, is_new: bool = False) -> None:
        """Decide for a label; where a row may have several, put it in or take it out."""
        if "label" in self._item["can"]:
            self._sitting.decide(self._sitting.number, "label", name, is_new=is_new)
            return
        held = list(self._item["labels"] if self._chosen is None else self._chosen)
        self._chosen = [x for x in held if x != name] if name in held else [*held, name]
        _say(f"{', '.join(self._chosen) or 'none'} (Enter: write it down)\n> ")

    def _ask_label(self, names: Sequence[str]) -> None:
        while said := self._keys.line("label: "):
            found = [name for name in names if said.casefold() in name.casefold()]
            if said in names or len(found) == 1:
                self._choose(said if said in names else found[0])
                return
            if found:
                more = ", ..." if len(found) > _MOST_MATCHES else ""
                _say(f"which of: {', '.join(found[:_MOST_MATCHES])}{more}\n")
                continue
            again = f"no row has '{said}'; a new label? type it once more: "
            if self._keys.line(again) == said:
                self._choose(said, is_new=True)
                return
        _say("> ")

    def _edited(self, text: str) -> str:
        """The text as somebody leaves it, in $EDITOR or on one line.

        Raises: DataError: the editor does not work.
        """
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
        if not editor:
            return self._keys.line("answer (or set $EDITOR): ") or text
        with tempfile.TemporaryDirectory() as folder, self._keys.lines():
            file = Path(folder) / "answer.txt"
            file.write_text(text, encoding="utf-8")
            try:
                subprocess.run([*shlex.split(editor), str(file)], check=True)
                return file.read_text(encoding="utf-8").removesuffix("\n")
            except (OSError, ValueError, subprocess.CalledProcessError) as error:
                raise DataError(f"$EDITOR ({editor}) does not work: {error}") from None


def _page(state: dict[str, Any]) -> str:
    item = state["item"]
    head = f"{state['number'] + 1} of {state['asked']}, {state['decided']} decided"
    lines = [
        f"\n--- {head}: {item['origin']}",
        _short(item["given"]),
        f"  = {_short(item['target'])}",
    ]
    if item["swapped"] and item["kind"] == "preference":
        lines.append(f"  rejected: {_short(item['swapped'])}")
    lines += [f"  {item['why']}"] if item["why"] else []
    for part in item["near"]:
        lines.append(f"  most like it among '{part['label']}':")
        lines += [f"    {_short(row['text'], 120)}" for row in part["rows"]]
    shares = [
        (one["label"], f" {one['share']:.0%}" if one["share"] else "") for one in item["choices"]
    ]
    lines += [f"  {number} {name}{share}" for number, (name, share) in enumerate(shares, start=1)]
    return "\n".join(lines) + "\n[Enter right, x leave out, s skip, u undo, ? keys, q finish]\n> "


def _short(text: str, most: int = _MOST_SHOWN) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _say(text: str) -> None:
    sys.stderr.write(safe(text))
    sys.stderr.flush()
