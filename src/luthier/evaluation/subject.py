"""What is evaluated: an open tuned model, the way back to its base, and the rows."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from luthier.core.errors import RecipeError
from luthier.data.rows import Row
from luthier.models.bundle import Bundle
from luthier.objectives.contract import Objective, View
from luthier.tuners.contract import Tuner


@dataclass(slots=True)
class Subject:
    """A tuned model and the rows it is judged on. `train` is only used to help the other arms."""

    bundle: Bundle
    tuner: Tuner
    objective: Objective
    train: Sequence[Row]
    test: Sequence[Row]
    seed: int
    open_base: Callable[[], Bundle] | None = None
    """Opens the untouched base model; needed when the tuner does not keep it."""
    reference: View | None = None
    """What it was trained against, where that is not its base."""
    opened: list[Bundle] = field(default_factory=list[Bundle])
    """The base model, once it was opened."""

    @property
    def has_base(self) -> bool:
        """The base model can be had."""
        return self.tuner.keeps_base or self.open_base is not None

    @property
    def has_reference(self) -> bool:
        """What it was trained against can be had."""
        return self.reference is not None or self.has_base

    @contextmanager
    def compared_with(self) -> Generator[Bundle]:
        """What it was trained against: another model, or its base.

        Raises: RecipeError: as `base`.
        """
        with self.base() if self.reference is None else self.reference() as other:
            yield self._as_read(other)

    @contextmanager
    def base(self) -> Generator[Bundle]:
        """The base model: the tuner's own view of it, or one opened once and kept until `close`.

        Raises: RecipeError: there is neither.
        """
        if self.tuner.keeps_base:
            with self.tuner.base(self.bundle.model) as model:
                yield replace(self.bundle, model=model)
            return
        if self.open_base is None:
            raise RecipeError(
                "evaluation: the tuner does not keep the base model, and there is no way to open it"
            )
        if not self.opened:
            self.opened.append(self.open_base())
        yield self._as_read(self.opened[0])

    def _as_read(self, other: Bundle) -> Bundle:
        """Another model that is given the same tokens of a row: its own template may differ."""
        ours = self.bundle
        return replace(other, codec=ours.codec, cut=ours.cut, notes=ours.notes)

    def close(self) -> None:
        """Let go of models that were opened."""
        self.opened.clear()
        self.reference = None
