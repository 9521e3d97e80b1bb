"""What the parts that tuners add to a model have in common."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn


class Added(nn.Module):
    """A part that a tuner put into a model; its parameters come to the type of its input.

    Where it stands in the place of a module, that module is its `base`. `enabled = False` gives
    the base back. Trunks that do not run such a part decline the model.
    """

    def __init__(self) -> None:
        super().__init__()
        self.enabled = True

    def added(self) -> Iterator[nn.Parameter]:
        """Its own parameters, without those of `base`."""
        for name, parameter in self.named_parameters():
            if not name.startswith("base."):
                yield parameter


def added_to(model: nn.Module) -> dict[str, Added]:
    """Every such part of a model by its name."""
    return {name: part for name, part in model.named_modules() if isinstance(part, Added)}
