"""A plain float32 loop over transformers and PEFT, one row at a time: slow, and what the losses are
judged by. With --adapter it only scores the held-out rows with that adapter.

An answer ends with its end-of-turn token: the line break that some templates write after it is
neither trained nor scored, for generation never gets there."""

from __future__ import annotations

import math
import time
from typing import Any

import common
import torch
from _peft import open_adapted, open_base
from peft import PeftModel
from torch.nn import functional


def main() -> None:
    """Train (or only score) and print one line."""
    given = common.arguments(__doc__ or "")
    data = common.rows(given.rows)
    if given.adapter:
        base, tokenizer = open_base(given.model, "float32")
        model = base if given.adapter == "none" else PeftModel.from_pretrained(base, given.adapter)
        common.report(system="score", held_out_loss=_score(model, tokenizer, data["held_out"]))
        return
    model, tokenizer = open_adapted(given.model, "float32")
    examples = [_example(tokenizer, row) for row in data["train"]]
    start = time.perf_counter()
    losses = _train(model, examples)
    seconds = time.perf_counter() - start
    model.save_pretrained(given.out)
    common.report(
        system="reference",
        tokens=sum(len(e.ids) for e in examples),
        seconds=seconds,
        losses=losses,
        adapter=given.out,
        held_out_loss=_score(model, tokenizer, data["held_out"]),
    )


def _example(tokenizer: Any, row: Any) -> common.Example:
    found = common.tokens(tokenizer, row["messages"])
    end = len(found.ids) - found.ids[::-1].index(tokenizer.eos_token_id)
    return common.Example(found.ids[:end], found.num_prompt)


def _train(model: Any, examples: list[common.Example]) -> list[float]:
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=common.LEARNING_RATE, weight_decay=0.0)
    num_steps = math.ceil(len(examples) / common.BATCH_SIZE)
    warmup = math.ceil(common.WARMUP * num_steps)
    losses: list[float] = []
    for step in range(num_steps):
        rows = examples[step * common.BATCH_SIZE : (step + 1) * common.BATCH_SIZE]
        count = sum(len(row.ids) - row.num_prompt for row in rows)
        total = 0.0
        for row in rows:
            loss = _nll(model, row) / count
            loss.backward()
            total += float(loss)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = common.LEARNING_RATE * _share(step, warmup, num_steps)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(total)
    return losses


def _share(step: int, warmup: int, num_steps: int) -> float:
    if step < warmup:
        return (step + 1) / max(1, warmup)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, num_steps - warmup)))


def _nll(model: Any, row: common.Example) -> torch.Tensor:
    """Summed over the answer's tokens."""
    ids = torch.tensor(row.ids)
    logits = model(input_ids=ids.unsqueeze(0)).logits[0, row.num_prompt - 1 : -1]
    return functional.cross_entropy(logits.float(), ids[row.num_prompt :], reduction="sum")


@torch.no_grad()
def _score(model: Any, tokenizer: Any, data: list[Any]) -> float:
    """Nats per answer token over the held-out rows."""
    model.eval()
    examples = [_example(tokenizer, row) for row in data]
    count = sum(len(row.ids) - row.num_prompt for row in examples)
    return sum(float(_nll(model, row)) for row in examples) / count


if __name__ == "__main__":
    main()
