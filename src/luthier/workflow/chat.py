"""Talking to a tuned model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from luthier.core.errors import RecipeError
from luthier.data.rows import Message
from luthier.generation.stream import stream
from luthier.workflow.run import Run
from luthier.workflow.stages import Listener, Stages, silent
from luthier.workflow.stop import Stop

MAX_NEW_TOKENS = 512


class Conversation:
    """Keeps the turns; `say` gives the answer piece by piece."""

    def __init__(self, run: Run, *, system: str = "") -> None:
        self._run = run
        self.was_stopped = False
        """The last answer was ended by Ctrl-C."""
        self.messages: list[Message] = [Message("system", system)] if system else []

    def say(self, text: str, *, max_new_tokens: int = MAX_NEW_TOKENS) -> Iterator[str]:
        """The assistant's answer to `text` as it is generated; both turns are remembered.

        A first Ctrl-C ends the answer where it is. A turn without any answer is forgotten, so that
        the conversation can go on.
        Raises: ModelError: the conversation no longer fits into the context of the model.
        """
        bundle, stop, answer = self._run.bundle, Stop(), ""
        asked = [*self.messages, Message("user", text)]
        with stop.graceful():
            pieces = stream(bundle, bundle.codec.prompt(asked), max_new_tokens=max_new_tokens)
            for piece in pieces:
                answer += piece
                yield piece
                if stop.requested():
                    break
        self.was_stopped = stop.requested()
        if answer or not self.was_stopped:
            self.messages = [*asked, Message("assistant", answer)]

    def forget(self) -> None:
        """Start again, keeping the system turn."""
        self.messages = [turn for turn in self.messages if turn.role == "system"]


def chat(path: Path, *, system: str = "", on_event: Listener = silent) -> Conversation:
    """A conversation with the tuned model of a run.

    Raises: RecipeError: the run trained a model that writes no text.
    """
    run, stages = Run(path), Stages(on_event)
    if "causal_lm" not in run.objective.kinds:
        raise RecipeError(
            f"{path}: cannot chat, as the model of this run writes no text.\n"
            f"    Give it rows instead: luthier predict {path} --input FILE --output FILE"
        )
    with stages.stage("loading model", run.recipe.model):
        _ = run.bundle
    return Conversation(run, system=system)
