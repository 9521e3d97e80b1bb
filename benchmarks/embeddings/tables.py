"""Tables from the JSON that the scripts beside this one printed.

python benchmarks/embeddings/tables.py RESULT.json ... > RESULTS.md
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any


def main() -> None:
    """Print one table for each kind of entry."""
    entries: list[dict[str, Any]] = []
    for name in sys.argv[1:]:
        text = Path(name).read_text(encoding="utf-8")
        found = json.loads(text) if text.lstrip().startswith("[") else None
        entries += found if found is not None else _lines(text)
    _before_and_after([entry for entry in entries if "before" in entry])
    _shots([entry for entry in entries if "shots" in entry])


def _lines(text: str) -> list[dict[str, Any]]:
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def _before_and_after(entries: list[dict[str, Any]]) -> None:
    if not entries:
        return
    print("| task | figure | seed | before | after | seconds of training |")
    print("|---|---|---|---|---|---|")
    for entry in entries:
        figure = "Spearman" if entry["task"] == "stsb" else "nDCG@10"
        before, after = f"{entry['before']:.4f}", f"{entry['after']:.4f}"
        print(
            f"| {entry['task']} | {figure} | {entry['seed']} | {before} | {after} "
            f"| {entry['seconds']:.0f} |"
        )
    print()


def _shots(entries: list[dict[str, Any]]) -> None:
    if not entries:
        return
    groups: defaultdict[tuple[str, int, str], list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        groups[entry["data"], entry["shots"], entry["system"]].append(entry)
    print("| rows | shots | system | accuracy by seed | mean | seconds, mean |")
    print("|---|---|---|---|---|---|")
    for (data, number, system), found in sorted(groups.items()):
        by_seed = sorted(found, key=lambda entry: entry["seed"])
        each = ", ".join(f"{entry['accuracy']:.4f}" for entry in by_seed)
        mean = statistics.mean(entry["accuracy"] for entry in found)
        seconds = statistics.mean(entry["seconds"] for entry in found)
        print(f"| {data} | {number} | {system} | {each} | {mean:.4f} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
