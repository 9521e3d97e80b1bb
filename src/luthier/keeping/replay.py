"""Train general rows beside those of the task."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from luthier.core.config import ComponentConfig
from luthier.keeping import keepers
from luthier.keeping._general import General
from luthier.keeping.contract import Setting
from luthier.models.bundle import Kind
from luthier.objectives import Part


class Config(ComponentConfig):
    """Replay of general conversations."""

    share: float = Field(0.2, gt=0, lt=1)
    """Share of all rows of an update that are general ones; usual 0.05 to 0.5."""
    rows: str = "luthier"
    """General conversations: those that ship with Luthier, or a file."""


@keepers.add
class Replay:
    """Adds general conversations to every update, learned as answers; a token of them counts as
    much as one of the task. The task's rows and their order stay as they were, so an update
    becomes larger: by share / (1 - share) of its rows.
    Source: rehearsal as in Scialom et al. 2022, arXiv:2205.12393, section 3.
    """

    Config = Config
    short: ClassVar[str] = "share"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"causal_lm"})
    changes_inputs: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self._parts: list[Part] = []

    def prepare(self, setting: Setting) -> None:
        """How many rows that is."""
        beside = setting.batch_size * self.config.share / (1 - self.config.share)
        self._parts = [General(setting, "replay", beside).part]

    def parts(self) -> list[Part]:
        """The general rows."""
        return self._parts
