"""What to call that which was made of some data."""

from __future__ import annotations

import re
from pathlib import PurePath

_EXTENSION = re.compile(r"(\.(jsonl|ndjson|json|csv|tsv|txt|parquet|tar))?\.\w{1,8}$")
_LONGEST = 60


def plain_name(given: str) -> str:
    """The name of a file, folder, address or query without place, extension and question, in
    letters, digits, `-`, `_` and `.`; "run" where nothing is left."""
    place = re.split(r"[#?*\[]", given, maxsplit=1)[0].rstrip("/")
    name = PurePath(place).name
    stem = _EXTENSION.sub("", name)
    safe = "".join(char if char.isalnum() or char in "-_." else "-" for char in stem)
    return safe.strip("-.")[:_LONGEST] or "run"
