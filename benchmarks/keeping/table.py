"""The runs of run.py as a table of what each option buys and costs, read from their directories."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import luthier

HEAD = (
    "| option | general NLL, change | KL to base | first tokens changed | held-out NLL of answers "
    "| training seconds | peak GB |\n|---|---|---|---|---|---|---|"
)


def line(folder: Path) -> str:
    """One run."""
    run = luthier.open_run(folder)
    found: dict[str, Any] = run.evaluation or {}
    kept, summary = found["retention"], run.summary
    moved = kept["general_text_nll"]["difference"]
    share = kept["changed_first_token_share"]["tuned"]
    drift = kept["kl_to_base"]["tuned"]
    nll = found["arms"]["tuned"]["nll"]
    options = ", ".join(
        f"{name} {value.get('share', value.get('weight', value.get('decay', '')))}".strip()
        for name, value in run.recipe.keep.items()
    )
    factor = summary.get("keep", {}).get("wise_ft", {}).get("factor")
    note = f" (factor {factor:g})" if factor is not None else ""
    return (
        f"| {folder.name}: {options or 'no option'}{note} "
        f"| {moved['value']:+.3f} [{moved['low']:+.3f}, {moved['high']:+.3f}] "
        f"| {drift['value']:.3f} | {share['value']:.0%} "
        f"| {nll['value']:.3f} [{nll['low']:.3f}, {nll['high']:.3f}] "
        f"| {summary['seconds'].get('training', 0):.0f} | {summary['peak_bytes'] / 1e9:.1f} |"
    )


def main() -> None:
    """Print the table of every finished run in a folder."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/keeping")
    done = [path.parent for path in sorted(root.glob("*/evaluation.json"))]
    first = luthier.open_run(done[0])
    base: dict[str, Any] = (first.evaluation or {})["arms"].get("base", {}).get("nll", {})
    print(HEAD)
    if base:
        print(f"| base model | 0 | 0 | 0% | {base['value']:.3f} | | |")
    for folder in sorted(done, key=lambda path: (path.name != "naive", path.name)):
        print(line(folder))


if __name__ == "__main__":
    main()
