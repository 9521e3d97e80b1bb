"""Answers of an OpenAI-compatible endpoint, asked for again where waiting may help."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from luthier.core.errors import RecipeError
from luthier.data.rows import Chat, Message
from luthier.models.template import as_template_message
from luthier.workflow.said import Said, judged

SECONDS = 300.0
"""Longest wait for one answer."""
PAUSES = (1.0, 4.0, 15.0, 60.0)
"""Seconds before each further try."""
_LONGEST_PAUSE = 120.0
_MAY_PASS = frozenset({408, 425, 429, 500, 502, 503, 504})
_SHOWN = 200


class _BadStatus(OSError):
    """The endpoint answered with an error."""

    def __init__(self, error: urllib.error.HTTPError) -> None:
        with error:
            body = error.read(_SHOWN).decode(errors="replace")
        super().__init__(" ".join(f"{error.code} {error.reason} {body}".split()))
        self.code = error.code
        told = str(error.headers.get("Retry-After", ""))
        self.pause = min(float(told), _LONGEST_PAUSE) if told.isdecimal() else 0.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to ask, and for what."""

    url: str
    """Ending in /v1."""
    model: str
    key: str
    """Sent as a bearer token; empty: none."""
    max_new_tokens: int
    temperature: float

    def ask(self, row: Chat, *, stop: threading.Event) -> Said:
        """What is said to the row. Args: stop: once set, nothing is tried again.

        Raises: RecipeError: the endpoint does not answer as it should.
        """
        request = self._request(row)
        for pause in (*PAUSES, None):
            try:
                return _answer(_posted(request))
            except (OSError, HTTPException, ValueError, KeyError, IndexError, TypeError) as error:
                told = max(pause or 0.0, getattr(error, "pause", 0.0))
                if pause is None or not _may_pass(error) or stop.wait(told):
                    raise self._refusal(row, error) from None
        raise AssertionError("the last try returns or raises")

    def _request(self, row: Chat) -> urllib.request.Request:
        document: dict[str, Any] = {
            "model": self.model,
            "messages": as_sent(row.messages),
            "temperature": self.temperature,
            "max_tokens": self.max_new_tokens,
            **({"tools": [dict(tool) for tool in row.tools]} if row.tools else {}),
        }
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        return urllib.request.Request(self._place(), json.dumps(document).encode(), headers)

    def _place(self) -> str:
        return self.url.rstrip("/") + "/chat/completions"

    def _refusal(self, row: Chat, error: Exception) -> RecipeError:
        what = str(error) if isinstance(error, _BadStatus) else getattr(error, "reason", None)
        return RecipeError(
            f"{self._place()}: no chat completion ({what or repr(error)}), asked for "
            f"{row.origin}.\n"
            "    Start an OpenAI-compatible server there, or name another one: --url"
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


def _posted(request: urllib.request.Request) -> Any:
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as reply:
            return json.loads(reply.read())
    except urllib.error.HTTPError as error:
        raise _BadStatus(error) from None


def _answer(document: Any) -> Said:
    choice = document["choices"][0]
    message, why = choice["message"], choice.get("finish_reason")
    calls = bool(message.get("tool_calls")) or why == "tool_calls"
    if why not in ("stop", "length") and not calls:
        return Said("", "empty")  # held back
    return judged(message.get("content"), finished=why != "length", calls=calls)


def _may_pass(error: Exception) -> bool:
    """Whether the same question may be answered a little later."""
    if isinstance(error, _BadStatus):
        return error.code in _MAY_PASS
    inner = getattr(error, "reason", error)
    broken = (TimeoutError, ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
    return isinstance(inner, (*broken, HTTPException))
