"""Seconds and memory of reading conversations: `python benchmarks/data/reading.py --rows 60000`.

Conversations of about 500 bytes, of words drawn by chance, are written to a temporary file, and
read by processes of their own: `walk` goes through the records, `exact` makes rows of them, without
exact repetitions, split and with their ledger, and `load` looks for near-duplicates too, as every
training does. Seconds are those of the processor.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from luthier.data.find import find_one
from luthier.data.load import load
from luthier.recipe.schema import DataSection

WAYS = ["walk", "exact", "load"]
WORDS = [f"word{number}" for number in range(5000)]


def write(path: Path, rows: int) -> None:
    """That many conversations of one question and one answer."""
    drawn = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(rows):
            asked, said = (" ".join(drawn.choices(WORDS, k=25)) for _ in range(2))
            turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
            file.write(json.dumps({"messages": turns}) + "\n")


def measure(way: str, path: Path) -> None:
    """One line with what a way of reading took."""
    start = time.process_time()
    if way == "walk":
        rows = sum(1 for _ in find_one(str(path), encoding="auto").records)
    else:
        near = {"near_duplicates": 0.0} if way == "exact" else {}
        rows = load(DataSection(train=str(path), **near), seed=0).ledger.rows_in
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    size = path.stat().st_size >> 20
    print(f"{way}: {rows:,} rows of {size} MB in {seconds:.1f} s, peak {peak} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--file", type=Path, help="one written before, read in this process")
    options = parser.parse_args()
    if options.file:
        measure(options.ways[0], options.file)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write(path, options.rows)
        for way in options.ways:
            command = [sys.executable, __file__, "--file", str(path), "--ways", way]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
