"""Runs of one table: `python benchmarks/grid.py GRID.yaml --data DATA --sets SETS --out RUNS`.

A grid names rows (data) and columns (ways of tuning); with each seed they make one `luthier train`,
its run directory below --out. Finished ones are not run again, and one that was stopped goes on.
What is shown is read from the run directories alone, and written to benchmarks/results/GRID.json,
of which `benchmarks/tables.py` makes the tables of docs/results.md. A cell whose run is not below
--out, because another machine has it, stays as that file has it. SETS is what
`benchmarks/sets.py` made of DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
SUPPORT = HERE.parent / "src" / "luthier" / "demo" / "support.jsonl"
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


def cells(grid: dict[str, Any], folders: Mapping[str, Path]) -> Iterator[Cell]:
    """Every combination of row, column and seed; names in braces are filled in."""
    for row, at in grid["rows"].items():
        for column, way in grid["columns"].items():
            if column not in at.get("columns", grid["columns"]):
                continue
            merged = {**grid.get("common", {}), **at.get("settings", {}), **way}
            for seed in grid.get("seeds", [0]):
                places = {**folders, "seed": seed}
                settings = [f"{key}={_text(value, places)}" for key, value in merged.items()]
                yield Cell(row, column, seed, [*settings, f"seed={seed}"])


def _text(value: Any, places: Mapping[str, object]) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    for name, place in places.items():
        text = text.replace("{" + name + "}", str(place))
    return text


def run(cell: Cell, out: Path) -> str:
    """Train where no finished run is there; the last words of one that failed."""
    folder = out / cell.name
    if (folder / "evaluation.json").is_file():
        return ""
    begun = (folder / "resolved.yaml").is_file()
    asked = [str(folder)] if begun else [*cell.settings, "--out", str(folder)]
    command = [sys.executable, "-m", "luthier", "train", *asked]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    is_done = (folder / "evaluation.json").is_file()  # 1 may also be a result that cannot be saved
    return "" if done.returncode in (0, 1) and is_done else done.stderr.strip()[-500:]


def measured(cell: Cell, folder: Path) -> dict[str, Any]:
    """Figures of a finished run, from its documents."""
    evaluation = json.loads((folder / "evaluation.json").read_text())
    summary = json.loads((folder / "summary.json").read_text())
    verdict = evaluation["verdict"]
    rivals = {path.stem[6:]: json.loads(path.read_text()) for path in folder.glob("rival-*.json")}
    return {
        **place(cell),
        "date": date.fromtimestamp((folder / "evaluation.json").stat().st_mtime).isoformat(),
        "machine": machine(folder / "environment.json"),
        "arms": evaluation["arms"],
        "retention": evaluation["retention"],
        "rivals": rivals,
        "metric": verdict["metric"],
        "outcome": verdict["outcome"],
        "seconds": summary["seconds"]["training"],
        **{key: summary.get(key) for key in SUMMARY},
    }


def place(cell: Cell) -> dict[str, Any]:
    """Where a cell stands in its grid."""
    return {"row": cell.row, "column": cell.column, "seed": cell.seed}


def machine(environment: Path) -> dict[str, Any]:
    """Where a run took place."""
    found = json.loads(environment.read_text())
    return {
        "cpu": found["cpu"]["name"],
        "cores": found["cpu"]["usable_cores"],
        "device": found["device"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("grid", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="", help="run cells whose name has this pattern")
    options = parser.parse_args()
    grid = yaml.safe_load(options.grid.read_text())
    folders = {"data": options.data.resolve(), "sets": options.sets.resolve(), "support": SUPPORT}
    every = list(cells(grid, folders))
    out = options.out / options.grid.stem
    problems: dict[str, str] = {}
    for number, cell in enumerate(every, start=1):
        if re.search(options.only, cell.name):
            print(f"{number}/{len(every)} {cell.name}", flush=True)
            problems[cell.name] = run(cell, out)
            print(problems[cell.name] or told(measured(cell, out / cell.name)), flush=True)
            write(options.grid.stem, grid, every, out=out, problems=problems)
    write(options.grid.stem, grid, every, out=out, problems=problems)


def told(found: dict[str, Any]) -> str:
    """One line while the grid runs."""
    metric = found["metric"]
    arms = {name: round(values[metric]["value"], 4) for name, values in found["arms"].items()
            if metric in values}  # fmt: skip
    return f"   {metric} {arms} {found['outcome']}, training {found['seconds']:.0f} s"


def write(
    name: str,
    grid: dict[str, Any],
    every: Sequence[Cell],
    *,
    out: Path,
    problems: Mapping[str, str],
) -> None:
    """Everything that is finished, here or before, and what failed this time."""
    path = HERE / "results" / f"{name}.json"
    before = json.loads(path.read_text())["cells"] if path.is_file() else []
    found: list[dict[str, Any]] = []
    for cell in every:
        if problems.get(cell.name):
            found.append({**place(cell), "error": problems[cell.name]})
        elif (out / cell.name / "evaluation.json").is_file():
            found.append(measured(cell, out / cell.name))
        else:
            found += [known for known in before if place(cell).items() <= known.items()]
    document = {"grid": grid["name"], "also": grid.get("also", []), "cells": found}
    path.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
