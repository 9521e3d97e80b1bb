"""Which published files are recognised without options: `python benchmarks/data/coverage.py DATA`.

DATA holds a folder for each data set. A line for each file: rows in, used and dropped by reason,
and what it was taken for, or why it was refused. A row that is neither ends the run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from luthier.core.errors import LuthierError
from luthier.data.find import find
from luthier.data.ledger import Ledger
from luthier.data.parse import Reading, parse

BESIDE = ("license", "readme", "citation", "files.tsv")
"""How files begin that describe a data set and hold no rows of it."""


def told(path: Path) -> tuple[bool, str]:
    """Whether a file was read, and how in words."""
    ledger, shapes, used = Ledger(), dict[str, None](), 0
    try:
        for opened in find(str(path), encoding="auto"):
            parsed = parse(opened, Reading(), ledger)
            shapes[f"{opened.kind}, {parsed.format}"] = None
            used += len(parsed.rows)
    except LuthierError as error:
        return False, str(error).splitlines()[0].removeprefix(str(path)).lstrip(": ")[:140]
    dropped = {reason: entry.count for reason, entry in ledger.dropped.items()}
    assert used + sum(dropped.values()) == ledger.rows_in, path
    return True, f"{ledger.rows_in} rows, {used} used, dropped {dropped or 0}; {'; '.join(shapes)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data: Path = parser.parse_args().data
    sets: dict[str, list[bool]] = {}
    for path in sorted(path for path in data.rglob("*") if path.is_file()):
        name = path.relative_to(data)
        if len(name.parts) > 1 and not path.name.lower().startswith(BESIDE):
            is_read, how = told(path)
            sets.setdefault(name.parts[0], []).append(is_read)
            print(f"{'read   ' if is_read else 'refused'} {name}: {how}", flush=True)
    whole = [name for name, found in sets.items() if all(found)]
    some = [name for name, found in sets.items() if any(found)]
    files = [is_read for found in sets.values() for is_read in found]
    print(
        f"{sum(files)} of {len(files)} files, every file of {len(whole)} of {len(sets)} sets, some "
        f"of {len(some)}; refused in {', '.join(name for name in sets if name not in whole)}"
    )


if __name__ == "__main__":
    main()
