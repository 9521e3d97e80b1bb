"""DPO with LoRA on the same pairs, Luthier and TRL, each in a process of its own; writes results/.

    .venv/bin/python benchmarks/preferences/dpo.py --data pairs.json --pairs 24

Time counts from the first question to the reference to the last update; seconds of the processor
are told beside it, as other work on the machine does not change them. Losses are compared where
they must be equal: TRL's loss of the adapter that Luthier trained. The rival needs
`benchmarks/setup_rivals.sh` once.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import common  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

from luthier.data.ledger import Ledger  # noqa: E402
from luthier.data.order import order  # noqa: E402
from luthier.data.parse import Reading, parse_file  # noqa: E402
from luthier.data.rows import Message, Preference  # noqa: E402
from luthier.models.sources import fetch  # noqa: E402

RIVALS = HERE.parents[1] / ".venv-bench" / "bin" / "python"
LIMIT_SECONDS = 900


def main() -> None:
    """Measure and write results/<date>-dpo.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="any file of chosen and rejected answers")
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--variants", nargs="+", default=["", "single"], help="of TRL")
    given = parser.parse_args()
    model = fetch(given.model).folder
    *pairs, one, other = _pairs(given.data, model, given.pairs + 2)
    sequence = order(len(pairs), seed=0, epoch=0)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "rows.json").write_text(json.dumps({"train": pairs, "held_out": [one, other]}))
        in_order = [pairs[i] for i in sequence]
        (folder / "in-order.json").write_text(json.dumps({"train": in_order}))
        found = [_run(sys.executable, "luthier", model, folder / "rows.json", folder)]
        adapter = found[0].pop("adapter", "")
        for variant in given.variants:
            options = ("--variant", variant, "--adapter", adapter)
            found.append(
                _run(str(RIVALS), "trl", model, folder / "in-order.json", folder, *options)
            )
    ours = found[0]
    for line in found[1:]:
        if "error" not in line and "error" not in ours:
            line["times_as_fast"] = ours["pairs_per_second"] / line["pairs_per_second"]
            line["times_as_fast_by_processor"] = line["cpu_seconds"] / ours["cpu_seconds"]
            line["share_of_memory"] = ours["peak_bytes"] / line["peak_bytes"]
    document = {
        "date": str(date.today()),
        "python": platform.python_version(),
        "data": Path(given.data).name,
        "pairs": len(pairs),
        "systems": found,
    }
    path = HERE.parent / "results" / f"{date.today()}-dpo-{len(pairs)}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


def _pairs(data: str, model: Path, wanted: int) -> list[dict[str, Any]]:
    """Pairs of which both conversations fit, so that no system cuts any."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    rows = parse_file(data, Reading(wants="preference"), Ledger()).rows
    found: list[dict[str, Any]] = []
    for row in rows:
        assert isinstance(row, Preference)
        prompt = _plain(row.messages)
        both = [prompt + _plain(turns) for turns in (row.chosen, row.rejected)]
        longest = max(len(common.tokens(tokenizer, turns).ids) for turns in both)
        if longest <= common.MAX_LENGTH and len(row.chosen) == len(row.rejected) == 1:
            answers = {"chosen": _plain(row.chosen), "rejected": _plain(row.rejected)}
            found.append({"prompt": prompt, **answers})
        if len(found) == wanted:
            break
    return found


def _plain(turns: tuple[Message, ...]) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in turns]


def _run(
    python: str, system: str, model: Path, rows: Path, folder: Path, *extra: str
) -> dict[str, Any]:
    """The line that a script printed, or what went wrong."""
    command = [python, str(HERE / f"_dpo_{system}.py"), "--model", str(model), "--rows", str(rows)]
    command += ["--out", str(folder / system), *extra]
    sys.stderr.write(f"{system} {' '.join(extra)} ...\n")
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=LIMIT_SECONDS, env=environment
    )
    if done.returncode:
        return {"system": system, "error": done.stderr[-1500:]}
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    main()
