"""A server that answers as OpenAI's does: asked over HTTP, and again where waiting may help."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
)

PAUSES = (1.0, 4.0, 15.0, 60.0)
"""Seconds before each further try; a busy server may ask for more, up to `LONGEST_PAUSE`."""
LONGEST_PAUSE = 120.0
_PASSING = frozenset({408, 425, 429})
"""Statuses below 500 that may be others in a moment."""
_SHUT = frozenset({401, 403})
_SHOWN = 200


class NoReply(Exception):
    """Nobody answered, or not with JSON, or with an error."""

    def __init__(self, what: str, *, code: int = 0, pause: float = 0.0, passes: bool) -> None:
        super().__init__(what)
        self.code, self.pause, self.passes = code, pause, passes


@dataclass(frozen=True, slots=True)
class Server:
    """Where to ask."""

    url: str
    """Ending in /v1."""
    key: str = ""
    """Sent as a bearer token; empty: none."""
    seconds: float = 300.0
    """Longest wait for one answer."""

    def probe(self) -> None:
        """Nothing, when somebody is there. Raises: NoReply: nobody, or the key is not taken."""
        self.models()

    def models(self) -> list[str]:
        """Names of the models that it lists; none where it lists none.

        Raises: NoReply: as `probe`.
        """
        try:
            listed = self._once("/models", None)
        except NoReply as error:
            if not error.code or error.code in _SHUT:  # one that lists no models may still answer
                raise
            return []
        held = listed.get("data") if isinstance(listed, dict) else None
        entries: list[Any] = held if isinstance(held, list) else []
        return [str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry]

    def complete(self, document: Mapping[str, Any], *, stop: threading.Event | None = None) -> Any:
        """The reply to a request for a chat completion. Args: stop: once set, nothing is tried
        again.

        Raises: NoReply: also after several tries.
        """
        stop = stop or threading.Event()
        tries = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, NoReply) and error.passes),
            stop=stop_after_attempt(len(PAUSES) + 1) | stop_when_event_set(stop),
            wait=_pause,
            sleep=sleep_using_event(stop),
            reraise=True,
        )
        return tries(self._once, "/chat/completions", document)

    def place(self, path: str) -> str:
        """The address of a path below /v1."""
        return self.url.rstrip("/") + path

    def _once(self, path: str, document: Mapping[str, Any] | None) -> Any:
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(self.place(path), body, headers)
        try:
            with urllib.request.urlopen(request, timeout=self.seconds) as reply:
                return json.loads(reply.read())
        except urllib.error.HTTPError as error:
            raise _bad_status(error) from None
        except (OSError, HTTPException) as error:
            raise NoReply(str(getattr(error, "reason", error) or error), passes=True) from None
        except ValueError as error:
            raise NoReply(f"no JSON: {error}", code=200, passes=False) from None


def _bad_status(error: urllib.error.HTTPError) -> NoReply:
    with error:
        body = error.read(_SHOWN).decode(errors="replace")
    told = str(error.headers.get("Retry-After", ""))
    return NoReply(
        " ".join(f"{error.code} {error.reason} {body}".split()),
        code=error.code,
        pause=min(float(told), LONGEST_PAUSE) if told.isdecimal() else 0.0,
        passes=error.code >= 500 or error.code in _PASSING,
    )


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    place = min(state.attempt_number, len(PAUSES)) - 1  # asked after the last try too
    return max(PAUSES[place], getattr(error, "pause", 0.0))
