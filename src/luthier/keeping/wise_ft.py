"""Go back part of the way to the starting weights, as far as validation allows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from luthier.core.config import ComponentConfig
from luthier.keeping import keepers
from luthier.keeping.contract import Setting, kept_tensors
from luthier.models.bundle import Kind
from luthier.models.low_rank import LowRankLinear


class Config(ComponentConfig):
    """Interpolation between the weights before and after training."""

    give_up: float = Field(0.05, ge=0, lt=1)
    """Share of what training won on the validation rows that may be given up."""
    num_steps: int = Field(default=10, ge=2)
    """So many factors are tried: 1 / num_steps, 2 / num_steps, ... 1."""


@keepers.add
class WiseFt:
    """After training: the smallest factor f of w = start + f (trained - start) whose validation
    loss keeps all but `give_up` of what training won, or less where the best lies there. Costs
    `num_steps` validations and a copy of what is trained; nothing while training. The factor is
    chosen on validation rows, never on those of the test; 1 where these have too few targets to
    choose a step by.

    Of plain LoRA the change of each weight is scaled itself (B alone), which is a straight line
    between base and result; other added parts, such as terms that do not begin at zero, move along
    the line of their own parameters, and running statistics of norms with them.
    Source: Wortsman et al. 2022, arXiv:2109.01903, section 3; the rule for the factor is ours.
    """

    Config = Config
    short: ClassVar[str] = ""
    kinds: ClassVar[frozenset[Kind]] = frozenset()
    changes_inputs: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self.config = config
        self._named: dict[str, Tensor] = {}
        self._start: dict[str, Tensor] = {}

    def prepare(self, setting: Setting) -> None:
        """Copy what will be moved back towards."""
        named, held = kept_tensors(setting.bundle.model), _stays(setting.bundle.model)
        self._named = {name: p for name, p in named.items() if id(p) not in held}
        self._start = {name: p.detach().clone() for name, p in self._named.items()}

    def finish(self, validate: Callable[[], float]) -> tuple[list[str], dict[str, Any]]:
        """Try every factor, and leave the weights at the one that is chosen."""
        end = {name: p.detach().clone() for name, p in self._named.items()}
        losses = {1.0: validate()}
        for step in range(self.config.num_steps if math.isfinite(losses[1.0]) else 0):
            factor = step / self.config.num_steps
            self._move(end, factor)
            losses[factor] = validate()
        chosen = choose(losses, give_up=self.config.give_up)
        self._move(end, chosen)
        why = (
            f"validation loss {losses[chosen]:.4f}; {losses[1.0]:.4f} as trained, "
            f"{losses[0.0]:.4f} before"
            if math.isfinite(losses[1.0])
            else "there are too few validation rows to choose by"
        )
        said = f"keep.wise_ft: weights stand at {chosen:g} of the way from the base ({why})"
        found = {
            factor: loss if math.isfinite(loss) else None for factor, loss in sorted(losses.items())
        }
        left = {"validation_loss": found[chosen]} if found[chosen] is not None else {}
        return [said], {"factor": chosen, **left, "validation_losses": found}

    @torch.no_grad()
    def _move(self, end: dict[str, Tensor], factor: float) -> None:
        for name, parameter in self._named.items():
            if factor == 1:
                parameter.copy_(end[name])
            else:
                parameter.copy_(torch.lerp(self._start[name], end[name], factor))


def choose(losses: dict[float, float], *, give_up: float) -> float:
    """The smallest factor that keeps all but a share of the gain of the best one; 1 where losses
    are not numbers or nothing was won."""
    if not all(map(math.isfinite, losses.values())):
        return 1.0
    best = min(losses.values())
    limit = best + give_up * (losses[0.0] - best)
    good = [factor for factor, loss in losses.items() if loss <= limit and factor > 0]
    return min(good, default=1.0)


def _stays(model: nn.Module) -> set[int]:
    """Parameters that are left as trained: A where B starts at zero and is scaled alone."""
    layers = [m for m in model.modules() if isinstance(m, LowRankLinear) and m.is_bare]
    return {id(layer.lora_A) for layer in layers if not layer.lora_B.any()}
