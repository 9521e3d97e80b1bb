"""Near-duplicates planted among real texts: `python benchmarks/data/near_duplicates.py DATA`.

Of 2,000 texts of DATA (see benchmarks/README.md) copies are made whose Jaccard similarity to them
is at least 0.8, half of them just so, and of 2,000 others copies that are less alike than that
(0.6 to 0.79). Recall is over the first; precision is the share of what is found that is at least
so similar, by sets of pieces made here in plain Python. `--rows N` measures seconds and memory for
N short rows drawn by chance instead, a tenth of them copies with one word changed; with `--alike`
all of them are made of ten sentences, and only numbers differ. `--held M`: the first M of them are
held out.
"""

from __future__ import annotations

import argparse
import csv
import random
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from luthier.data.matching.similar import similar
from luthier.data.on_disk import OnDisk
from luthier.data.rows import Labeled, Origin, Row

THRESHOLD = 0.8
LETTERS = "abcdefghijklmnopqrstuvwxyz "


def texts(data: Path) -> list[str]:
    """Questions to a bank and text messages, without repetitions."""
    with (data / "banking77" / "train.csv").open(encoding="utf-8") as file:
        found = [row["text"] for row in csv.DictReader(file)]
    for line in (data / "sms_spam" / "SMSSpamCollection.tsv").read_text("utf-8").splitlines():
        found.append(line.partition("\t")[2])
    return list(dict.fromkeys(" ".join(text.lower().split()) for text in found if len(text) > 25))


def share(first: str, second: str) -> float:
    """Jaccard similarity of the sets of pieces of five characters."""
    one, other = ({text[at : at + 5] for at in range(len(text) - 4)} for text in (first, second))
    return len(one & other) / len(one | other)


def changed(text: str, low: float, high: float, drawn: random.Random) -> str | None:
    """The text with single characters changed until it is so similar; None: it leapt over it."""
    other = text
    while (now := share(text, other)) > high:
        at = drawn.randrange(len(other))
        put = drawn.choice(["", drawn.choice(LETTERS), drawn.choice(LETTERS) + other[at]])
        other = " ".join((other[:at] + put + other[at + 1 :]).split())
    return other if low <= now and other != text else None


def planted(data: Path) -> None:
    """Recall and precision."""
    drawn = random.Random(0)
    every = texts(data)
    drawn.shuffle(every)
    rows, pairs = list(every), dict[int, int]()
    wanted = {(0.8, 0.85): 1000, (0.85, 0.99): 1000, (0.6, 0.79): 2000}
    for at, text in enumerate(every):
        (low, high) = next((key for key, left in wanted.items() if left), (0, 0))
        other = changed(text, low, high, drawn) if high else None
        if other:
            wanted[low, high] -= 1
            if low >= THRESHOLD:
                pairs[len(rows)] = at
            rows.append(other)
    start = time.process_time()
    found = similar([row(at, text) for at, text in enumerate(rows)], THRESHOLD)
    seconds = time.process_time() - start
    held = set(zip(found.later_P.tolist(), found.earlier_P.tolist(), strict=True))
    hit = sum((later, earlier) in held for later, earlier in pairs.items())
    right = sum(share(rows[later], rows[earlier]) >= THRESHOLD for later, earlier in held)
    left = found.first_kept(len(rows))
    gone = sum(int(left[later]) != later for later in pairs)
    print(
        f"{len(rows):,} rows in {seconds:.2f} s: of {len(pairs):,} planted {hit / len(pairs):.4f} "
        f"found as pairs, {gone / len(pairs):.4f} left out; of {len(held):,} pairs found "
        f"{right / len(held):.4f} are at least {THRESHOLD} alike"
    )


def row(at: int, text: str) -> Row:
    return Labeled(origin=Origin("f", at + 1), text=text, label="a")


def many(count: int, *, num_held: int) -> None:
    """Seconds and memory for many short rows."""
    drawn = random.Random(0)
    words = ["".join(drawn.choices(LETTERS[:26], k=drawn.randint(2, 9))) for _ in range(20_000)]
    rows = OnDisk[Row]()
    while len(rows) < count:
        said = drawn.choices(words, k=12)
        rows.append(row(len(rows), " ".join(said)))
        if not drawn.randrange(10):
            said[drawn.randrange(12)] = drawn.choice(words)
            rows.append(row(len(rows), " ".join(said)))
    timed(rows, num_held=num_held)


def timed(rows: OnDisk[Row], *, num_held: int) -> None:
    before, start = time.process_time(), time.time()
    found = similar(rows, THRESHOLD, num_held=num_held)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{len(rows):,} rows in {time.time() - start:.0f} s ({time.process_time() - before:.0f} s "
        f"of one core), peak {peak:.2f} GiB, {len(found):,} pairs"
    )


def alike(count: int, *, num_held: int) -> None:
    """The same for rows made of a few sentences."""
    drawn = random.Random(0)
    words = ["".join(drawn.choices(LETTERS[:26], k=drawn.randint(2, 9))) for _ in range(200)]
    sentences = [" ".join(drawn.choices(words, k=12)) for _ in range(10)]
    rows = OnDisk[Row]()
    for at in range(count):
        rows.append(row(at, f"{at} {drawn.choice(sentences)} {drawn.randrange(10**7)}"))
    timed(rows, num_held=num_held)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--alike", action="store_true")
    parser.add_argument("--held", type=int, default=0)
    options = parser.parse_args()
    if options.rows:
        (alike if options.alike else many)(options.rows, num_held=options.held)
    else:
        planted(options.data)


if __name__ == "__main__":
    main()
