"""Writes tests/golden/seqeval.json: entity F1 of random tags by seqeval itself.

Run in an environment with seqeval: `pip install seqeval; python tests/golden/make/seqeval.py`.
"""

from __future__ import annotations

import json
import random
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
sys.path = [place for place in sys.path if Path(place or ".").resolve() != HERE]  # its own name

from seqeval.metrics import classification_report, f1_score  # noqa: E402

TAGS = ["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-MISC", "I-MISC"]


def sequence(draws: random.Random, length: int) -> list[str]:
    return [draws.choice(TAGS) for _ in range(length)]


def changed(draws: random.Random, tags: list[str]) -> list[str]:
    return [draws.choice(TAGS) if draws.random() < 0.3 else tag for tag in tags]


def case(seed: int) -> dict:
    draws = random.Random(seed)
    true = [sequence(draws, draws.randrange(1, 15)) for _ in range(12)]
    said = [changed(draws, tags) for tags in true]
    report = classification_report(true, said, output_dict=True, zero_division=0)
    kinds = {name: report[name] for name in sorted(report) if "avg" not in name}
    plain = {
        name: {key: float(value) for key, value in figures.items()}
        for name, figures in kinds.items()
    }
    return {"true": true, "said": said, "f1": float(f1_score(true, said)), "report": plain}


document = {"versions": {"seqeval": version("seqeval")}, "cases": [case(s) for s in range(6)]}
target = HERE.parent / "seqeval.json"
target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
