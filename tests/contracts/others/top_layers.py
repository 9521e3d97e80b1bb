"""Somebody else's tuner: the top layers move whole, all others stay as they are."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError
from luthier.models.bundle import Bundle, Facts, Kind
from luthier.tuners import ParamGroup


class Config(ComponentConfig):
    """Which layers."""

    num_layers: int = Field(1, ge=1)
    """How many, counted from the end."""


class TopLayers:
    """Trains the parameters of the top layers, and of a classifier's head."""

    Config = Config
    keeps_base: ClassVar[bool] = False
    moves_base: ClassVar[bool] = True
    merges: ClassVar[bool] = True
    saved_as: ClassVar[str] = "safetensors"

    def __init__(self, config: Config) -> None:
        self.config = config
        self._names: list[str] = []

    @classmethod
    def resolve(cls, config: Config) -> dict[str, tuple[object, str]]:
        del config
        return {}

    @classmethod
    def usual_rate(cls, facts: Facts, kind: Kind) -> tuple[float, str]:
        del facts, kind
        return 3e-4, "somebody tried"

    def apply(self, bundle: Bundle, *, seed: int) -> Bundle:
        del seed
        model = bundle.model.requires_grad_(False)
        stacks = [part for part in model.modules() if isinstance(part, nn.ModuleList)]
        for layer in max(stacks, key=len)[-self.config.num_layers :]:
            layer.requires_grad_(True)
        for name in ("classifier", "score") if bundle.labels else ():
            if hasattr(model, name):
                getattr(model, name).requires_grad_(True)
        self._names = [name for name, part in model.named_parameters() if part.requires_grad]
        return bundle

    def groups(self, model: nn.Module) -> list[ParamGroup]:
        moved = list(self._moved(model).values())
        matrices, vectors = [p for p in moved if p.ndim > 1], [p for p in moved if p.ndim < 2]
        return [ParamGroup(matrices), ParamGroup(vectors, decays=False)]

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        return {name: part.detach() for name, part in self._moved(model).items()}

    def restore(self, model: nn.Module, state: dict[str, Tensor]) -> None:
        for name, part in self._moved(model).items():
            part.data.copy_(state[name])

    def base(self, model: nn.Module) -> AbstractContextManager[nn.Module]:
        raise RecipeError(f"{type(model).__name__}: this tuner does not keep the base")

    def merge(self, model: nn.Module) -> nn.Module:
        return model

    def _moved(self, model: nn.Module) -> dict[str, nn.Parameter]:
        every = dict(model.named_parameters())
        return {name: every[name] for name in self._names}
