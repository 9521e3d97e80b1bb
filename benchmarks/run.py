"""Every system on the same rows, one after the other, in one run; writes results/.

    .venv/bin/python benchmarks/run.py                              # the data that ships
    .venv/bin/python benchmarks/run.py --data alpaca.json --rows 128
    .venv/bin/python benchmarks/run.py --classify train.csv --samples 2000 --only classify

The rivals need `benchmarks/setup_rivals.sh` once; without it only Luthier is measured.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import common
from tabulate_results import table
from transformers import AutoTokenizer

from luthier.core.seeds import stream
from luthier.data.order import order
from luthier.demo import classify_file, support_file
from luthier.models.sources import fetch

HERE = Path(__file__).parent
RIVALS = HERE.parent / ".venv-bench" / "bin" / "python"
OWN = {
    "sft_luthier": Path(sys.executable),
    "classify_luthier": Path(sys.executable),
    "sft_llamafactory": HERE.parent / ".venv-llamafactory" / "bin" / "python",
}
"""Interpreters of the scripts that do not run in the rivals' environment."""
SFT = {
    "trl": ("sft_trl", ""),
    "trl-defaults": ("sft_trl", "defaults"),
    "trainer": ("sft_trainer", ""),
    "llamafactory": ("sft_llamafactory", ""),
    "luthier": ("sft_luthier", ""),
    "luthier-general": ("sft_luthier", "general"),
    "luthier-checkpointing": ("sft_luthier", "checkpointing"),
    "reference": ("sft_reference", ""),
}
"""System -> its script and variant."""
RIVAL = ("trl", "trl-defaults", "trainer", "llamafactory")
LIMIT_SECONDS = 1800


def main() -> None:
    """Measure and write results/<date>-<cpu>.json and .md."""
    given = _arguments()
    found: dict[str, list[dict[str, Any]]] = {}
    with TemporaryDirectory() as temporary:
        if "sft" in given.only:
            found["sft"] = _sft(given, Path(temporary))
        if "classify" in given.only:
            found["classify"] = _classify(given, Path(temporary))
    asked = {**vars(given), "data": Path(given.data).name, "classify": Path(given.classify).name}
    del asked["results"]  # names of folders say nothing elsewhere
    document = {"date": str(date.today()), "machine": _machine(), "arguments": asked, **found}
    given.results.mkdir(parents=True, exist_ok=True)
    stem = given.results / f"{date.today()}-{_machine()['cpu'].replace(' ', '-').lower()}"
    stem.with_suffix(".json").write_text(json.dumps(document, indent=1, default=str) + "\n")
    text = table(document)
    stem.with_suffix(".md").write_text(text)
    sys.stdout.write(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="", help="instruction rows as JSON (Alpaca) or messages")
    parser.add_argument("--classify", default="", help="CSV whose first columns are text and label")
    parser.add_argument("--rows", type=int, default=96, help="training rows of the LLM")
    parser.add_argument("--samples", type=int, default=600, help="training rows of the classifier")
    parser.add_argument("--held-out", type=int, default=32)
    parser.add_argument("--only", nargs="+", default=["sft", "classify"])
    parser.add_argument("--systems", nargs="+", default=list(SFT), choices=list(SFT))
    parser.add_argument(
        "--rival-rows",
        type=int,
        default=0,
        help="rivals train on the first so many rows only (0: all): their speed is steady",
    )
    parser.add_argument("--results", type=Path, default=HERE / "results")
    return parser.parse_args()


