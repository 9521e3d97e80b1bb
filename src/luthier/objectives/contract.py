"""What an objective is: it says what is learned from which rows, and knows no tuner.

It declares facts about itself; whatever depends on the objective reads these, never its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from luthier.data.features import Batch, Features
from luthier.data.rows import Row
from luthier.models.bundle import Bundle, Codec, Kind


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss as a sum and what it is a sum over; the engine divides once per step.

    sum: float32 scalar with gradient. count: float32 scalar, the total weight.
    metrics: name -> (sum, count), both detached scalars, divided the same way.
    """

    sum: Tensor
    count: Tensor
    metrics: Mapping[str, tuple[Tensor, Tensor]] = field(
        default_factory=dict[str, tuple[Tensor, Tensor]]
    )


View = Callable[[], AbstractContextManager[Bundle]]
"""Opens a frozen model for as long as it is looked at. Look before the policy runs forward: the
view may be the policy itself with its trained parts switched off."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The models an objective may use: what an objective can ask for are these fields."""

    policy: Bundle
    reference: View | None = None
    """The model as it was before tuning, or the one that `reference` among the settings names."""
    companion: nn.Module | None = None
    """Parameters of the objective's own (see `Explorer.companion`)."""
    teacher: View | None = None
    """The model that `teacher` among the settings names; there only while `constants` is asked."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What a training takes where the recipe leaves it open."""

    batch_size: int = 8
    steps: int = 150
    """About so many updates, as far as `epochs` allow."""
    epochs: tuple[int, int] = (1, 4)
    """Fewest and most passes over the rows."""
    rate: float = 1.0
    """Peak learning rate, in terms of what the tuner takes for a cross-entropy."""
    batch_share: float = 0.25
    """The most of all rows that a batch takes."""
    best_by: str = ""
    """Metric of its loss, higher is better, by which the validation rows choose a step where that
    says more than the loss; empty: the loss."""
    validates: bool = True
    """Whether some rows are kept from training to choose a step by, where no file is given."""


class Objective(Protocol):
    """Built as `Component(config)` from a config without any "auto" left in it.

    What only some do is a protocol of its own (`_resolving`, `_heads`, `_precomputing`, `_scoring`,
    `_exploring`, `_around`): whoever holds an objective asks with isinstance whether it is one.
    """

    Config: Any
    """Its settings: a class derived from ComponentConfig (protocol variables are invariant)."""
    row: ClassVar[type[Row]]
    """The schema it eats."""
    kinds: ClassVar[frozenset[Kind]]
    """Model kinds it trains (see models.bundle.Kind)."""
    roles: ClassVar[frozenset[str]]
    """Models its loss needs: names of fields of `Roles`."""
    additive: ClassVar[bool]
    """False when examples of a batch interact (in-batch negatives): a batch is then never cut into
    micro-batches."""
    is_default: ClassVar[bool]
    """Taken for such rows where the recipe names no objective; one per schema."""
    usual: ClassVar[Usual]
    config: Any

    def __init__(self, config: Any) -> None: ...

    @property
    def unit(self) -> str:
        """What the count of its loss counts, such as "tokens", "rows" or "pairs". Sources of one
        update that count different things are not added up (see `engine.sources`)."""
        ...

    def prepare(self, row: Row, codec: Codec, *, index: int) -> Features:
        """One row as features. Overlong rows come back whole; `fit_to` in data/overflow cuts them.

        Raises: DataError, MaskError: naming the row's origin.
        """
        ...

    def collate(self, features: Sequence[Features]) -> Batch: ...

    def loss(self, models: Roles, batch: Batch) -> Loss: ...
