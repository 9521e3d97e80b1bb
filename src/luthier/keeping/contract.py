"""What an option of `keep` is: it holds a training back, whatever objective and tuner it has.

Each is one file. What it does is said by the protocols it fulfils; the engine asks for these, and
never for a name. All of them compose: losses add up as sums and counts, penalties as means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from luthier.data.features import Batch, Features
from luthier.data.rows import Row
from luthier.models.bundle import Bundle, Kind
from luthier.objectives import Loss, Objective, Part, Roles, View


@dataclass(frozen=True, slots=True)
class Setting:
    """What a training starts from, before its first update and before anything is restored."""

    bundle: Bundle
    """With the tuner's parts in place, fresh."""
    objective: Objective
    before: View
    """The model before tuning; it may be looked at now only, where the tuner keeps no base."""
    rows: Sequence[Row]
    """Training rows, as `Features.row` counts them."""
    general: Part
    """General rows that a keeper with `rows` asked for, to be learned as answers."""
    batch_size: int
    max_length: int
    seed: int
    note: Callable[[str], None]
    """Tells the user a sentence, which is recorded."""

    @property
    def device(self) -> torch.device:
        return next(self.bundle.model.parameters()).device


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """Everything that moves, by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def kept_tensors(model: nn.Module) -> dict[str, Tensor]:
    """What other weights consist of: everything trained, and the running statistics of norms, which
    go with it."""
    norms = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(getattr(module, "running_mean", None), Tensor)
    ]
    statistics = {
        f"{name}.{own}": buffer
        for name, module in norms
        for own, buffer in module.named_buffers(recurse=False)
        if buffer.is_floating_point()
    }
    return {**trained(model), **statistics}


class Keeper(Protocol):
    """Built as `Component(config)`; `prepare` is called once, and again when a run goes on."""

    Config: Any
    """Its settings. One called `rows` names a file of general conversations ("luthier": those that
    ship with it), which come as
    `Setting.general`."""
    short: ClassVar[str]
    """The setting that a bare value stands for: `keep.l2_sp=0.1`; empty: there is none."""
    kinds: ClassVar[frozenset[Kind]]
    """Model kinds it works with; empty: any."""
    changes_inputs: ClassVar[bool]
    """A row is not the same each time it is trained."""
    config: Any

    def __init__(self, config: Any) -> None: ...

    def prepare(self, setting: Setting) -> None:
        """Take what is needed of the model as it is before tuning.

        Raises: RecipeError: it cannot work with this objective or these rows.
        """
        ...


@runtime_checkable
class Penalty(Protocol):
    """Adds a term to the mean loss of every update."""

    def penalty(self, step: int) -> Tensor:
        """A scalar in nats, differentiable; a pure function of the parameters and `step`."""
        ...


@runtime_checkable
class Piecewise(Protocol):
    """A penalty that is about rows of its own, which may go through the model piece by piece."""

    def rows(self, step: int) -> list[Features]:
        """Those of an update."""
        ...

    def piece(self, step: int, rows: Sequence[Features]) -> Tensor:
        """What some of the rows add; over pieces that make up all of them it is `penalty`."""
        ...


@runtime_checkable
class Around(Protocol):
    """Does something around the loss of every micro-batch that is trained, not validated."""

    def around(self, models: Roles, batch: Batch, run: Callable[[Roles], Loss]) -> Loss:
        """`run(models)`, changed. Frozen views are looked at before the policy runs."""
        ...


@runtime_checkable
class Beside(Protocol):
    """Trains further rows beside those of the objective."""

    def parts(self) -> list[Part]:
        """What is trained beside."""
        ...


@runtime_checkable
class Changing(Protocol):
    """Changes the rows of an update before they are trained; never those of a validation."""

    def change(self, features: Sequence[Features], step: int) -> list[Features]:
        """As many rows, a pure function of rows, seed and step."""
        ...


@runtime_checkable
class Averaging(Protocol):
    """Keeps other weights than those that move, which are validated and saved in their place."""

    def updated(self) -> None:
        """An update was taken."""
        ...

    def shown(self) -> AbstractContextManager[None]:
        """Within it the model has the weights that are kept."""
        ...

    def state(self) -> Mapping[str, Tensor]:
        """What restores it."""
        ...

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put `state` back. What it lacks begins with the weights as they are: an empty one is of a
        run that was without this option until now."""
        ...


@runtime_checkable
class Finishing(Protocol):
    """Changes the trained weights once, after training and before they are saved."""

    def finish(self, validate: Callable[[], float]) -> tuple[list[str], dict[str, Any]]:
        """Sentences for the user, and what was measured.

        Args: validate: the mean loss of the validation rows with the weights as they are; nan
            where there are none, or too few to choose by.
        Returns: figures are JSON, so no nan; of them `validation_loss`, where it is there, is that
            of the weights as they are left, and counts as the run's.
        """
        ...
