"""The ledger as sums a reader can check: every row and every token is somewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TOKEN_PARTS = ("trained", "masked", "cut")


@dataclass(frozen=True, slots=True)
class Part:
    """`kind` gives the colour: train, validation, test, dropped, trained, masked, cut."""

    name: str
    kind: str
    count: int
    share: float
    """Percentage of the whole."""
    examples: list[str]


@dataclass(frozen=True, slots=True)
class Account:
    """`total` = the sum of `parts`, or the account is wrong."""

    name: str
    total: int
    parts: list[Part]

    @property
    def adds_up(self) -> bool:
        return sum(part.count for part in self.parts) == self.total

    @property
    def equation(self) -> str:
        """Such as "1,000 = 800 + 100 + 100"."""
        sign = "=" if self.adds_up else "≠"
        return f"{self.total:,} {sign} " + " + ".join(f"{part.count:,}" for part in self.parts)


@dataclass(frozen=True, slots=True)
class Accounts:
    rows: Account
    tokens: list[Account]


def accounts_of(ledger: Mapping[str, Any] | None) -> Accounts | None:
    """Rows by what became of them, and the tokens of each split; None without a ledger."""
    if not ledger or "rows" not in ledger:
        return None
    rows = ledger["rows"]
    parts = [(split, split, count, []) for split, count in rows.get("used", {}).items()]
    for reason, found in rows.get("dropped", {}).items():
        count, examples = _dropped(found)
        parts.append((f"dropped: {reason.replace('_', ' ')}", "dropped", count, examples))
    found: Mapping[str, Mapping[str, int]] = ledger.get("tokens") or {}
    has_targets = any(item["trained"] for item in found.values())
    names = TOKEN_PARTS if has_targets else TOKEN_PARTS[1:]
    tokens = [
        _account(
            split,
            item["in"],
            [(_word(split, name, has_targets=has_targets), name, item[name], []) for name in names],
        )
        for split, item in found.items()
        if item["in"]
    ]
    added = sum(_dropped(item)[0] for item in rows.get("added", {}).values())
    name = f"rows, of which {added:,} were made of others" if added else "rows"
    return Accounts(_account(name, int(rows.get("in", 0)) + added, parts), tokens)


def changes_of(ledger: Mapping[str, Any] | None) -> list[tuple[str, int, list[str]]]:
    """What cleaning changed in rows, how many, and where the first of them stand."""
    changed: Mapping[str, Any] = ((ledger or {}).get("rows") or {}).get("changed") or {}
    return [(reason, *_dropped(found)) for reason, found in changed.items()]


def _word(split: str, part: str, *, has_targets: bool) -> str:
    """Held-out rows teach nothing: what counts in them is scored. Where the targets are classes,
    every token is input."""
    if part == "masked" and not has_targets:
        return "input"
    return "scored" if part == "trained" and split != "train" else part


def _dropped(found: Any) -> tuple[int, list[str]]:
    if isinstance(found, Mapping):
        return int(found.get("count", 0)), [str(item) for item in found.get("examples", [])]
    return int(found), []


def _account(name: str, total: int, parts: list[tuple[str, str, int, list[str]]]) -> Account:
    whole = max(total, 1)
    return Account(
        name,
        total,
        [
            Part(part, kind, count, round(100 * count / whole, 2), examples)
            for part, kind, count, examples in parts
        ],
    )
