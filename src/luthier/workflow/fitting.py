"""Rows within `training.max_length`: cut or left out by the policy, counted, and said."""

from __future__ import annotations

from collections.abc import Sequence

from luthier.data.features import Features
from luthier.data.features_on_disk import columns_of
from luthier.data.ledger import Ledger
from luthier.data.overflow import fit_all
from luthier.objectives import Objective
from luthier.recipe.data_section import Overflow
from luthier.workflow.arranging import without_idle

_DONE = {
    "drop": "left out",
    "truncate_prompt": "cut at the beginning",
    "truncate_tail": "cut at the end",
    "split": "cut into pieces",
}


def fit_rows(
    before: Sequence[Features],
    names: Sequence[str],
    *,
    objective: Objective,
    ledger: Ledger,
    split: str,
    max_length: int,
    policy: Overflow,
    context: int,
) -> tuple[Sequence[Features], list[str]]:
    """The rows of a split as they are used, of which the ledger knows every token, and a line for
    what was cut and one for every reason for which rows were left out.

    Args: names: where each row came from. context: most tokens that the model reads.
    Raises: DataError: rows are longer, and nothing says what to do with them.
    """
    after, dropped = fit_all(
        before, names, split=split, max_length=max_length, policy=policy, context=context
    )
    for row in dropped:
        ledger.drop("longer than training.max_length", names[row], split=split)
    counts = ledger.counts()
    if split != "test":
        after = without_idle(objective, after, names, split=split, ledger=ledger)
    ledger.add_features(split, before, after)
    said = _overlong(before, names, split=split, max_length=max_length, policy=policy)
    return after, [*said, *ledger.since(counts)]


def _overlong(
    features: Sequence[Features], names: Sequence[str], *, split: str, max_length: int, policy: str
) -> list[str]:
    """What became of the rows that were longer, in words; empty where there are none."""
    lengths = columns_of(features).longest
    long = [at for at, length in enumerate(lengths) if length > max_length]
    if not long:
        return []
    verb = "is" if len(long) == 1 else "are"
    return [
        f"{split}: {len(long)} of {len(lengths)} rows {verb} longer than {max_length} tokens "
        f"(training.max_length) and {_DONE[policy]} (data.on_overflow: {policy}), such as "
        f"{names[long[0]]}"
    ]
