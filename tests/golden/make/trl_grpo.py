"""Loss and gradient of TRL's GRPOTrainer for given log-probabilities: writes trl_grpo.json.

Run in an environment that has TRL: python -P tests/golden/make/trl_grpo.py
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import transformers
import trl
from trl import GRPOTrainer

PLACE = Path(__file__).parents[1] / "trl_grpo.json"
LENGTHS, LONGEST = (5, 3, 6, 1), 6
VARIANTS = {"grpo": "grpo", "dr_grpo": "dr_grpo", "dapo": "dapo"}


class _Accelerator:
    num_processes, sync_gradients = 1, True

    def gather(self, value: torch.Tensor, **_: Any) -> torch.Tensor:
        return value

    gather_for_metrics = reduce = gather


def trainer(loss_type: str, beta: float, high: float, logprobs: torch.Tensor) -> Any:
    """TRL's trainer with nothing but what its loss reads; its model says `logprobs`."""
    made = GRPOTrainer.__new__(GRPOTrainer)
    made.loss_type, made.beta, made.epsilon_low, made.epsilon_high = loss_type, beta, 0.2, high
    made.aux_loss_enabled, made.top_entropy_quantile = False, 1.0
    made.off_policy_mask_threshold, made.importance_sampling_level = None, "token"
    made.use_vllm, made._entropy_bonus_enabled = False, False
    made.current_gradient_accumulation_steps, made.max_completion_length = 1, LONGEST
    made.args = SimpleNamespace(delta=None, use_bias_correction_kl=False, steps_per_generation=1)
    made.accelerator, made.model = _Accelerator(), torch.nn.Linear(1, 1)
    made._metrics = {"train": defaultdict(list), "eval": defaultdict(list)}
    entropies = torch.zeros_like(logprobs)
    made._get_per_token_logps_and_entropies = lambda *_a, **_k: (logprobs, entropies, None)
    return made


def main() -> None:
    """Draw a batch, ask TRL, write."""
    draws = torch.Generator().manual_seed(0)
    mask = torch.tensor([[float(t < n) for t in range(LONGEST)] for n in LENGTHS])
    old = -torch.rand(4, LONGEST, generator=draws) * 3
    now = old + 0.4 * torch.randn(4, LONGEST, generator=draws)
    reference = old + 0.3 * torch.randn(4, LONGEST, generator=draws)
    advantages = torch.randn(4, generator=draws)
    cases: list[dict[str, Any]] = []
    for variant, loss_type in VARIANTS.items():
        for beta, high in ((0.0, 0.2), (0.1, 0.28)):
            logprobs = now.clone().requires_grad_()
            inputs = {
                "prompt_ids": torch.zeros(4, 2, dtype=torch.long),
                "prompt_mask": torch.ones(4, 2, dtype=torch.long),
                "completion_ids": torch.zeros(4, LONGEST, dtype=torch.long),
                "completion_mask": mask,
                "advantages": advantages,
                "old_per_token_logps": old,
                "ref_per_token_logps": reference,
                "num_items_in_batch": mask.sum(),
            }
            loss = trainer(loss_type, beta, high, logprobs)._compute_loss(None, inputs)
            loss.backward()
            found = {"loss": loss.item(), "gradient": logprobs.grad.tolist()}
            cases.append({"variant": variant, "beta": beta, "clip_high": high, **found})
    document = {
        "versions": {"trl": trl.__version__, "torch": torch.__version__,
                     "transformers": transformers.__version__},
        "lengths": LENGTHS, "now": now.tolist(), "old": old.tolist(),
        "reference": reference.tolist(), "advantages": advantages.tolist(), "cases": cases,
    }  # fmt: skip
    PLACE.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
