"""What tuners share that train some of the model's own tensors, and keep the others as they are."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, ClassVar

from torch import Tensor, nn

from luthier.models.bundle import Bundle, Outline
from luthier.tuners._groups import decay_groups
from luthier.tuners._restore import copy_strictly, exchanged
from luthier.tuners._targets import heads_of
from luthier.tuners.contract import ParamGroup


class OwnTensors:
    """Moves the tensors that `move` was given; what they were is kept beside them.

    The copy costs 4 bytes per moved parameter, and gives the base back without a second model.
    """

    keeps_base: ClassVar[bool] = True
    moves_base: ClassVar[bool] = True
    merges: ClassVar[bool] = True
    saved_as: ClassVar[str] = "changed"

    def __init__(self, config: Any) -> None:
        self.config = config
        self._first: dict[str, Tensor] = {}

    def move(self, bundle: Bundle, names: Iterable[str]) -> Bundle:
        """The same bundle with the parameters called `names` trained, and no others."""
        chosen, model = set(names), bundle.model
        model.requires_grad_(False)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in chosen)
        self._first = {name: p.detach().float().clone() for name, p in _moved(model, chosen)}
        return bundle

    def groups(self, model: nn.Module) -> list[ParamGroup]:
        """Matrices decay, biases and norms do not."""
        return decay_groups(model.parameters())

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """What moves, by name."""
        return {name: parameter.detach() for name, parameter in _moved(model, self._first)}

    def restore(self, model: nn.Module, state: dict[str, Tensor]) -> None:
        """Put every moved tensor back.

        Raises: RunError: names or shapes differ.
        """
        copy_strictly(dict(_moved(model, self._first)), state)

    @contextmanager
    def base(self, model: nn.Module) -> Generator[nn.Module]:
        """Within it the moved tensors are what they were."""
        with exchanged(dict(_moved(model, self._first)), self._first):
            yield model

    def merge(self, model: nn.Module) -> nn.Module:
        """The model itself: it has no added parts."""
        return model


def names_of(model: nn.Module, modules: Iterable[str]) -> list[str]:
    """Parameters of the modules called so."""
    tops = tuple(f"{name}." for name in modules)
    return [name for name, _ in model.named_parameters() if name.startswith(tops)]


def new_head(outline: Outline) -> list[str]:
    """Parameters of the head (and pooler) of a kind that has a new one; of others none."""
    return names_of(outline.model, heads_of(outline))


def _moved(model: nn.Module, names: Iterable[str]) -> Generator[tuple[str, nn.Parameter]]:
    chosen = set(names)
    for name, parameter in model.named_parameters():
        if name in chosen:
            yield name, parameter
