"""Names of persons by a tagger: `python benchmarks/data/names.py TAGGER TEST.conll`.

TAGGER is what `data.clean.personal.names` takes. A name is found when every character of it is
masked, and right when what is masked is just a name; characters are counted too.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from luthier.data.ledger import Ledger
from luthier.data.load import parse_files
from luthier.data.parse import Reading
from luthier.data.rows import Tagged
from luthier.evaluation.chunks import chunks
from luthier.recipe.schema import DataSection
from luthier.workflow.people import PERSONS, finder_of


def persons_of(row: Tagged) -> list[tuple[int, int]]:
    """Where its tags say that persons are named."""
    starts = row.placed()[1]
    last = [start + len(word) for start, word in zip(starts, row.tokens, strict=True)]
    found = [chunk for chunk in chunks(row.tags) if chunk.type.lower() in PERSONS]
    return [(starts[chunk.start], last[chunk.end - 1]) for chunk in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tagger")
    parser.add_argument("test")
    given = parser.parse_args()
    section = DataSection(train=given.test)
    read = parse_files(given.test, Reading.of(section, "tagged"), Ledger())
    rows = [row for one in read for row in one.rows if isinstance(row, Tagged)]
    find = finder_of(given.tagger)
    start = time.perf_counter()
    found = find([row.given() for row in rows])
    seconds = time.perf_counter() - start
    named = [persons_of(row) for row in rows]
    pairs = list(zip(named, found, strict=True))
    whole = sum(any(a <= start and end <= b for a, b in said) for own, said in pairs
                for start, end in own)  # fmt: skip
    exact = sum(len(set(own) & set(said)) for own, said in pairs)
    touching = sum(any(a < end and start < b for a, b in own) for own, said in pairs
                   for start, end in said)  # fmt: skip
    num_named, num_said = sum(map(len, named)), sum(map(len, found))
    print(f"{len(rows)} rows, {num_named} names, {num_said} masked in {seconds:.0f} s")
    print(f"wholly masked {whole / num_named:.3f}, exactly {exact / num_named:.3f}")
    print(f"of what is masked: exact {exact / num_said:.3f}, touching a name "
          f"{touching / num_said:.3f}")  # fmt: skip


if __name__ == "__main__":
    main()
