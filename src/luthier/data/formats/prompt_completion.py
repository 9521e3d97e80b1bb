"""Prompt and completion, under any of the names they travel under."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from luthier.core.errors import DataError
from luthier.data.columns import DOCUMENT, PROMPTS, find
from luthier.data.formats import formats
from luthier.data.formats._input import input_beside, told_input, with_input
from luthier.data.formats._turns import chat
from luthier.data.formats._values import answer_of, text_of, whole_characters
from luthier.data.formats.contract import About, Context, Match, Record, Sample, Shape
from luthier.data.formats.messages import message_of
from luthier.data.rows import Chat, Message, Role


@formats.add
class PromptCompletion:
    """The prompt becomes a user turn, the completion an assistant turn; `system` comes before, and
    what the prompt is about (`input`, `context`, ...) behind it."""

    shape: ClassVar[Shape] = "chat"
    canonical: ClassVar[tuple[str, ...]] = ("prompt", "completion", "input", "system", "tools")
    rank: ClassVar[int] = 40
    about: ClassVar[About] = About(
        "prompt and completion",
        "{prompt: NAME, completion: NAME}",
        targets=frozenset({"completion"}),
    )

    def recognise(self, sample: Sample) -> Match | None:
        pairs = [(find((asked,), sample.columns), find((said,), sample.columns))
                 for asked, said in PROMPTS]  # fmt: skip
        found = [pair for pair in pairs if all(pair)]
        if not found and not sample.answered:
            found = [(asked, "") for asked, _ in pairs if asked][:1]
        if not found:
            text = "" if sample.answered else find(("message", *DOCUMENT), sample.columns)
            why = f"column '{text}' is taken for the prompt"
            return Match({"prompt": text}, why, weak=True) if text else None
        if len(found) > 1 and found[0] != ("prompt", "completion"):
            choices = " or ".join(
                f"{{prompt: {asked}, completion: {said}}}" for asked, said in found
            )
            raise DataError(
                "columns " + ", ".join(f"'{name}'" for name in sample.columns) + ": several pairs "
                f"could be prompt and completion.\n    Say which: data.columns = {choices}"
            )
        asked, said = found[0]
        columns = {"prompt": asked, **input_beside(asked, sample)}
        why = f"column '{asked}' is the prompt{told_input(columns)}"
        if not said:
            return Match(columns, why)
        return Match({**columns, "completion": said}, f"{why}, '{said}' the completion")

    def parse(self, record: Record, context: Context) -> Chat:
        system = text_of(context.value(record, "system"), where=f"{context.origin}, system")
        turns = [Message("system", system)] if system else []
        turns += with_input(_turns(record, context, "prompt", "user"), record, context)
        answer = _turns(record, context, "completion", "assistant")
        if context.answered or any(turn.content for turn in answer):
            turns += answer
        return chat(turns, record, context)


def _one_text(texts: list[str], role: Role, context: Context) -> str:
    """Sentences of a prompt in a row; of several answers the first."""
    if role == "user":
        return " ".join(texts)
    if len(texts) > 1:
        context.remarks.append("only the first of several answers is learned")
    return texts[0]


def _turns(record: Record, context: Context, column: str, role: Role) -> list[Message]:
    name = context.match.columns.get(column, column)
    value: Any = record.get(name)
    where = f"{context.origin}, {name}"
    if not isinstance(value, list):
        read = answer_of if role == "assistant" else text_of
        return [Message(role, read(value, where=where))]
    items = cast("list[Any]", value)
    if items and all(isinstance(item, str) for item in items):
        return [Message(role, whole_characters(_one_text(items, role, context)))]
    return [message_of(item, context.roles, where=f"{where}[{i}]") for i, item in enumerate(items)]
