"""AdamW over a tuner's groups, its state by parameter name, and the gradients it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from luthier.engine.job import Job, Plan
from luthier.engine.layers import decayed, unfreezing
from luthier.engine.row_moments import RowMoments
from luthier.tuners.contract import ParamGroup

_FUSED = ("cpu", "cuda")
_NAMES = ("step", "exp_avg", "exp_avg_sq", "rows")


class Optimizer:
    """Decoupled weight decay Adam; every moment is float32 like the parameter it belongs to.

    A parameter with a sparse gradient has moments for the rows that ever got one, no others.
    Source: Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2, as torch implements it.
    """

    def __init__(
        self,
        model: nn.Module,
        groups: list[ParamGroup],
        plan: Plan,
        *,
        companion: nn.Module | None = None,
    ) -> None:
        groups = decayed(groups, model, layer_decay=plan.layer_decay)
        moved = {id(p) for group in groups for p in group.parameters}
        self.named = {name: p for name, p in model.named_parameters() if id(p) in moved}
        self.unfreezing = unfreezing(model, self.named, every=plan.unfreeze_every)
        if companion is not None:
            groups = [*groups, ParamGroup(list(companion.parameters()), decays=False)]
            self.named |= {f"companion.{name}": p for name, p in companion.named_parameters()}
        self._names = {id(p): name for name, p in self.named.items()}
        self._tables: dict[str, RowMoments] = {}
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
        """Gradients that are there, by parameter name; of a sparse one the rows that are there."""
        return {name: _values(p) for name, p in self.named.items() if p.grad is not None}

    def norm(self) -> Tensor:
        """Euclidean norm of all gradients, a float32 scalar."""
        return nn.utils.get_total_norm(list(self.gradients().values()))

    def update(self, *, rate_share: float, gradient_share: float) -> None:
        """One step at this share of the peak rate, with gradients times `gradient_share`."""
        for group, rate in zip(self._adamw.param_groups, self._rates, strict=True):
            group["lr"] = self._peak * rate_share * rate
        for gradient in self.gradients().values():
            gradient.mul_(gradient_share)
        for group in self._adamw.param_groups:
            for parameter in group["params"]:
                self._update_rows(parameter, group)
        self._adamw.step()
        self.clear()

    def _update_rows(self, parameter: Tensor, group: dict[str, Any]) -> None:
        """The step of a parameter with a sparse gradient, which is then out of AdamW's sight."""
        if parameter.grad is None:
            return
        name = self._names[id(parameter)]
        if parameter.grad.is_sparse:
            table = self._table(name, parameter)
            table.update(parameter.detach(), parameter.grad, group)
            parameter.grad = None
        elif name in self._tables:  # another path runs the model now
            self._adamw.state[parameter] = self._tables.pop(name).dense(parameter.detach())

    def _table(self, name: str, parameter: Tensor) -> RowMoments:
        """Moments of its rows, taken over from AdamW where another path ran the model before."""
        if name not in self._tables:
            self._tables[name] = RowMoments(parameter)
            if whole := self._adamw.state.pop(parameter, None):
                self._tables[name].take_over(whole)
        return self._tables[name]

    def clear(self) -> None:
        """Forget the gradients."""
        self._adamw.zero_grad(set_to_none=True)

    def take(self) -> dict[str, Tensor]:
        """The gradients by parameter name, sparse ones coalesced; there are none afterwards."""
        self.gradients()
        taken = {name: p.grad for name, p in self.named.items() if p.grad is not None}
        self.clear()
        return taken

    def add(self, gradients: Mapping[str, Tensor], *, share: Tensor) -> None:
        """Put gradients that were taken, times `share`, on top of those that are there.

        They are used up: no further copy is made.
        """
        for name, more in gradients.items():
            (more.values() if more.is_sparse else more).mul_(share)
            parameter = self.named[name]
            if parameter.grad is None:
                parameter.grad = more
            elif parameter.grad.is_sparse:  # a table that another source has whole stays whole
                parameter.grad = more.add_(parameter.grad)
            else:
                parameter.grad.add_(more)

    def state(self) -> dict[str, Tensor]:
        """`<parameter>/<moment>` -> tensor; empty before the first update."""
        return dict(self._moments())

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put `state` back; parameters without one start afresh."""
        self._adamw.state.clear()
        self._tables.clear()
        for name, parameter in self.named.items():
            own = {key: state[f"{name}/{key}"] for key in _NAMES if f"{name}/{key}" in state}
            if "rows" in own:
                self._tables[name] = RowMoments(parameter)
                self._tables[name].restore(own)
            elif own:
                self._adamw.state[parameter] = {
                    key: value.to(parameter.device).clone() for key, value in own.items()
                }

    def bytes_for(self, num_rows: int) -> int:
        """Bytes of the state once so many rows of every table were seen."""
        seen = {
            f"{name}/": min(num_rows, len(self.named[name])) / max(len(table.rows_R), 1)
            for name, table in self._tables.items()
        }
        total = 0.0
        for key, value in self._moments():
            size = value.numel() * value.element_size()
            total += size * seen.get(key[: key.rindex("/") + 1], 1.0)
        return int(total)

    def _moments(self) -> Iterator[tuple[str, Tensor]]:
        for name, parameter in self.named.items():
            table = self._tables.get(name)
            own = table.state() if table else self._adamw.state.get(parameter, {})
            for key, value in own.items():
                yield f"{name}/{key}", value


def _values(parameter: Tensor) -> Tensor:
    """The gradient, or the rows of a sparse one, each once; writing to it changes the gradient."""
    assert parameter.grad is not None
    if not parameter.grad.is_sparse:
        return parameter.grad
    parameter.grad = parameter.grad.coalesce()
    return parameter.grad.values()


def open_optimizer(job: Job) -> Optimizer:
    """The optimizer of a job, without state."""
    model, groups = job.bundle.model, job.tuner.groups(job.bundle.model)
    return Optimizer(model, groups, job.plan, companion=job.companion)


def device_of(job: Job) -> torch.device:
    """Where the job's model is."""
    return next(job.bundle.model.parameters()).device
