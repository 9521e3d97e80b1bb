"""Runs of one table, side by side: `python benchmarks/grid.py GRID.yaml --data FOLDER --out RUNS`.

A grid names rows (data) and columns (ways of tuning); with each seed they make one `luthier train`,
its run directory below --out. Finished ones are not run again. What is shown
is read from the run directories alone, and written to benchmarks/results/GRID.json, of which
`benchmarks/tables.py` makes the tables of docs/results.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
SUMMARY = (
    *("objective", "tuner", "kind", "steps", "why_ended", "trained_parameters"),
    *("total_parameters", "tokens_per_second", "peak_bytes", "validation_loss"),
)
"""Keys of summary.json that tables show."""


@dataclass(frozen=True)
class Cell:
    """One run of a grid."""

    row: str
    column: str
    seed: int
    settings: list[str]

    @property
    def name(self) -> str:
        return f"{self.row}-{self.column}-{self.seed}".replace("/", "-")


def cells(grid: dict[str, Any], data: Path) -> Iterator[Cell]:
    """Every combination of row, column and seed; {data} stands for the folder of the data."""
    for row, at in grid["rows"].items():
        for column, way in grid["columns"].items():
            if column not in at.get("columns", grid["columns"]):
                continue
            merged = {**grid.get("common", {}), **at.get("settings", {}), **way}
            settings = [f"{key}={_text(value, data)}" for key, value in merged.items()]
            for seed in grid.get("seeds", [0]):
                yield Cell(row, column, seed, [*settings, f"seed={seed}"])


def _text(value: Any, data: Path) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace("{data}", str(data))


def run(cell: Cell, out: Path) -> str:
    """Train where no finished run is there; the last words of one that failed."""
    folder = out / cell.name
    if (folder / "evaluation.json").is_file():
        return ""
    command = [sys.executable, "-m", "luthier", "train", *cell.settings, "--out", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return "" if done.returncode in (0, 1) else done.stderr.strip()[-500:]


def measured(cell: Cell, folder: Path) -> dict[str, Any]:
    """Figures of a finished run, from its documents."""
    evaluation = json.loads((folder / "evaluation.json").read_text())
    summary = json.loads((folder / "summary.json").read_text())
    verdict = evaluation["verdict"]
    return {
        "row": cell.row,
        "column": cell.column,
        "seed": cell.seed,
        "arms": evaluation["arms"],
        "metric": verdict["metric"],
        "outcome": verdict["outcome"],
        "seconds": summary["seconds"]["training"],
        **{key: summary.get(key) for key in SUMMARY},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("grid", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="names of cells that hold this text")
    options = parser.parse_args()
    grid = yaml.safe_load(options.grid.read_text())
    chosen = [cell for cell in cells(grid, options.data) if options.only in cell.name]
    found: list[dict[str, Any]] = []
    for number, cell in enumerate(chosen, start=1):
        print(f"{number}/{len(chosen)} {cell.name}", flush=True)
        problem = run(cell, options.out)
        if problem:
            print(problem, flush=True)
            found.append(
                {"row": cell.row, "column": cell.column, "seed": cell.seed, "error": problem}
            )
        else:
            found.append(measured(cell, options.out / cell.name))
    document = {
        "grid": grid["name"],
        "date": date.today().isoformat(),
        "machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "cells": found,
    }
    path = HERE / "results" / f"{options.grid.stem}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(path)


if __name__ == "__main__":
    main()
