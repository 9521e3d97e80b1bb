"""What models do for rows while files are made of files; no training asks them when it starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from luthier.core.errors import RecipeError
from luthier.data.points.embedder import Embedder


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model wrote."""

    text: str
    left_out: str = ""
    """Why it is no whole reply, in a word; empty: it is one."""


Writer = Callable[[Sequence[str]], Sequence[Reply]]
"""What a model replies to each of some texts. Raises RecipeError where it does not answer."""

Places = list[tuple[int, int]]
"""Characters [start, end), in order, none over another."""
Finder = Callable[[Sequence[str]], list[Places]]
"""Where something is named in each of some texts."""


class Helpers(Protocol):
    """Models at hand, each opened when it is first asked."""

    said: list[str]
    """What was noted, in order."""

    def writer(self) -> Writer:
        """The model that writes. Raises: RecipeError: none is named."""
        ...

    def embedder(self, reference: str) -> Embedder:
        """Vectors by this encoder; "auto": by a small one if it is at hand, else of words.

        Raises: RecipeError: there is none.
        """
        ...

    def persons(self, reference: str) -> Finder:
        """Where persons are named, by this tagger. Raises: RecipeError: there is none."""
        ...

    def note(self, text: str) -> None:
        """Tell people, and keep it in the account."""
        ...

    def progress(self, what: str, done: int, total: int) -> None:
        """Tell people how many rows are done. Args: what: is done, in a few words."""
        ...


@runtime_checkable
class Assisted(Protocol):
    """A way of augmenting or cleaning that asks a model, with these settings."""

    needs: str
    """What is asked, in a few words; empty: nothing."""
    command: str
    """What makes the rows once, with models at hand."""

    def assist(self, helpers: Helpers) -> None:
        """Take them, before rows are looked at."""
        ...


def assist(item: object, place: str, helpers: Helpers | None) -> None:
    """Hand the models to whoever needs one. Args: place: where the recipe asks for it.

    Raises: RecipeError: there are none.
    """
    if not isinstance(item, Assisted) or not item.needs:
        return
    if helpers is None:
        raise RecipeError(
            f"recipe {place}: needs {item.needs}, which is asked when files are made, and not each "
            "time that a training starts.\n"
            f"    Ask it once instead, beforehand: {item.command}"
        )
    item.assist(helpers)


def is_assisted(item: object) -> bool:
    """Whether it needs a model."""
    return isinstance(item, Assisted) and bool(item.needs)
