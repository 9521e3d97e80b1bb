"""Another model reads the completion and gives it a mark, through an OpenAI-compatible endpoint.

Source: Zheng et al. 2023, arXiv:2306.05685, single-answer grading with a reference.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError
from luthier.core.server import NoReply, Server
from luthier.graders._registry import graders
from luthier.graders.contract import Answer, Score

_NUMBER = r"(?<![\w.])[-−]?\d+(?:\.\d+)?"
_MARK, _MARK_OF = re.compile(_NUMBER), re.compile(rf"({_NUMBER})\s*(?:/|out of)\s*(\d+(?:\.\d+)?)")
_QUESTION = (
    "{heading}:\n{prompt}\n\nRight answer:\n{reference}\n\nAnswer to be marked:\n{completion}\n\n"
    "{criteria}\nReply with one number from 0 (useless) to {highest} (perfect) and nothing else."
)


class Config(ComponentConfig):
    """Who judges, and by what."""

    model: str
    """Name of the model, as its server knows it."""
    url: str = "http://127.0.0.1:8000/v1"
    """The server; on this machine unless another one is named."""
    criteria: str = "Judge whether the answer is right, complete and to the point."
    """What makes an answer good."""
    highest: int = Field(10, ge=1)
    """The best mark; scores are marks divided by it."""
    key_env: str = ""
    """Environment variable that holds the server's key, where it wants one."""
    seconds: float = Field(60.0, gt=0)
    """Longest time for one mark."""
    concurrency: int = Field(4, ge=1)
    """Marks asked for at the same time."""

    @model_validator(mode="after")
    def _is_url(self) -> Self:
        if urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).hostname:
            raise ValueError(f"url: got '{self.url}', expected such as http://127.0.0.1:8000/v1")
        return self


@graders.add
class Judge:
    """A mark from 0 to 1. A reply without a number is a row that could not be graded. Judges like
    long answers and their own style: look at what `luthier grade` shows first."""

    Config = Config
    needs_reference: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self.config = config
        key = os.environ.get(config.key_env, "") if config.key_env else ""
        self._server = Server(config.url, key, config.seconds)

    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0

    def check(self, rows: Sequence[Answer]) -> list[str]:
        """Says where the rows go, if not to this machine.

        Raises: RecipeError: nobody answers there, or the key is missing.
        """
        del rows
        config = self.config
        if config.key_env and not os.environ.get(config.key_env):
            raise RecipeError(
                f"grader judge.key_env: the environment has no {config.key_env}. Set it to the key "
                f"of {config.url}, or leave key_env out"
            )
        try:
            self._server.probe()
        except NoReply as error:
            raise self._error(str(error)) from None
        host = urlsplit(config.url).hostname or ""
        if is_local(host):
            return []
        return [f"prompts, completions and right answers are sent to {host}, to be judged"]

    def grade(self, answers: Sequence[Answer]) -> list[Score]:
        """Raises: RecipeError: the server does not answer."""
        with ThreadPoolExecutor(self.config.concurrency) as pool:
            return list(pool.map(self._score, answers))

    def close(self) -> None:
        """Nothing is open."""

    def _score(self, item: Answer) -> Score:
        text = _QUESTION.format(
            heading="Question" if len(item.messages) < 2 else "Conversation before the answer",
            prompt=_conversation(item),
            reference=item.reference or "(none is given)",
            completion=item.completion,
            criteria=self.config.criteria,
            highest=self.config.highest,
        )
        asked = {
            "model": self.config.model,
            "messages": [{"role": "user", "content": text}],
            "temperature": 0,
            "max_tokens": 16,
        }
        try:
            reply = self._server.complete(asked)
        except NoReply as error:
            raise self._error(str(error)) from None
        try:
            said = str(reply["choices"][0]["message"]["content"])
        except (KeyError, IndexError, TypeError):
            raise self._error(f"got {str(reply)[:80]}, expected a chat completion") from None
        share = _share(said, self.config.highest)
        if not 0 <= share <= 1:
            return Score(0.0, f"the judge replied {said[:60]!r}, which holds no mark")
        return Score(share)

    def _error(self, what: str) -> RecipeError:
        return RecipeError(
            f"grader judge, {self.config.url}: {what}.\n"
            "    Start an OpenAI-compatible server there, or name another one: grader.url"
        )


def _conversation(item: Answer) -> str:
    """All that the model was given, turn by turn; a question alone as it is."""
    if len(item.messages) < 2:
        return item.prompt
    return "\n\n".join(f"{turn.role}: {turn.content}" for turn in item.messages)


def _share(said: str, highest: int) -> float:
    """The mark in a reply, over the best one: "7/10" or "7 out of 10", else its last number; -1
    where it holds none."""
    pairs, marks = _MARK_OF.findall(said), _MARK.findall(said)
    if pairs and float(pairs[-1][1]):
        return _value(pairs[-1][0]) / float(pairs[-1][1])
    return _value(marks[-1]) / highest if marks else -1.0


def _value(mark: str) -> float:
    return float(mark.replace("−", "-"))


def is_local(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
