"""The support-desk messages: conversations for an LLM, labelled text for a classifier."""

from __future__ import annotations

from pathlib import Path


def support_file() -> Path:
    """The messages with their answers as JSON, one OpenAI `messages` row per line."""
    return Path(__file__).with_name("support.jsonl")


def classify_file() -> Path:
    """The same messages as CSV with the columns text and label (the intent)."""
    return Path(__file__).with_name("support.csv")
