"""AdamW for a table of which few rows ever get a gradient, such as word embeddings.

A row without any gradient so far has moments of zero, so AdamW leaves it where it is (but for its
weight decay). Only the rows seen are kept and updated; the others cost nothing.
Letters: R rows seen, D width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor


class RowMoments:
    """Moments of the rows seen, float32; equal to those that AdamW keeps for the whole table."""

    def __init__(self, table: Tensor) -> None:
        self.rows_R = torch.empty(0, dtype=torch.int64, device=table.device)
        self.exp_avg_RD = torch.empty(0, table.shape[1], device=table.device)
        self.exp_avg_sq_RD = self.exp_avg_RD.clone()
        self.step = torch.zeros((), device=table.device)

    @torch.no_grad()
    def update(self, table: Tensor, gradient: Tensor, group: Mapping[str, Any]) -> None:
        """One AdamW step of `table` for a coalesced sparse gradient.

        Args: group: lr, betas, eps and weight_decay, as in torch's parameter groups.
        Source: Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2; equal to torch's AdamW on
        the dense gradient.
        """
        self._see(gradient.indices()[0])
        if group["weight_decay"]:
            table.mul_(1 - group["lr"] * group["weight_decay"])
        gradient_RD = torch.zeros_like(self.exp_avg_RD)
        gradient_RD[torch.searchsorted(self.rows_R, gradient.indices()[0])] = gradient.values()
        first, second = group["betas"]
        self.step += 1
        step = float(self.step)
        self.exp_avg_RD.lerp_(gradient_RD, 1 - first)
        self.exp_avg_sq_RD.mul_(second).addcmul_(gradient_RD, gradient_RD, value=1 - second)
        scale_RD = (self.exp_avg_sq_RD.sqrt() / (1 - second**step) ** 0.5).add_(group["eps"])
        rate = group["lr"] / (1 - first**step)
        moved_RD = table[self.rows_R].addcdiv_(self.exp_avg_RD, scale_RD, value=-rate)
        table.index_copy_(0, self.rows_R, moved_RD)

    def state(self) -> dict[str, Tensor]:
        """What restores it."""
        return {
            "rows": self.rows_R,
            "exp_avg": self.exp_avg_RD,
            "exp_avg_sq": self.exp_avg_sq_RD,
            "step": self.step,
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put `state` back."""
        device = self.step.device
        self.rows_R, self.exp_avg_RD, self.exp_avg_sq_RD, self.step = (
            state[key].to(device).clone() for key in ("rows", "exp_avg", "exp_avg_sq", "step")
        )

    def take_over(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the moments that AdamW kept for the whole table."""
        is_seen_R = (state["exp_avg"] != 0).any(1) | (state["exp_avg_sq"] != 0).any(1)
        self.rows_R = is_seen_R.nonzero()[:, 0]
        self.exp_avg_RD = state["exp_avg"][self.rows_R].float()
        self.exp_avg_sq_RD = state["exp_avg_sq"][self.rows_R].float()
        self.step = state["step"].to(self.step).clone()

    def dense(self, table: Tensor) -> dict[str, Tensor]:
        """The same moments for the whole table, as torch's AdamW keeps them."""
        whole = {
            "exp_avg": torch.zeros_like(table, requires_grad=False),
            "exp_avg_sq": torch.zeros_like(table, requires_grad=False),
        }
        whole["exp_avg"][self.rows_R] = self.exp_avg_RD
        whole["exp_avg_sq"][self.rows_R] = self.exp_avg_sq_RD
        return {"step": self.step.clone(), **whole}

    def _see(self, rows: Tensor) -> None:
        """Make room for rows that are new; their moments start at zero."""
        union_R = torch.cat([self.rows_R, rows]).unique()  # sorted
        if len(union_R) == len(self.rows_R):
            return
        places = torch.searchsorted(union_R, self.rows_R)
        for name in ("exp_avg_RD", "exp_avg_sq_RD"):
            old_RD = cast(Tensor, getattr(self, name))
            grown_RD = old_RD.new_zeros(len(union_R), old_RD.shape[1])
            grown_RD[places] = old_RD
            setattr(self, name, grown_RD)
        self.rows_R = union_R
