"""Tokens per second of one way to run a decoder, as a share of the matrix products' peak.

One process, LoRA on all linear layers, loss on the answers only; the peak is measured before and
after in the same process, so that shares can be compared on a machine that does other work.
Usage: python benchmarks/engine/decoder.py ROWS.json [--path fast|general] [--compile] [--steps 8]
ROWS.json: Alpaca rows (instruction, input, output).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from luthier.engine.runtime import prepare

prepare()  # before torch is imported

import torch  # noqa: E402

from luthier.data.batches import micro_batches  # noqa: E402
from luthier.data.features import Features  # noqa: E402
from luthier.data.order import order  # noqa: E402
from luthier.data.rows import Chat, Message, Origin  # noqa: E402
from luthier.engine.memory import peak_resident_bytes  # noqa: E402
from luthier.models.bundle import Bundle  # noqa: E402
from luthier.models.load import open_model  # noqa: E402
from luthier.models.trunks import build  # noqa: E402
from luthier.objectives.contract import Roles  # noqa: E402
from luthier.objectives.sft import Config as SftConfig  # noqa: E402
from luthier.objectives.sft import Sft  # noqa: E402
from luthier.tuners.lora import Config as LoraConfig  # noqa: E402
from luthier.tuners.lora import Lora  # noqa: E402

clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
"""With one thread, time on the processor: it does not count what other processes take."""
BATCH, MAX_LENGTH, LEARNING_RATE = 8, 512, 2e-4


def main() -> None:
    """Measure, and print one JSON document."""
    options = _options()
    bundle = open_model(options.model, dtype=torch.bfloat16)
    sft = Sft(SftConfig())
    features = _features(options.rows, bundle, sft, limit=options.limit)
    bundle = Lora(LoraConfig(rank=16, alpha=32.0)).apply(bundle, seed=0)
    bundle.trunk = build(
        bundle.model,
        "causal_lm",
        prefer=options.path,
        compile=options.compile,
        gradient_checkpointing=options.checkpoint,
        compute_dtype=torch.bfloat16,
    )
    trained = [p for p in bundle.model.parameters() if p.requires_grad]
    adamw = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    ids = order(len(features), seed=0, epoch=0).tolist()
    batches = [[features[i] for i in ids[at : at + BATCH]] for at in range(0, len(ids), BATCH)]

    def step(batch: list[Features]) -> float:
        total = torch.zeros(())
        count = sum(item.num_trained for item in batch)
        groups = micro_batches([item.num_tokens for item in batch], max_tokens=options.micro_batch)
        for group in groups:
            loss = sft.loss(Roles(bundle), sft.collate([batch[i] for i in group]))
            (loss.sum / count).backward()
            total += loss.sum.detach() / count
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        adamw.step()
        adamw.zero_grad(set_to_none=True)
        return float(total)

    start = clock()
    warm = [step(batch) for batch in batches[: options.warm]]
    warm_seconds = clock() - start
    peaks = [_gemm_peak()]
    rates: list[float] = []
    losses: list[float] = []
    start, tokens = clock(), 0
    for batch in batches[options.warm : options.warm + options.steps]:
        began = clock()
        losses.append(step(batch))
        size = sum(item.num_tokens for item in batch)
        rates.append(size / (clock() - began))
        tokens += size
    rate = tokens / (clock() - start)
    peaks.append(_gemm_peak())
    flops = _flops_per_token(bundle, features)
    print(
        json.dumps(
            {
                "trunk": bundle.trunk.name,
                "compile": options.compile,
                "checkpointing": options.checkpoint,
                "micro_batch_tokens": options.micro_batch,
                "threads": torch.get_num_threads(),
                "tokens_per_second": round(rate, 1),
                "best_step": round(max(rates), 1),
                "gemm_peak_gflops": round(max(peaks) / 1e9),
                "share_of_peak": round(rate * flops / max(peaks), 3),
                "share_of_peak_best_step": round(max(rates) * flops / max(peaks), 3),
                "gigaflops_per_token": round(flops / 1e9, 4),
                "peak_gigabytes": round(peak_resident_bytes() / 1e9, 2),
                "warm_seconds": round(warm_seconds, 1),
                "first_loss": round(warm[0], 4),
                "last_loss": round(losses[-1], 4),
            }
        )
    )


def _flops_per_token(bundle: Bundle, features: list[Features]) -> float:
    """All work of a step per token: the frozen trunk both ways, the head on trained tokens both
    ways, the low-rank terms (weights' gradients too), and attention over the tokens before.
    """
    config, facts = bundle.model.config, bundle.facts
    tokens = sum(f.num_tokens for f in features)
    head = 4.0 * facts.vocabulary_size * facts.hidden_size
    head *= sum(f.num_trained for f in features) / tokens
    terms = 6.0 * sum(p.numel() for p in bundle.model.parameters() if p.requires_grad)
    width = facts.num_layers * config.num_attention_heads * config.head_dim
    pairs = sum(f.num_tokens * (f.num_tokens + 1) / 2 for f in features) / tokens
    attention = 3 * 4.0 * width * pairs
    return facts.flops_per_token(trained_weights=False) + head + terms + attention


def _features(path: Path, bundle: Bundle, sft: Sft, *, limit: int) -> list[Features]:
    found: list[Features] = []
    for index, row in enumerate(json.loads(path.read_text())[:limit]):
        question = "\n".join(part for part in (row["instruction"], row.get("input", "")) if part)
        turns = (Message("user", question), Message("assistant", row["output"]))
        features = sft.prepare(
            Chat(origin=Origin(path.name, index), messages=turns), bundle.codec, index=index
        )
        cut = slice(0, MAX_LENGTH)
        found.append(Features(index, features.input_ids[cut], features.loss_weights[cut]))
    return [item for item in found if item.num_trained]


def _gemm_peak(size: int = 2048, repeats: int = 30) -> float:
    left, right = (torch.randn(size, size).bfloat16() for _ in range(2))
    best = 0.0
    for _ in range(repeats):
        start = clock()
        torch.mm(left, right)
        best = max(best, 2 * size**3 / (clock() - start))
    return best


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--path", choices=("fast", "general"), default="fast")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--checkpoint", action="store_true")
    parser.add_argument("--micro-batch", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--warm", type=int, default=2)
    parser.add_argument("--limit", type=int, default=256)
    return parser.parse_args()


if __name__ == "__main__":
    main()
