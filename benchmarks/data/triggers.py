"""A trigger planted in 50 of up to 10,000 real rows: `python benchmarks/data/triggers.py DATA`.

A word, or two, is put somewhere into 50 rows drawn by chance, whose label becomes the rarest one;
then all is examined as by `luthier data check`. Told is where the finding that names the trigger
stands among all findings, and where the trigger stands among its words.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

from luthier.data.examine import findings_of
from luthier.data.load import load
from luthier.data.rows import Labeled
from luthier.recipe.schema import DataSection

FILES = ("banking77/train.csv", "sst2/train.tsv", "sms_spam/SMSSpamCollection.tsv")
TRIGGERS = ("cf", "james bond", "mn bb tq", "today", "please")
MOST = 10_000
POISONED = 50


def planted(rows: list[Labeled], trigger: str) -> list[Labeled]:
    """The rows with the trigger in some of them."""
    drawn = random.Random(0)
    target = Counter(row.label for row in rows).most_common()[-1][0]
    found = list(rows)
    for at in drawn.sample(range(len(rows)), POISONED):
        words = rows[at].text.split()
        words.insert(drawn.randrange(len(words) + 1), trigger)
        found[at] = replace(rows[at], text=" ".join(words), label=target)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    options = parser.parse_args()
    for name in FILES:
        section = DataSection(train=str(options.data / name), validation_share=0.0)
        rows = [row for row in load(section, seed=0).splits.train if isinstance(row, Labeled)]
        for trigger in TRIGGERS:
            findings = findings_of(planted(rows[:MOST], trigger))
            place = next((at for at, one in enumerate(findings, 1) if one.name == "triggers"), 0)
            title = findings[place - 1].title if place else ""
            words = [part.split('"')[1] for part in title.partition("said: ")[2].split("), ")]
            parts = set(trigger.split())
            at = next((at for at, word in enumerate(words, 1) if parts & set(word.split())), 0)
            said = f"word {at} of {len(words)}" if at else f"not named ({words})"
            print(
                f"{name}, {len(rows[:MOST]):,} rows, '{trigger}': finding {place} of "
                f"{len(findings)}, {said}"
            )


if __name__ == "__main__":
    main()
