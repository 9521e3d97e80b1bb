"""The support-desk messages: conversations for an LLM, labelled text for a classifier."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from luthier.core.files import write_text


def support_file() -> Path:
    """The messages with their answers as JSON, one OpenAI `messages` row per line."""
    return Path(__file__).with_name("support.jsonl")


def write_reviews(path: Path) -> Path:
    """The same messages written to `path` as CSV with the columns text and label (the intent)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["text", "label"])
    for line in support_file().read_text(encoding="utf-8").splitlines():
        user, assistant = json.loads(line)["messages"]
        writer.writerow([user["content"], json.loads(assistant["content"])["intent"]])
    write_text(path, buffer.getvalue())
    return path
