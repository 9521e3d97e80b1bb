"""Answers of an OpenAI-compatible endpoint, asked for again where waiting may help."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from luthier.core.errors import RecipeError
from luthier.core.server import NoReply, Server
from luthier.data.rows import Chat, Message
from luthier.models.template import as_template_message
from luthier.workflow.said import Said, judged

_OF_THE_ROW = frozenset({400, 413, 422})
"""Statuses that speak of what was sent, such as a question that is too long or not allowed."""
_ADVICE = {
    401: "Name the environment variable with its key: --key-env",
    403: "Name the environment variable with a key that may ask this model: --key-env",
    404: "Check the name of the model, --model, and the address, which ends in /v1",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to ask, and for what."""

    server: Server
    model: str
    max_new_tokens: int
    temperature: float

    def check(self) -> None:
        """Raises: RecipeError: nobody is there."""
        self.models()

    def models(self) -> list[str]:
        """Names of its models, where it lists them. Raises: RecipeError: nobody is there."""
        try:
            return self.server.models()
        except NoReply as error:
            raise self._refusal(error) from None

    def ask(self, row: Chat, *, stop: threading.Event) -> Said:
        """What is said to the row, or that it is not taken. Args: stop: once set, nothing is tried
        again.

        Raises: RecipeError: the endpoint does not answer as it should.
        """
        try:
            return _answer(self.server.complete(self._document(row), stop=stop))
        except (NoReply, KeyError, IndexError, TypeError) as error:
            if isinstance(error, NoReply) and error.code in _OF_THE_ROW:
                return Said(str(error), "refused")
            raise self._refusal(error, f", asked for {row.origin}") from None

    def _document(self, row: Chat) -> dict[str, Any]:
        return {
            "model": self.model,
            "messages": as_sent(row.messages),
            "temperature": self.temperature,
            "max_tokens": self.max_new_tokens,
            **({"tools": [dict(tool) for tool in row.tools]} if row.tools else {}),
        }

    def _refusal(self, error: Exception, asked: str = "") -> RecipeError:
        what = str(error) if isinstance(error, NoReply) else repr(error)
        code = error.code if isinstance(error, NoReply) else 0
        usual = "Start an OpenAI-compatible server there, or name another one"
        return RecipeError(
            f"{self.server.place('/chat/completions')}: no chat completion ({what}){asked}.\n"
            f"    {_ADVICE.get(code, usual)}"
        )


def as_sent(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages as OpenAI and vLLM take them: arguments of calls as text of JSON, and an id for
    every call and its result."""
    found: list[dict[str, Any]] = []
    waiting: list[str] = []
    for at, message in enumerate(messages):
        shown = as_template_message(message)
        if message.tool_calls:
            waiting = _ids(messages, at)
            calls = zip(message.tool_calls, waiting, strict=True)
            shown["tool_calls"] = [_call(call, name) for call, name in calls]
        elif message.role == "tool":
            name = message.tool_call_id or (waiting[0] if waiting else _made(at, 0))
            waiting = [other for other in waiting if other != name]
            shown["tool_call_id"] = name
        found.append(shown)
    return found


def _ids(messages: Sequence[Message], at: int) -> list[str]:
    """An id for each call of a turn: its own, that of the result in its place, or one made up."""
    results: list[str] = []
    for message in messages[at + 1 :]:
        if message.role != "tool":
            break
        results.append(message.tool_call_id)
    calls = messages[at].tool_calls
    results += [""] * len(calls)
    return [
        str(call.get("id") or result or _made(at, number))
        for number, (call, result) in enumerate(zip(calls, results, strict=False))
    ]


def _made(turn: int, number: int) -> str:
    """Nine letters and digits, which is what Mistral's servers ask for."""
    return f"call{turn:03d}{number:02d}"


def _call(call: Mapping[str, Any], name: str) -> dict[str, Any]:
    function: Mapping[str, Any] = call.get("function", call)
    arguments = function.get("arguments", {})
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {
        "id": name,
        "type": "function",
        "function": {"name": function.get("name"), "arguments": text},
    }


def _answer(document: Any) -> Said:
    choice = document["choices"][0]
    message, why = choice["message"], choice.get("finish_reason")
    calls = bool(message.get("tool_calls")) or why == "tool_calls"
    if why not in ("stop", "length") and not calls:
        return Said("", "empty")  # held back
    return judged(message.get("content"), finished=why != "length", calls=calls)
