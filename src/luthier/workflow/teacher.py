"""Another model answers conversations, here or over HTTP; what it says is kept as it comes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch

from luthier.core.errors import Interrupted, RecipeError
from luthier.core.server import Server
from luthier.data.rows import Chat
from luthier.generation import generate
from luthier.graders.judge import is_local
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.run.layout import Layout
from luthier.workflow.device import device_name
from luthier.workflow.endpoint import Endpoint
from luthier.workflow.run import Run
from luthier.workflow.said import Kept, judged
from luthier.workflow.stages import Stages

AT_ONCE, ROWS_AT_ONCE = 4, 256
"""Questions at an endpoint at a time; rows answered here before they are kept."""
Tell = Callable[[int, int], None]
"""Called with (rows answered, rows in all)."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """Who answers."""

    model: str
    """A model reference; with `url`, the name by which its server knows it."""
    url: str = ""
    """An OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1; empty: opened here."""
    key_env: str = ""
    """Environment variable with the endpoint's key."""
    max_new_tokens: int = 512
    temperature: float = 0.0
    rewrite: bool = False
    """Say each row's own answer in other words, instead of answering anew."""

    def settings(self) -> dict[str, Any]:
        """What answers depend on."""
        return {key: value for key, value in asdict(self).items() if key != "key_env"}

    def check(self) -> None:
        """Raises: RecipeError: its address is none, or its key is not there."""
        if self.url and urlsplit(self.url).scheme not in ("http", "https"):
            raise RecipeError(f"--url: got '{self.url}', expected such as http://127.0.0.1:8000/v1")
        if self.key_env and not os.environ.get(self.key_env):
            raise RecipeError(
                f"--key-env: the environment has no {self.key_env}. Set it to the key of "
                f"{self.url}, or leave it out"
            )

    def server(self) -> Server:
        """Where it is asked."""
        return Server(self.url, os.environ[self.key_env] if self.key_env else "")


def teacher_of(by: str, model: str, key_env: str, max_new_tokens: int) -> Teacher:
    """Who is meant by a model, a run or a URL. Args: model: name at the URL; empty: its only one.

    Raises: RecipeError: nobody is there, or it has several models and none is named.
    """
    if "://" not in by:
        given = [name for name, value in (("--model", model), ("--key-env", key_env)) if value]
        if given:
            raise RecipeError(f"{given[0]}: is for a URL, but --by is '{by}'. Leave it out")
        return Teacher(by, max_new_tokens=max_new_tokens)
    teacher = Teacher(model, by, key_env, max_new_tokens)
    teacher.check()
    if model:
        return teacher
    names = Endpoint(teacher.server(), model, max_new_tokens, 0.0).models()
    if len(names) != 1:
        listed = f"lists {', '.join(names[:5])}" if names else "lists no model"
        raise RecipeError(f"--by {by}: {listed}. Name the one that is to write: --model")
    return replace(teacher, model=names[0])


def introduce(teacher: Teacher, num_kept: int, what: str, stages: Stages) -> None:
    """Say where words go, and how many answers are there. Args: what: such as "the rows are"."""
    host = urlsplit(teacher.url).hostname or ""
    if host and not is_local(host):
        stages.note(f"{what} sent to {host}")
    if num_kept:
        stages.note(f"{num_kept} answers are there from an earlier start")


class Asking:
    """A teacher that is asked as often as needed, opened once; answers are in `kept`."""

    def __init__(self, teacher: Teacher, kept: Kept, *, seed: int) -> None:
        self._teacher, self._kept, self._seed = teacher, kept, seed

    def ask(self, rows: Mapping[str, Chat], tell: Tell, *, max_new_tokens: int = 0) -> None:
        """Keep an answer for each row that has none. Args: max_new_tokens: 0: the teacher's.

        Raises: RecipeError: somebody does not answer. Interrupted: the user stopped. What came
            until then is kept, which is said.
        """
        todo = {name: row for name, row in rows.items() if name not in self._kept.found}
        longest = max_new_tokens or self._teacher.max_new_tokens
        if not todo:
            return
        ask = self._over_http if self._teacher.url else self._here
        try:
            ask(todo, tell, longest)
        except RecipeError as error:
            if not self._kept.told():
                raise
            raise RecipeError(f"{error}\n    {self._kept.told()}") from None
        except KeyboardInterrupt:
            if not self._kept.told():
                raise
            raise Interrupted(f"Stopped; {self._kept.told()}.") from None

    @cached_property
    def _bundle(self) -> Bundle:
        path = Path(self._teacher.model)
        if Layout(path).resolved.is_file():
            return _tuned(path)
        return open_model(
            self._teacher.model,
            kinds=frozenset({"causal_lm"}),
            dtype=torch.bfloat16 if device_name() == "cuda" else torch.float32,
            device=device_name(),
        )

    @cached_property
    def _is_there(self) -> bool:
        """Asked once. Raises: RecipeError: nobody is there."""
        self._endpoint(1).check()
        return True

    def _endpoint(self, max_new_tokens: int) -> Endpoint:
        teacher = self._teacher
        return Endpoint(teacher.server(), teacher.model, max_new_tokens, teacher.temperature)

    def _here(self, todo: Mapping[str, Chat], tell: Tell, max_new_tokens: int) -> None:
        names, bundle = list(todo), self._bundle
        for start in range(0, len(names), ROWS_AT_ONCE):
            chosen = names[start : start + ROWS_AT_ONCE]
            completions = generate(
                bundle,
                [bundle.codec.prompt(todo[name].messages, todo[name]) for name in chosen],
                max_new_tokens=max_new_tokens,
                temperature=self._teacher.temperature,
                seed=self._seed + start,
                on_progress=lambda done, _, before=start: tell(before + done, len(names)),
            )
            for name, said in zip(chosen, completions, strict=True):
                self._kept.keep(name, judged(said.text, finished=said.finished))

    def _over_http(self, todo: Mapping[str, Chat], tell: Tell, max_new_tokens: int) -> None:
        assert self._is_there
        kept, endpoint = self._kept, self._endpoint(max_new_tokens)
        stop = threading.Event()
        pool = ThreadPoolExecutor(AT_ONCE)
        waiting = {pool.submit(endpoint.ask, row, stop=stop): name for name, row in todo.items()}
        try:
            for number, future in enumerate(as_completed(waiting), start=1):
                kept.keep(waiting[future], future.result())
                tell(number, len(waiting))
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
            for future, name in waiting.items():  # what came while another failed
                if name not in kept.found and not future.cancelled() and not future.exception():
                    kept.keep(name, future.result())


def _tuned(path: Path) -> Bundle:
    """The model of a run. Raises: RecipeError: it writes no text."""
    run = Run(path)
    if "causal_lm" not in run.objective.kinds:
        raise RecipeError(
            f"{path}: cannot answer, as the model of this run writes no text.\n"
            "    Name a run that was trained to answer, or a model"
        )
    return run.bundle
