"""What NF4 alone costs before any tuning: held-out loss of SmolLM2-135M with rounded matrices.

    .venv/bin/python benchmarks/tuners/rounding.py --rows FILE

FILE is a JSON array in the alpaca format, of which rows 600 to 631 are scored. Besides blocks of 64
(as QLoRA has them) blocks of 32, and blocks of 64 to which the largest part of what rounding took
off is added back (where LoftQ starts its adapters, arXiv:2310.08659).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import common

from luthier.engine.runtime import prepare
from luthier.models.quantised import bitsandbytes_functions
from luthier.models.sources import fetch

FIRST, LAST, MAX_LENGTH, RANK = 600, 632, 400, 16


def nf4(weight: Tensor, *, block: int) -> Tensor:
    """The weight as its stored form has it, scales quantised too."""
    functions = bitsandbytes_functions()
    packed, state = functions.quantize_4bit(
        weight.contiguous(), blocksize=block, quant_type="nf4", compress_statistics=True
    )
    return functions.dequantize_4bit(packed, state).float()


def repaired(weight: Tensor) -> Tensor:
    """Rounded, plus the largest part of the difference that RANK columns hold."""
    rounded = nf4(weight, block=64)
    left, values, right = torch.linalg.svd(weight - rounded, full_matrices=False)
    return rounded + (left[:, :RANK] * values[:RANK]) @ right[:RANK]


WAYS: dict[str, Callable[[Tensor], Tensor]] = {
    "as it is": lambda weight: weight,
    "blocks of 64": lambda weight: nf4(weight, block=64),
    f"blocks of 64, rank {RANK} added back": repaired,
    "blocks of 32": lambda weight: nf4(weight, block=32),
}


@torch.no_grad()
def loss(model: Any, examples: list[common.Example]) -> float:
    """Mean over answer tokens, in nats."""
    total, count = 0.0, 0
    for example in examples:
        ids = torch.tensor(example.ids[:MAX_LENGTH])
        logprobs = model(ids[None]).logits[0].float().log_softmax(-1)
        targets = ids[example.num_prompt :]
        picked = logprobs[example.num_prompt - 1 : -1].gather(1, targets[:, None])
        total, count = total - float(picked.sum()), count + len(targets)
    return total / count


def main() -> None:
    """Print one line for each way."""
    prepare()
    from transformers import AutoModelForCausalLM, AutoTokenizer  # after the allocator is set

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, required=True)
    given = parser.parse_args()
    folder = fetch("smollm2-135m").folder
    tokenizer = AutoTokenizer.from_pretrained(folder)
    examples: list[common.Example] = []
    for row in json.loads(given.rows.read_text(encoding="utf-8"))[FIRST:LAST]:
        asked = f"{row['instruction']}\n{row.get('input', '')}".strip()
        turns = [
            {"role": "user", "content": asked},
            {"role": "assistant", "content": row["output"]},
        ]
        examples.append(common.tokens(tokenizer, turns))
    for name, way in WAYS.items():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        with torch.no_grad():
            for part in model.model.modules():
                if isinstance(part, nn.Linear):
                    part.weight.copy_(way(part.weight))
        print(f"{name}: {loss(model.to(torch.bfloat16), examples):.4f}", flush=True)


if __name__ == "__main__":
    main()
