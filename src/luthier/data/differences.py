"""Two versions of a data set: which rows came, which went, and which have another target now."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from luthier.data.matching.keyed import Hash, Keyed
from luthier.data.rows import Row

What = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not the same in both versions."""

    what: What
    before: Row | None
    after: Row | None


@dataclass(frozen=True, slots=True)
class Differences:
    """Rows by their places in the two versions; each stands in one of the lists at most."""

    before: Keyed
    after: Keyed
    same: int
    """Rows that are in both, as often as in the version that has fewer of them."""
    added: list[int]
    removed: list[int]
    changed: list[tuple[int, int]]
    """Pairs with the same input and another target."""

    def walk(self) -> Iterator[Difference]:
        """All of them: changed rows, then removed, then added ones."""
        for old, new in self.changed:
            yield Difference("changed", self.before.rows[old], self.after.rows[new])
        for old in self.removed:
            yield Difference("removed", self.before.rows[old], None)
        for new in self.added:
            yield Difference("added", None, self.after.rows[new])


def differences(before: Keyed, after: Keyed) -> Differences:
    """How one set of rows became another. The order of rows makes no difference."""
    removed = _beyond(before.content_N, after.content_N)
    added = _beyond(after.content_N, before.content_N)
    same = len(before) - len(removed)
    old_input_N, new_input_N = _inputs(before), _inputs(after)
    waiting: dict[int, list[int]] = defaultdict(list)
    for old in reversed(removed):
        waiting[int(old_input_N[old])].append(old)
    changed: list[tuple[int, int]] = []
    left: list[int] = []
    for new in added:
        held = waiting.get(int(new_input_N[new]))
        if held:
            changed.append((held.pop(), new))
        else:
            left.append(new)
    gone = {old for old, _ in changed}
    kept = [old for old in removed if old not in gone]
    return Differences(before, after, same, left, kept, changed)


def _beyond(own_N: Hash, other_N: Hash) -> list[int]:
    """Places of rows that the other version does not have, or not so often."""
    left = Counter(other_N.tolist())
    found: list[int] = []
    for place, hashed in enumerate(own_N.tolist()):
        if left[hashed] > 0:
            left[hashed] -= 1
        else:
            found.append(place)
    return found


def _inputs(table: Keyed) -> Hash:
    """For each row the hash of its input, which stands first among its ties."""
    _, first = np.unique(table.inputs.row_M, return_index=True)
    return table.inputs.hash_M[first]
