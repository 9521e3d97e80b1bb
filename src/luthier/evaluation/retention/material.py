"""The texts that retention is measured on. They were written for luthier and ship with it."""

from __future__ import annotations

from importlib.resources import files

PLACE = "luthier.evaluation.retention"


def paragraphs() -> list[str]:
    """Two dozen paragraphs of general English on as many subjects."""
    text = files(PLACE).joinpath("text.txt").read_text(encoding="utf-8")
    return [part.strip() for part in text.split("\n\n") if part.strip()]


def prompts() -> list[str]:
    """Two dozen neutral requests."""
    text = files(PLACE).joinpath("prompts.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line]
