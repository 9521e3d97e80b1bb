"""Writes tests/golden/trl_gkd.json: TRL's generalised Jensen-Shannon divergence on fixed logits.

$ python3 -m venv env && env/bin/pip install torch==2.13.0 trl
$ env/bin/python -P tests/golden/make/trl_gkd.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
import trl
from trl.experimental.gkd import GKDTrainer

CASES = [(0.0, 1.0), (0.1, 1.0), (0.5, 1.0), (0.9, 1.0), (1.0, 1.0), (0.5, 2.0), (0.0, 0.7)]


def main() -> None:
    """Sums over positions for every (beta, temperature)."""
    draws = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(1, 6, 17, generator=draws) * 2 for _ in range(2))
    cases = [
        {
            "beta": beta,
            "temperature": temperature,
            "sum": float(
                GKDTrainer.generalized_jsd_loss(
                    student, teacher, beta=beta, temperature=temperature, reduction="sum"
                )
            ),
        }
        for beta, temperature in CASES
    ]
    document = {
        "versions": {"trl": trl.__version__, "torch": torch.__version__, "python": sys.version},
        "student": student[0].tolist(),
        "teacher": teacher[0].tolist(),
        "cases": cases,
    }
    path = Path(__file__).parents[1] / "trl_gkd.json"
    path.write_text(json.dumps(document) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
