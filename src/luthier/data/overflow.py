"""Rows longer than the limit: refused, cut at one end, split or dropped; no target vanishes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from luthier.core.errors import DataError
from luthier.data.features import FRAME, PART, PLACES, Features
from luthier.data.features_on_disk import FeaturesOnDisk, columns_of
from luthier.recipe.data_section import Overflow

_ADVICE = "data.on_overflow = truncate_prompt (cut the beginning, keep the answer), truncate_tail"
_NO_LIMIT = sys.maxsize


@dataclass(frozen=True, slots=True)
class _Place:
    """A row and the limit it exceeds, for messages."""

    where: str
    max_length: int
    context: int = _NO_LIMIT
    """Most tokens that the model reads: to allow more is no advice."""


def fit_all(
    features: Sequence[Features],
    names: Sequence[str],
    *,
    split: str,
    max_length: int,
    policy: Overflow,
    context: int = _NO_LIMIT,
) -> tuple[Sequence[Features], list[int]]:
    """Every row within `max_length` tokens, and the indices (`Features.row`) of rows dropped.

    Args: names: where each row came from, for messages. split: what the rows are for, too.
        context: most tokens that the model reads, so that nobody is told to allow more.
    Raises: DataError: rows are too long and the policy is "error" (one message for all of them),
        or a row would lose its whole target.
    """
    longest = columns_of(features).longest
    long = [at for at, length in enumerate(longest) if length > max_length]
    if not long:
        return features, []
    if long and policy == "error":
        raise _too_long(features, names, long, max_length=max_length, context=context)
    fitted, dropped = FeaturesOnDisk(), list[int]()
    for item, name in zip(features, names, strict=True):
        pieces = fit_to(item, max_length, policy, name, context=context)
        for piece in pieces:
            fitted.append(piece)
        if not pieces:
            dropped.append(item.row)
    if not fitted:
        shortest = min(longest)
        raise DataError(
            f"{names[0]}: all {len(features)} {split} rows are longer than {max_length} tokens "
            f"(training.max_length); nothing is left of them.\n"
            f"    {_allowing(shortest, context, what=' at the least')}"
            "cut them: data.on_overflow = truncate_tail"
        )
    return fitted, dropped


def fit_to(
    features: Features,
    max_length: int,
    policy: Overflow,
    where: str,
    *,
    context: int = _NO_LIMIT,
) -> list[Features]:
    """One row within `max_length` tokens: itself, a shorter one, several, or none (dropped).

    `cut_tokens` of what comes back counts what is missing. Rows that train a label keep their
    first and last token (the marks around a sentence); of a pair of texts all marks, and the longer
    text is cut first.
    Raises: DataError: too long and the policy is "error", or the target would vanish.
    """
    if max(features.lengths) <= max_length:
        return [features]
    place = _Place(where, max_length, context)
    if policy == "error":
        raise _too_long([features], [where], [0], max_length=max_length, context=context)
    if policy == "drop":
        return []
    if features.sequences:
        return [_each_shorter(features, place, policy)]
    if policy == "truncate_prompt":
        return [_without_beginning(features, place)]
    if policy == "truncate_tail":
        return [_without_end(features, place)]
    return _pieces(features, place)


def _too_long(
    features: Sequence[Features],
    names: Sequence[str],
    long: Sequence[int],
    *,
    max_length: int,
    context: int,
) -> DataError:
    worst = max(long, key=lambda at: max(features[at].lengths))
    length, name = max(features[worst].lengths), names[worst]
    if len(features) == 1:
        first = f"{name}: {length} tokens, longer than {max_length} (training.max_length)."
    else:
        verb = "is" if len(long) == 1 else "are"
        first = (
            f"{len(long)} of {len(features)} rows {verb} longer than {max_length} tokens "
            f"(training.max_length); the longest has {length}: {name}."
        )
    is_whole = any(features[at].sequences or _trains_label(features[at]) for at in long)
    others = " or drop" if is_whole else ", split or drop"
    return DataError(f"{first}\n    {_allowing(length, context)}say what to do: {_ADVICE}{others}")


def _allowing(length: int, context: int, *, what: str = "") -> str:
    """The advice to allow so many tokens, or that the model does not read them."""
    if length > context:
        return f"The model reads {context} at most: "
    return f"Allow more, training.max_length = {length}{what}, or "


def _each_shorter(features: Features, place: _Place, policy: Overflow) -> Features:
    """Every sequence of the row shorter: of the beginnings, which are alike, as much of each.

    Raises: DataError: the policy is "split", which would tear what is compared apart.
    """
    if policy == "split":
        raise DataError(
            f"{place.where}: a sequence of {max(features.lengths)} tokens, longer than "
            f"{place.max_length} (training.max_length); a row of several texts cannot be split.\n"
            "    Say data.on_overflow = truncate_prompt, truncate_tail or drop"
        )
    excess = max(features.lengths) - place.max_length
    cuts_prompts = policy == "truncate_prompt" and not _trains_label(features)
    if cuts_prompts:
        room = min(map(_room, _sequences(features)))
        if room < excess:
            raise _prompt_too_short(max(features.lengths), room, place, "truncate_tail or drop")
    parts: list[Features] = []
    for part in _sequences(features):
        if cuts_prompts:
            shorter = replace(place, max_length=part.num_tokens - excess)
            parts.append(_without_beginning(part, shorter))
        else:
            parts += fit_to(part, place.max_length, policy, place.where, context=place.context)
        if _num_places(parts[-1]) < _num_places(part):
            raise _vanished(features, place)
    return replace(
        features,
        input_ids=np.concatenate([part.input_ids for part in parts]),
        loss_weights=np.concatenate([part.loss_weights for part in parts]),
        cut_tokens=features.cut_tokens + sum(part.cut_tokens for part in parts),
        sequences=tuple(part.num_tokens for part in parts),
        per_token={
            name: np.concatenate([part.per_token[name] for part in parts])
            for name in features.per_token
        },
    )


def _sequences(features: Features) -> list[Features]:
    """Each sequence of a row with what is said of its tokens."""
    found: list[Features] = []
    start = 0
    for length in features.lengths:
        end = start + length
        weights = features.loss_weights[start:end]
        own = {name: held[start:end] for name, held in features.per_token.items()}
        found.append(Features(features.row, features.input_ids[start:end], weights, per_token=own))
        start = end
    return found


def _room(features: Features) -> int:
    """Tokens between the first one and what is trained."""
    targets = np.flatnonzero(features.answers().loss_weights)
    return max(int(targets[0]) - 1, 0) if len(targets) else 0


def _prompt_too_short(length: int, room: int, place: _Place, others: str) -> DataError:
    needed = length - room
    allow = f"Allow at least {needed}, training.max_length = {needed}, or say what to do: "
    if needed > place.context:
        allow = f"The model reads {place.context} at most. Say what to do: "
    return DataError(
        f"{place.where}: {length} tokens, longer than {place.max_length} (training.max_length), "
        f"and only {room} of them stand before what is trained: cutting the prompt is not enough.\n"
        f"    {allow}data.on_overflow = {others}"
    )


def _without_beginning(features: Features, place: _Place) -> Features:
    """Cut behind the first token (often a mark of the beginning), before the first target."""
    excess = features.num_tokens - place.max_length
    if _trains_label(features):
        return _keep(features, _of_label(features, place, keeps_end=True))
    room = _room(features)
    if room < excess:
        raise _prompt_too_short(features.num_tokens, room, place, "truncate_tail, split or drop")
    return _keep(features, np.r_[0, excess + 1 : features.num_tokens])


def _without_end(features: Features, place: _Place) -> Features:
    if _trains_label(features):
        return _keep(features, _of_label(features, place, keeps_end=False))
    shorter = _keep(features, np.arange(place.max_length))
    if not shorter.answers().num_trained:
        raise _vanished(features, place)
    return shorter


def _of_label(features: Features, place: _Place, *, keeps_end: bool) -> np.ndarray:
    """Places that stay of a row that trains a label: its marks, and as much as fits of its texts.

    Of a pair as the "longest first" of transformers has it.
    """
    part = features.per_token.get(PART, np.zeros(0))
    texts = [np.flatnonzero(part == text) for text in (0, 1)]
    if not len(texts[1]):
        texts = [np.arange(1, features.num_tokens - 1)]
    marks = np.setdiff1d(np.arange(features.num_tokens), np.concatenate(texts))
    room = place.max_length - len(marks)
    if room < len(texts) - 1:
        raise _vanished(features, place)
    shares = [room]
    if len(texts) == 2:
        first = min(len(texts[0]), max(room - len(texts[1]), -(-room // 2)))
        shares = [first, room - first]
    pairs = zip(texts, shares, strict=True)
    kept = [at[len(at) - share :] if keeps_end else at[:share] for at, share in pairs]
    return np.sort(np.concatenate([marks, *kept]))


def _pieces(features: Features, place: _Place) -> list[Features]:
    if _trains_label(features):
        raise DataError(
            f"{place.where}: {features.num_tokens} tokens, longer than {place.max_length} "
            "(training.max_length); a row with one label cannot be split.\n"
            "    Say data.on_overflow = truncate_prompt, truncate_tail or drop"
        )
    starts = range(0, features.num_tokens, place.max_length)
    ends = [min(start + place.max_length, features.num_tokens) for start in starts]
    pieces = [_piece(features, start, end) for start, end in zip(starts, ends)]
    useful = [piece for piece in pieces if piece.answers().num_trained]
    if not useful:
        raise _vanished(features, place)
    cut = features.num_tokens - sum(piece.num_tokens for piece in useful)
    return [replace(useful[0], cut_tokens=cut), *useful[1:]]


def _piece(features: Features, start: int, end: int) -> Features:
    """Tokens from `start` to `end`; the first one has nothing before it to be predicted from, but
    may have a tag."""
    weights = features.loss_weights[start:end].copy()
    if FRAME not in features.arrays:
        weights[0] = 0.0
    own = {name: held[start:end] for name, held in features.per_token.items()}
    ids = features.input_ids[start:end]
    return replace(features, input_ids=ids, loss_weights=weights, per_token=own)


def _keep(features: Features, kept: np.ndarray) -> Features:
    weights = features.loss_weights
    return replace(
        features,
        input_ids=features.input_ids[kept],
        loss_weights=weights if _trains_label(features) else weights[kept],
        cut_tokens=features.cut_tokens + features.num_tokens - len(kept),
        per_token={name: held[kept] for name, held in features.per_token.items()},
    )


def _num_places(features: Features) -> int:
    """Tokens whose places are the target."""
    return int(np.count_nonzero(features.per_token.get(PLACES, ())))


def _trains_label(features: Features) -> bool:
    return len(features.loss_weights) == 0


def _vanished(features: Features, place: _Place) -> DataError:
    allow = f"Allow more, training.max_length = {features.num_tokens}, k"
    if features.num_tokens > place.context:
        allow = "K"
    return DataError(
        f"{place.where}: {features.num_tokens} tokens cut to {place.max_length} "
        "(training.max_length) leave nothing to learn: the whole target would vanish.\n"
        f"    {allow}eep the answer, data.on_overflow = truncate_prompt, or leave such rows out, "
        "data.on_overflow = drop"
    )
