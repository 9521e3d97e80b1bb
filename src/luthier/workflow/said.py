"""What a teacher said to each row, kept in a file as it comes, so that a second start goes on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from luthier.core import files
from luthier.core.counted import counted
from luthier.core.errors import RecipeError

Reason = Literal["", "unfinished", "calls", "empty", "refused"]
"""Why an answer is left out: cut at its longest, calls of tools, no words, or an endpoint that does
not take the question (its words are the text); "": it is not."""


@dataclass(frozen=True, slots=True)
class Said:
    """One answer."""

    text: str
    left_out: Reason = ""


def judged(text: Any, *, finished: bool, calls: bool = False) -> Said:
    """The answer with what stands against learning it."""
    words = text if isinstance(text, str) else ""
    if calls:
        return Said(words, "calls")
    if not finished:
        return Said(words, "unfinished")
    return Said(words, "" if words.strip() else "empty")


@dataclass(slots=True)
class Kept:
    """Answers by the name of their row, in memory and at `path`."""

    path: Path
    head: str
    """First line of the file: what answers depend on."""
    found: dict[str, Said]

    def keep(self, name: str, said: Said) -> None:
        """What was refused is not written: the next start asks again. Raises: OSError: the disk is
        full."""
        self.found[name] = said
        if said.left_out == "refused":
            return
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(name, said) if file.tell() else f"{self.head}\n{_line(name, said)}")

    def told(self) -> str:
        """What a second start need not ask for, in words; empty: nothing."""
        number = sum(said.left_out != "refused" for said in self.found.values())
        verb = "is" if number == 1 else "are"
        if not number:
            return ""
        return (
            f"{counted(number, 'answer')} {verb} kept in {self.path}: the same command goes on "
            "with the others"
        )

    def drop(self) -> None:
        """Take the file away: all answers are where they belong."""
        self.path.unlink(missing_ok=True)


def open_kept(output: Path, teacher: Mapping[str, Any]) -> Kept:
    """The answers of an earlier start with this output, or none.

    Raises: RecipeError: they are of another teacher, or of other settings.
    """
    path = output.with_name(f"{output.name}.part")
    head = json.dumps(teacher, ensure_ascii=False)
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else []
    if len(lines) > 1 and lines[0] != head:
        raise RecipeError(
            f"{path}: holds answers of an earlier start with other settings: got {lines[0][:300]}, "
            f"expected {head}.\n"
            "    Start it with those to go on, name another --output, or delete this file"
        )
    kept = Kept(path, head, _by_content(_whole(lines[1:])))
    if lines:  # without a line that was torn
        texts = (_line(name, said) for name, said in kept.found.items())
        files.write_text(path, "".join([f"{head}\n", *texts]))
    return kept


def _line(name: str, said: Said) -> str:
    document = {"row": name, "text": said.text, "left_out": said.left_out}
    return json.dumps(document, ensure_ascii=True) + "\n"


def _whole(lines: list[str]) -> list[tuple[str, Said]]:
    """Those before the first that was not wholly written."""
    found: list[tuple[str, Said]] = []
    for line in lines:
        try:
            held = json.loads(line)
            found.append((held["row"], Said(held["text"], held["left_out"])))
        except (ValueError, TypeError, KeyError):
            break
    return found


def _by_content(found: list[tuple[str, Said]]) -> dict[str, Said]:
    """Answers by "CONTENT:OCCURRENCE", also those of earlier versions, named
    "ROW NUMBER:CONTENT"."""
    seen: Counter[str] = Counter()
    names: dict[str, Said] = {}
    for name, said in found:
        first, _, last = name.partition(":")
        is_earlier = len(last) > len(first)
        names[f"{last}:{seen[last]}" if is_earlier else name] = said
        seen[last] += is_earlier
    return names
