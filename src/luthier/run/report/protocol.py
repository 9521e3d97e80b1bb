"""How the comparison was made: what each arm was given, what was left out, what was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from luthier.run import figures
from luthier.run.report.flips import cut


@dataclass(frozen=True, slots=True)
class Given:
    """What one arm was given besides the row."""

    arm: str
    instruction: str
    examples: list[tuple[str, str, str]]
    """Where it stands, input, answer."""
    facts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Protocol:
    given: list[Given]
    left_out: list[tuple[str, str]]
    choices: list[tuple[str, str, str]]
    """Setting, value, reason."""
    fields: list[tuple[str, str, float]]
    """Name of a JSON field, how often it was right, and that as a percentage."""


def protocol_of(evaluation: Mapping[str, Any] | None) -> Protocol:
    """What `details` of the evaluation says about its own making."""
    details: Mapping[str, Any] = (evaluation or {}).get("details") or {}
    notes: Mapping[str, Mapping[str, Any]] = details.get("notes") or {}
    fields: Mapping[str, float] = details.get("fields") or {}
    choices: Mapping[str, Mapping[str, Any]] = details.get("choices") or {}
    return Protocol(
        given=[_given(arm, note) for arm, note in notes.items() if "left_out" not in note],
        left_out=[
            (figures.of_name(arm), str(note["left_out"]))
            for arm, note in notes.items()
            if "left_out" in note
        ],
        choices=[
            (figures.of_name(name), str(item.get("value")), str(item.get("why")))
            for name, item in choices.items()
        ],
        fields=[
            (str(name), figures.of_metric("fields", share), round(100 * share, 1))
            for name, share in sorted(fields.items(), key=lambda item: item[1])
        ],
    )


def _given(arm: str, note: Mapping[str, Any]) -> Given:
    examples = note.get("examples") or []
    return Given(
        arm=figures.of_name(arm),
        instruction=str(note.get("instruction", "")),
        examples=[
            (str(item.get("row", "")), cut(str(item.get("input", ""))), cut(str(item["answer"])))
            for item in examples
        ],
        facts=[
            (figures.of_name(name), str(value))
            for name, value in note.items()
            if name not in ("instruction", "examples")
        ],
    )
