"""Rows as the model learned to read them: what training cut is cut, and how many are is said."""

from __future__ import annotations

from collections.abc import Sequence

from luthier.data.features import Features
from luthier.data.overflow import fit_to
from luthier.models.bundle import Bundle


def within(bundle: Bundle, features: Sequence[Features]) -> list[Features]:
    """The rows, those too long cut at the end that training cut; a line of `bundle.notes` says how
    many were."""
    limit, keeps_end = bundle.longest, bundle.cut.keeps_end
    policy = "truncate_prompt" if keeps_end else "truncate_tail"
    found = [fit_to(item, limit, policy, f"row {item.row + 1}")[0] for item in features]
    number = sum(item.cut_tokens > 0 for item in found)
    if number:
        lost = "beginning" if keeps_end else "end"
        bundle.notes.append(
            f"longer than {limit:,} tokens: {number:,} of {len(found):,} texts; their {lost} was "
            "not read"
        )
    return found
