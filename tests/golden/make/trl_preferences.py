"""Losses of TRL's preference trainers on one batch of a tiny model: writes trl_preferences.json.

Run in an environment that has TRL: python -P tests/golden/make/trl_preferences.py
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

PLACE = Path(__file__).parents[1] / "trl_preferences.json"
SHAPE = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "tie_word_embeddings": False, "pad_token_id": 0,
}  # fmt: skip
PROMPTS, CHOSEN, REJECTED = (5, 3, 6, 4), (4, 6, 2, 5), (3, 7, 5, 2)
GOOD = (True, False, False, True)
MARGINS = (0.5, 0.0, 1.5, 0.0)
WEIGHTS = (1.0, 1.33)
FIELDS = ("log_probs", "entropy", "mean_logits", "is_top1")
"""What the trainers log, and so ask their fused head for."""


def draw(model: Any, seed: int) -> Any:
    """Weights that do not depend on how a library initialises."""
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=draws)
            parameter.copy_(1 + 0.1 * noise if name.endswith("norm.weight") else 0.15 * noise)
    return model.eval()


def language_model(seed: int) -> Any:
    """Policy (0) or reference (1)."""
    return draw(LlamaForCausalLM(LlamaConfig(**SHAPE)), seed)


def scorer() -> Any:
    """A decoder with a single score."""
    return draw(LlamaForSequenceClassification(LlamaConfig(**SHAPE, num_labels=1)), 2)


def tokens() -> dict[str, list[list[int]]]:
    """Prompts and their two answers."""
    draws = torch.Generator().manual_seed(3)
    lengths = {"prompt": PROMPTS, "chosen": CHOSEN, "rejected": REJECTED}
    return {
        name: [torch.randint(1, 64, (length,), generator=draws).tolist() for length in of]
        for name, of in lengths.items()
    }


class _Accelerator:
    device = torch.device("cpu")

    def gather(self, value: Any, **_: Any) -> Any:
        return value

    gather_for_metrics = gather

    def unwrap_model(self, model: Any) -> Any:
        return model


def _padded(prompts: Any, answers: Any, prefix: str = "") -> dict[str, torch.Tensor]:
    rows = [torch.tensor(one + other) for one, other in zip(prompts, answers, strict=True)]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    seen, answer = torch.zeros_like(ids), torch.zeros_like(ids)
    for place, (one, row) in enumerate(zip(prompts, rows, strict=True)):
        seen[place, : len(row)] = 1
        answer[place, len(one) : len(row)] = 1
    return {
        f"{prefix}input_ids": ids,
        f"{prefix}attention_mask": seen,
        f"{prefix}completion_mask": answer,
    }


def _bare(kind: Any, **attributes: Any) -> Any:
    """A trainer with nothing but what its loss reads."""
    made = kind.__new__(kind)
    made.accelerator, made.aux_loss_enabled, made._tp_size = _Accelerator(), False, 1
    made._metrics = {"train": defaultdict(list), "eval": defaultdict(list)}
    made._total_train_tokens, made.is_encoder_decoder = 0, False
    made.padding_value = made.pad_token_id = 0
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def _dpo(pairs: Any, **settings: Any) -> float:
    from trl import DPOTrainer
    from trl.trainer.utils import add_fused_lm_head

    models = [language_model(seed) for seed in (0, 1)]
    for model in models:
        add_fused_lm_head(model, outputs=FIELDS)
    config = {
        "beta": 0.1, "label_smoothing": 0.0, "ld_alpha": None, "f_divergence_type": "reverse_kl",
        "use_weighting": False, "loss_weights": [1.0], "precompute_ref_logps": False, **settings,
    }  # fmt: skip
    made = _bare(DPOTrainer, model=models[0], ref_model=models[1], **config)
    made.args = SimpleNamespace(gradient_checkpointing_kwargs=None)
    inputs = _padded(pairs["prompt"] * 2, pairs["chosen"] + pairs["rejected"])
    return made._compute_loss(models[0], inputs, False).item()


def _kto(pairs: Any) -> float:
    from trl import KTOTrainer
    from trl.trainer.utils import add_fused_lm_head

    models = [language_model(seed) for seed in (0, 1)]
    for model in models:
        add_fused_lm_head(model, outputs=FIELDS)
    made = _bare(
        KTOTrainer, model=models[0], ref_model=models[1], beta=0.1, loss_type="kto",
        calculate_KL=True, precompute_ref_logps=False, desirable_weight=WEIGHTS[0],
        undesirable_weight=WEIGHTS[1],
    )  # fmt: skip
    made.args = SimpleNamespace(gradient_checkpointing_kwargs=None)
    answers = pairs["chosen"]
    inputs = {
        **_padded(pairs["prompt"], answers),
        **_padded(pairs["prompt"], answers[1:] + answers[:1], "KL_"),
        "label": torch.tensor(GOOD),
    }
    return made._compute_loss(models[0], inputs, False).item()


def _concatenated(kind: Any, pairs: Any, **settings: Any) -> float:
    made = _bare(kind, **settings)
    batch: dict[str, Any] = {}
    for name in ("chosen", "rejected"):
        found = _padded(pairs["prompt"], pairs[name])
        labels = found["input_ids"].masked_fill(found["completion_mask"] == 0, -100)
        batch |= {
            f"{name}_input_ids": found["input_ids"],
            f"{name}_attention_mask": found["attention_mask"],
            f"{name}_labels": labels,
        }
    made.args = SimpleNamespace()
    return made.get_batch_loss_metrics(language_model(0), batch, "train")[0].item()


def _reward(pairs: Any, *, margins: bool, centring: float | None) -> float:
    from trl import RewardTrainer

    model = scorer()
    made = _bare(RewardTrainer, model=model)
    made.args = SimpleNamespace(center_rewards_coefficient=centring)
    inputs = _padded(pairs["prompt"] * 2, pairs["chosen"] + pairs["rejected"])
    del inputs["completion_mask"]
    if margins:
        inputs["margin"] = torch.tensor(MARGINS)
        plain = model.forward
        model.forward = lambda **given: plain(**{k: v for k, v in given.items() if k != "margin"})
    return made.compute_loss(model, inputs).item()


def main() -> None:
    """Ask each trainer, write."""
    import trl
    from trl.experimental.cpo import CPOTrainer
    from trl.experimental.orpo import ORPOTrainer

    pairs = tokens()
    first = {name: rows[:1] for name, rows in pairs.items()}
    simpo = {"beta": 2.0, "simpo_gamma": 1.0, "label_smoothing": 0.0, "alpha": 0.0,
             "loss_type": "simpo"}  # fmt: skip
    losses = {
        "dpo sigmoid": _dpo(pairs, loss_types=["sigmoid"]),
        "dpo ipo": _dpo(pairs, loss_types=["ipo"]),
        "dpo hinge": _dpo(pairs, loss_types=["hinge"]),
        "dpo robust": _dpo(pairs, loss_types=["robust"], label_smoothing=0.2),
        "dpo length-normalised": _dpo(pairs, loss_types=["sigmoid_norm"]),
        "dpo rpo, first pair": _dpo(first, loss_types=["sigmoid", "sft"], loss_weights=[1.0, 0.5]),
        "simpo": _concatenated(CPOTrainer, pairs, **simpo, cpo_alpha=0.0),
        "simpo sft, first pair": _concatenated(CPOTrainer, first, **simpo, cpo_alpha=0.5),
        "orpo, first pair": _concatenated(ORPOTrainer, first, beta=0.1),
        "kto": _kto(pairs),
        "reward": _reward(pairs, margins=False, centring=None),
        "reward margins centred": _reward(pairs, margins=True, centring=0.01),
    }
    versions = {module.__name__: module.__version__ for module in (trl, torch, transformers)}
    document = {"versions": versions, "losses": losses}
    PLACE.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