def _sft(given: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    model = fetch("smollm2-135m").folder
    rows = folder / "sft.json"
    train, held_out = _conversations(given, model)
    sequence = order(len(train), seed=0, epoch=0)
    in_order = {"train": [train[i] for i in sequence], "held_out": held_out}
    rows.write_text(json.dumps(in_order))
    as_file = folder / "sft-file.json"
    as_file.write_text(json.dumps({"train": train, "held_out": held_out}))
    found: list[dict[str, Any]] = []
    short = folder / "sft-short.json"
    short.write_text(json.dumps({**in_order, "train": in_order["train"][: given.rival_rows]}))
    for system in [name for name in SFT if name in given.systems]:
        script, variant = SFT[system]
        # Luthier shuffles into that very order by itself; the others take rows as they come
        is_short = bool(given.rival_rows) and system in RIVAL
        source = as_file if "luthier" in system else short if is_short else rows
        line = _run(script, model, source, folder / system, "--variant", variant)
        line |= {"system": system, "rows": given.rival_rows if is_short else len(train)}
        if "adapter" in line and "held_out_loss" not in line and not is_short:
            line |= _score(model, rows, folder, line["adapter"])
        line.pop("adapter", None)
        found.append(line)
    base = _score(model, rows, folder, "none")
    return [*found, {"system": "base model", **base}]


def _score(model: Path, rows: Path, folder: Path, adapter: str) -> dict[str, Any]:
    """Held-out loss by one yardstick: float32 transformers and PEFT."""
    line = _run("sft_reference", model, rows, folder / "score", "--adapter", adapter)
    return {key: line[key] for key in ("held_out_loss", "error") if key in line}


def _classify(given: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    model = fetch("minilm-l6").folder
    path = Path(given.classify) if given.classify else classify_file()
    with path.open(newline="", encoding="utf-8") as file:
        records = [{"text": row[0], "label": row[1]} for row in list(csv.reader(file))[1:]]
    stream(0, "bench").shuffle(records)
    num_held_out = max(given.held_out, len(records) // 10 if len(records) < 2000 else 400)
    rows = folder / "classify.json"
    kept = records[num_held_out : num_held_out + given.samples]
    known = {row["label"] for row in kept}
    held_out = [row for row in records[:num_held_out] if row["label"] in known]
    rows.write_text(json.dumps({"train": kept, "held_out": held_out}))
    found = []
    for system in ("trainer", "luthier"):
        for precision in ("float32", "bfloat16"):
            if system in given.systems:
                name = f"{system}-{precision}"
                extra = ("--precision", precision)
                line = _run(f"classify_{system}", model, rows, folder / name, *extra)
                found.append({**line, "system": name})
    return found


def _conversations(given: argparse.Namespace, model: Path) -> tuple[list[Any], list[Any]]:
    """Rows that are distinct and fit, so that no system cuts or drops any."""
    path = Path(given.data) if given.data else support_file()
    text = path.read_text(encoding="utf-8")
    records = json.loads(text) if path.suffix == ".json" else map(json.loads, text.splitlines())
    tokenizer = AutoTokenizer.from_pretrained(model)
    chosen: dict[str, Any] = {}
    wanted = given.rows + given.held_out
    for record in records:
        row = {"messages": record.get("messages") or _alpaca(record)}
        if len(common.tokens(tokenizer, row["messages"]).ids) <= common.MAX_LENGTH:
            chosen.setdefault(row["messages"][0]["content"], row)
        if len(chosen) == wanted:
            break
    rows = list(chosen.values())
    return rows[given.held_out :], rows[: given.held_out]


def _alpaca(record: dict[str, str]) -> list[dict[str, str]]:
    given = "\n\n".join(part for part in (record["instruction"], record.get("input", "")) if part)
    return [{"role": "user", "content": given}, {"role": "assistant", "content": record["output"]}]


def _run(script: str, model: Path, rows: Path, out: Path, *extra: str) -> dict[str, Any]:
    """The line a script printed, or what went wrong; one process per system."""
    python = OWN.get(script, RIVALS)
    if not python.exists():
        return {"system": script, "error": "not installed: see benchmarks/README.md"}
    command = [str(python), str(HERE / f"{script}.py"), "--model", str(model)]
    command += ["--rows", str(rows), "--out", str(out), *extra]
    sys.stderr.write(f"{script} ...\n")
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return {"system": script, "error": f"not done after {LIMIT_SECONDS} s"}
    wall = time.perf_counter() - start
    if done.returncode:
        return {"system": script, "error": done.stderr[-1500:], "wall_seconds": wall}
    return {**json.loads(done.stdout.strip().splitlines()[-1]), "wall_seconds": wall}


def _machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in lines if "model name" in line), "cpu")
    cores = sum(line.startswith("processor") for line in lines)
    return {"cpu": f"{cpu} {cores} cores", "python": platform.python_version()}


if __name__ == "__main__":
    main()
