"""AdamW over a tuner's groups, its state by parameter name, and the gradients it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from luthier.engine.job import Job, Plan
from luthier.tuners.contract import ParamGroup

_FUSED = ("cpu", "cuda")
STATE_NAMES = ("step", "exp_avg", "exp_avg_sq")


class Optimizer:
    """Decoupled weight decay Adam; every moment is float32 like the parameter it belongs to.

    Source: Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2, as torch implements it.
    """

    def __init__(self, model: nn.Module, groups: list[ParamGroup], plan: Plan) -> None:
        moved = {id(p) for group in groups for p in group.parameters}
        self.named = {name: p for name, p in model.named_parameters() if id(p) in moved}
        self._rates = [group.rate for group in groups]
        self._peak = plan.learning_rate
        settings = [
            {"params": g.parameters, "weight_decay": plan.weight_decay if g.decays else 0.0}
            for g in groups
        ]
        device = next(iter(self.named.values())).device
        self._adamw = torch.optim.AdamW(
            settings,
            lr=plan.learning_rate,
            betas=(plan.adam_beta1, plan.adam_beta2),
            eps=plan.adam_epsilon,
            fused=True if device.type in _FUSED else None,
        )

    def gradients(self) -> dict[str, Tensor]:
        """Gradients that are there, by parameter name."""
        return {name: p.grad for name, p in self.named.items() if p.grad is not None}

    def norm(self) -> Tensor:
        """Euclidean norm of all gradients, a float32 scalar."""
        return nn.utils.get_total_norm(list(self.gradients().values()))

    def update(self, *, rate_share: float, gradient_share: float) -> None:
        """One step at this share of the peak rate, with gradients times `gradient_share`."""
        for group, rate in zip(self._adamw.param_groups, self._rates, strict=True):
            group["lr"] = self._peak * rate_share * rate
        for gradient in self.gradients().values():
            gradient.mul_(gradient_share)
        self._adamw.step()
        self.clear()

    def clear(self) -> None:
        """Forget the gradients."""
        self._adamw.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """`<parameter>/<moment>` -> tensor; empty before the first update."""
        return dict(self._moments())

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put `state` back; parameters without one start afresh."""
        self._adamw.state.clear()
        for name, parameter in self.named.items():
            if f"{name}/exp_avg" not in state:
                continue
            self._adamw.state[parameter] = {
                key: state[f"{name}/{key}"].to(parameter.device).clone() for key in STATE_NAMES
            }

    def _moments(self) -> Iterator[tuple[str, Tensor]]:
        for name, parameter in self.named.items():
            for key, value in self._adamw.state.get(parameter, {}).items():
                yield f"{name}/{key}", value


def open_optimizer(job: Job) -> Optimizer:
    """The optimizer of a job, without state."""
    return Optimizer(job.bundle.model, job.tuner.groups(job.bundle.model), job.plan)


def device_of(job: Job) -> torch.device:
    """Where the job's model is."""
    return next(job.bundle.model.parameters()).device
