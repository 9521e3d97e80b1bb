"""Pairs per second of DPO's forward and backward pass, prompts computed once or for each answer.

    OMP_NUM_THREADS=1 python benchmarks/preferences/shared_prompts.py PAIRS.json --pairs 8

LoRA on all linear layers, both ways in one process and in turns. With one thread seconds of the
processor are counted, which other processes disturb little.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import nullcontext
from typing import Any

from luthier.engine.runtime import prepare

prepare()  # before torch is imported

import torch  # noqa: E402

from luthier.core.config import build as config_of  # noqa: E402
from luthier.data.ledger import Ledger  # noqa: E402
from luthier.data.parse import Reading, parse_file  # noqa: E402
from luthier.models.load import open_model  # noqa: E402
from luthier.models.trunks import apart, build  # noqa: E402
from luthier.objectives.contract import Roles  # noqa: E402
from luthier.objectives.dpo import Config, Dpo  # noqa: E402
from luthier.tuners.lora import Config as LoraConfig  # noqa: E402
from luthier.tuners.lora import Lora  # noqa: E402

clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter


def main() -> None:
    """Measure, and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", help="any file of chosen and rejected answers")
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--path", default="general")
    parser.add_argument("--longest", type=int, default=512, help="tokens of a conversation")
    given = parser.parse_args()
    bundle = open_model(given.model, dtype=torch.bfloat16)
    objective = Dpo(config_of(Config, {"length_normalised": False}, where="objective"))
    features = _features(given, objective, bundle)
    bundle = Lora(config_of(LoraConfig, {"rank": 16, "alpha": 32.0}, where="tuner")).apply(
        bundle, seed=0
    )
    bundle.trunk = build(bundle.model, "causal_lm", prefer=given.path, compute_dtype=torch.bfloat16)
    batches = [objective.collate([item]) for item in features]
    for batch in batches:
        batch.tensors["reference"] = torch.zeros(2)
    found: dict[str, list[Any]] = {"once": [], "for each": []}
    for _ in range(3):
        for name, way in (("once", nullcontext), ("for each", apart)):
            began, losses = clock(), []
            for batch in batches:
                with way():
                    loss = objective.loss(Roles(bundle), batch)
                    loss.sum.backward()
                losses.append(float(loss.sum.detach()))
            found[name].append((len(batches) / (clock() - began), losses))
    best = {name: max(rate for rate, _ in runs) for name, runs in found.items()}
    lengths = [item.num_tokens for item in features]
    document = {
        "path": bundle.trunk.name,
        "pairs": len(batches),
        "tokens_per_pair": sum(lengths) / len(lengths),
        "share_of_prompts": 1 - sum(item.num_trained for item in features) / sum(lengths),
        "pairs_per_second": best,
        "times_as_fast": best["once"] / best["for each"],
        "losses": {name: runs[0][1] for name, runs in found.items()},
    }
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


def _features(given: Any, objective: Dpo, bundle: Any) -> list[Any]:
    found: list[Any] = []
    for row in parse_file(given.rows, Reading(wants="preference"), Ledger()).rows:
        item = objective.prepare(row, bundle.codec, index=len(found))
        if max(item.lengths) <= given.longest:
            found.append(item)
        if len(found) == given.pairs:
            break
    return found


if __name__ == "__main__":
    main()
