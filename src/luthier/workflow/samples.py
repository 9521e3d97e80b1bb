"""The first rows as training reads them, for people to look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from luthier.data.features import Features
from luthier.data.rows import Row
from luthier.models.bundle import Codec
from luthier.models.proof import paint

_NUM_SAMPLES = 8

Painter = Callable[[Features, Codec], list[dict[str, Any]]]
"""Tokens as pieces of text: "text", "trained", "weight", and perhaps more."""


def samples(
    features: Sequence[Features], rows: Sequence[Row], codec: Codec
) -> list[dict[str, Any]]:
    """The first few of `features`, of `rows`: where each is from ("row"), and its "pieces"."""
    return [sample(item, rows[item.row], codec) for item in features[:_NUM_SAMPLES]]


def sample(features: Features, row: Row, codec: Codec, *, paint: Painter = paint) -> dict[str, Any]:
    """What goes into training of one row, as pieces: which text trains and which is only read."""
    painted = [{"text": row.shown(), "trained": False, "weight": 0.0}]
    if codec.tokenizer is not None:
        gap = {"text": "\n\n", "trained": False, "weight": 0.0}
        painted = [piece for part in features.parts() for piece in (gap, *paint(part, codec))][1:]
    pieces = [{**piece, "role": "text"} for piece in painted]
    if not len(features.loss_weights) and row.target():
        pieces.append({"text": row.target(), "trained": True, "role": "label"})
    elif row.stratum():  # what is learned from the trained text, such as that it is bad
        pieces.append({"text": row.stratum(), "trained": False, "role": "label"})
    return {"row": str(row.origin), "pieces": pieces}
