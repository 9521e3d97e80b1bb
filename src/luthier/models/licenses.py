"""Under which licence a model stands, as far as its own files say."""

from __future__ import annotations

import re
from pathlib import Path

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---", re.DOTALL)
_HEADINGS = {
    "Apache License": "apache-2.0",
    "MIT License": "mit",
    "BSD 3-Clause": "bsd-3-clause",
    "GNU GENERAL PUBLIC LICENSE": "gpl",
    "META LLAMA": "llama",
    "LLAMA 3": "llama3",
    "Gemma Terms": "gemma",
}


def license_in(folder: Path) -> str:
    """The licence in the README's front matter, or of a LICENSE file; else an empty string."""
    readme = folder / "README.md"
    if readme.is_file():
        text = readme.read_text(encoding="utf-8", errors="replace")
        front = _FRONT_MATTER.match(text)
        named = re.search(r"^license:\s*(\S+)", front.group(1), re.MULTILINE) if front else None
        if named:
            return named.group(1).strip("'\"").lower()
    for path in sorted(folder.glob("LICENSE*")):
        head = path.read_text(encoding="utf-8", errors="replace")[:400]
        for heading, name in _HEADINGS.items():
            if heading.lower() in head.lower():
                return name
    return ""
