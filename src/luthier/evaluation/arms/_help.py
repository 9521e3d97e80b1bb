"""What the prompted arms add to a row's messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from luthier.data.rows import Chat, Message
from luthier.evaluation.bench import Bench
from luthier.evaluation.instruction import instruction_for
from luthier.models.bundle import Bundle


def help_for(bench: Bench) -> str:
    """The user's instruction, or one written from the training answers."""
    if bench.instruction != "auto":
        return bench.instruction
    return instruction_for(bench.frame, [row.target() for row in bench.subject.train])


def with_system(messages: Sequence[Message], instruction: str) -> tuple[Message, ...]:
    """`messages` with `instruction` at the end of their system turn."""
    if messages and messages[0].role == "system":
        first = replace(messages[0], content=f"{messages[0].content}\n\n{instruction}".strip())
        return (first, *messages[1:])
    return (Message("system", instruction), *messages)


def with_shots(messages: Sequence[Message], shots: Sequence[Chat]) -> tuple[Message, ...]:
    """`messages` with earlier exchanges after their system turn; those are not trained on."""
    place = 1 if messages and messages[0].role == "system" else 0
    shown = [
        replace(turn, weight=0.0)
        for shot in shots
        for turn in shot.messages
        if turn.role != "system"
    ]
    return (*messages[:place], *shown, *messages[place:])


def longest_prompt(
    bundle: Bundle, rows: Sequence[Chat], shots: Sequence[Chat], instruction: str
) -> int:
    """Tokens of the longest prompt with this help."""
    several = sorted(rows, key=lambda row: sum(len(turn.content) for turn in row.prompt()))[-4:]
    helped = [
        bundle.codec.prompt(with_shots(with_system(row.prompt(), instruction), shots), row)
        for row in several
    ]
    return max(len(ids) for ids in helped)


def needs_nll(bench: Bench) -> bool:
    """NLL is the figure the verdict rests on, so every arm must have it."""
    return bench.metric == "nll"
