"""Whether two sets of answers are the same, up to the rounding that writing the files allows.

How far rounding alone may move the answers depends on the model, so it is measured on it:
`noise` is the largest difference that random errors of the same size in its weights make. A
largest of many thousand errors hardly varies from one draw to the next; twice it leaves
room. Float32 arithmetic in another order adds at most 1e-4 of the logits' spread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from luthier.core.errors import ParityError

ARITHMETIC = 1e-4
ROOM = 2.0


def compare(
    expected: Mapping[str, Tensor],
    came: Mapping[str, Tensor],
    *,
    noise: float,
) -> dict[str, Any]:
    """Largest difference of the logits, what was allowed, and how the greedy text compares.

    Raises: ParityError: something is missing, not finite, too far apart, or another text.
    """
    _same_shapes(expected, came)
    names = compared(expected)
    spread = max(_spread(expected[name]) for name in names)
    allowed = ROOM * noise + ARITHMETIC * max(spread, 1e-3)
    largest = distance(expected, came)
    if largest > allowed:
        raise ParityError(
            f"The exported model is not the trained one: its {names[0].partition('_')[0]} differ "
            f"by up to {largest:.4g}, and writing the files explains at most {allowed:.4g}. "
            "No files were kept."
        )
    facts = {"max_difference": largest, "tolerance": allowed, "logit_spread": spread}
    return {**facts, **_texts(expected, came, allowed)}


def _spread(answer: Tensor) -> float:
    """How far the logits lie apart; of a single number its size, for it has no spread."""
    if answer.numel() == 1:
        return float(answer.abs())
    return float(answer.std(correction=0))


def _same_shapes(expected: Mapping[str, Tensor], came: Mapping[str, Tensor]) -> None:
    for name, tensor in expected.items():
        if name.startswith(("tokens_", "steps_")):
            continue
        shape = tuple(came[name].shape) if name in came else "nothing"
        if shape != tuple(tensor.shape):
            raise ParityError(
                f"The exported model gives {name} of shape {shape}, expected "
                f"{tuple(tensor.shape)}. No files were kept."
            )


def compared(answers: Mapping[str, Tensor]) -> list[str]:
    """Names of the logits and scores among the answers."""
    return sorted(name for name in answers if name.startswith(("logits_", "scores_")))


def distance(expected: Mapping[str, Tensor], came: Mapping[str, Tensor]) -> float:
    """Largest difference of any logit or score.

    Raises: ParityError: one that came is not finite.
    """
    for name in compared(expected):
        if not bool(torch.isfinite(came[name]).all()):
            raise ParityError(
                f"The exported model gives {name} that are not finite. No files were kept."
            )
    return max(float((expected[name] - came[name]).abs().max()) for name in compared(expected))


def _texts(
    expected: Mapping[str, Tensor], came: Mapping[str, Tensor], allowed: float
) -> dict[str, int]:
    """Greedy tokens generated, and how many texts part where the model itself was undecided."""
    names = sorted(name for name in expected if name.startswith("tokens_"))
    if not names:
        return {}
    parted = [_parts(expected, came, name, allowed) for name in names]
    return {
        "greedy_tokens": sum(len(expected[name]) for name in names),
        "texts_parted_at_a_tie": sum(parted),
    }


def _parts(
    expected: Mapping[str, Tensor], came: Mapping[str, Tensor], name: str, allowed: float
) -> bool:
    """Whether the texts part at a tie: both logits of the two tokens may move by `allowed`."""
    ours, theirs = expected[name].tolist(), came[name].tolist()
    if ours == theirs:
        return False
    place = next(
        (index for index, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), -1
    )
    if place >= 0:
        steps_V = expected[name.replace("tokens", "steps")][place]
        margin = float(steps_V[ours[place]] - steps_V[theirs[place]])
        if margin <= 2 * allowed:
            return True
    raise ParityError(
        "The exported model writes another text than the trained one "
        f"({name.replace('tokens_', 'prompt ')}, token {place}). No files were kept."
    )
