"""A language model with fewer blocks, to be taught: `python benchmarks/student.py SETS`.

SmolLM2-135M-Instruct without every third block, as it is, into SETS/models/student: 20 of 30,
and not yet able to write. `grids/objectives.yaml` teaches it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import nn

from luthier.models.load import open_model

EVERY = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", type=Path)
    folder = parser.parse_args().sets / "models" / "student"
    bundle = open_model("smollm2-135m", dtype=torch.bfloat16)
    model: Any = bundle.model
    kept = [block for at, block in enumerate(model.model.layers) if at % EVERY != EVERY - 1]
    for at, block in enumerate(kept):
        block.self_attn.layer_idx = at
    model.model.layers = nn.ModuleList(kept)
    model.config.num_hidden_layers = len(kept)
    model.save_pretrained(folder)
    bundle.codec.save(folder)


if __name__ == "__main__":
    main()
