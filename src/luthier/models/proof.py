"""Proof of a loss mask: each rule is checked again, from the outside, on every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from luthier.core.errors import LuthierError, MaskError
from luthier.data.rows import Chat
from luthier.models.bundle import Codec, Rendered, Segment
from luthier.models.template import as_template_message

_OTHER_WORDS = "quite other words 7"


def prove(row: Chat, rendered: Rendered, codec: Codec) -> None:
    """Nothing, when the mask of a rendered row keeps every rule.

    Raises: MaskError: naming the row, the turn and the rule, and showing the tokens.
    """
    problem = (
        _is_well_formed(rendered)
        or _trains_the_answers(row, rendered, codec)
        or _stops(rendered, codec)
        or _continues_prompt(row, rendered, codec)
        or _is_literal(row, rendered, codec)
        or _ignores_other_turns(row, rendered, codec)
    )
    if problem:
        raise MaskError(f"{row.origin}: {problem}\n    {shown(rendered, codec)}")


def paint(rendered: Rendered, codec: Codec) -> list[dict[str, Any]]:
    """The tokens in order as runs: text, trained, role, turn, weight.

    What is trained is read off the weights themselves, not off what the codec says of them.
    """
    painted: list[dict[str, Any]] = []
    for segment in rendered.segments:
        for start, end in _runs(rendered.loss_weights[segment.start : segment.end]):
            part = slice(segment.start + start, segment.start + end)
            text = str(codec.tokenizer.decode(rendered.input_ids[part].tolist()))
            weight = float(rendered.loss_weights[part.start])
            painted.append(
                {
                    "text": text,
                    "trained": weight > 0,
                    "role": segment.role,
                    "turn": segment.turn,
                    "weight": weight,
                }
            )
    return painted


def shown(rendered: Rendered, codec: Codec, *, width: int = 600) -> str:
    """One line of the rendered row with [[trained]] tokens marked."""
    runs = paint(rendered, codec)
    parts = [f"[[{run['text']}]]" if run["trained"] else run["text"] for run in runs]
    line = repr("".join(parts))[1:-1]
    return line if len(line) <= width else f"{line[: width // 2]} ... {line[-width // 2 :]}"


def _runs(weights: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    edges = [0, *(np.flatnonzero(np.diff(weights)) + 1).tolist(), len(weights)]
    return ((start, end) for start, end in pairwise(edges) if end > start)


def _is_well_formed(rendered: Rendered) -> str:
    weights = rendered.loss_weights
    if len(weights) != len(rendered.input_ids):
        return f"{len(rendered.input_ids)} tokens with {len(weights)} weights"
    if not len(weights) or not bool((weights > 0).any()):
        return (
            "no token is trained. Give the row an assistant message with content and a weight "
            "above 0, or remove it"
        )
    if weights[0] != 0 or not bool(np.isfinite(weights).all()) or bool((weights < 0).any()):
        return "a weight is negative, not finite, or stands on the first token"
    ends = [0, *(segment.end for segment in rendered.segments)]
    starts = [segment.start for segment in rendered.segments]
    if starts != ends[:-1] or ends[-1] != len(weights):
        return "the segments do not cover the tokens"
    return ""


def _trains_the_answers(row: Chat, rendered: Rendered, codec: Codec) -> str:
    """Trained are exactly the segments of assistant messages with a weight, with that weight."""
    for segment in rendered.segments:
        weights = rendered.loss_weights[segment.start : segment.end]
        is_answer = segment.trained and row.messages[segment.turn].role == "assistant"
        expected = row.messages[segment.turn].weight if is_answer else 0.0
        if not bool((weights == np.float32(expected)).all()):
            kind = f"{segment.role or 'template'} tokens (messages[{segment.turn}])"
            return f"{kind} have weights other than {expected}"
    wanted = [
        index
        for index, message in enumerate(row.messages)
        if message.role == "assistant" and message.weight > 0
    ]
    found = [segment.turn for segment in _trained(rendered)]
    if found != wanted:
        return f"answers trained: messages {found}, expected {wanted}"
    for segment in _trained(rendered):
        text = codec.tokenizer.decode(rendered.input_ids[segment.start : segment.end].tolist())
        if _squeezed(row.messages[segment.turn].content) not in _squeezed(str(text)):
            return (
                f"messages[{segment.turn}]: the content is not wholly among the trained tokens; "
                "the chat template drops or rewrites part of it. Set weight 0 on this turn, or "
                "split the conversation into one row per answer"
            )
    return ""


def _stops(rendered: Rendered, codec: Codec) -> str:
    """The last trained token of each turn ends it, and no token before it does."""
    stops = set(codec.end_of_turn_ids)
    for segment in _trained(rendered):
        ids = rendered.input_ids[segment.start : segment.end].tolist()
        if ids[-1] not in stops:
            return (
                f"messages[{segment.turn}]: the end-of-turn token is not trained, so the model "
                "would not learn to stop"
            )
        if stops & set(ids[:-1]):
            return f"messages[{segment.turn}]: trained tokens go on behind an end-of-turn token"
    return ""


def _continues_prompt(row: Chat, rendered: Rendered, codec: Codec) -> str:
    """What stands before each trained turn is, token for token, what generation is given."""
    for segment in _trained(rendered):
        prompt = codec.prompt(row.messages[: segment.turn], row)
        if not np.array_equal(prompt, rendered.input_ids[: segment.start]):
            return (
                f"messages[{segment.turn}]: training puts other tokens before the answer than "
                "generation does"
            )
    return ""


def _is_literal(row: Chat, rendered: Rendered, codec: Codec) -> str:
    """Control tokens come from the template alone, as many as without those typed in the row."""
    names = _specials(codec.tokenizer)
    known = set(names.values())
    found = Counter(token for token in rendered.input_ids.tolist() if token in known)
    expected = _expected_specials(row, codec, names)
    if found == expected:
        return ""
    wrong = {*(found - expected), *(expected - found)}
    differing = sorted(name for name, token in names.items() if token in wrong)
    return (
        f"control tokens {', '.join(differing)} stand in the row that the template did not put "
        "there; what users type must stay text"
    )


@lru_cache(maxsize=4)
def _specials(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    added = tokenizer.added_tokens_decoder
    return {token.content: index for index, token in added.items() if token.special}


def _expected_specials(row: Chat, codec: Codec, names: dict[str, int]) -> Counter[int]:
    if not codec.has_template or getattr(codec, "is_plain", False):
        answers = sum(message.role == "assistant" for message in row.messages)
        return Counter({getattr(codec, "end_of_text_id", -1): answers})
    ordered = sorted(names, key=len, reverse=True)
    messages = [as_template_message(message) for message in row.messages]
    for message in messages:
        for name in ordered:
            message["content"] = str(message["content"]).replace(name, "x")
    tools: list[Any] | None = [dict(tool) for tool in row.tools] or None
    text = codec.tokenizer.apply_chat_template(messages, tools=tools, tokenize=False)
    ids = codec.tokenizer.encode(str(text), add_special_tokens=False)
    known = set(names.values())
    return Counter(token for token in ids if token in known)


def _ignores_other_turns(row: Chat, rendered: Rendered, codec: Codec) -> str:
    """Trained tokens stay the same when everything that others say is replaced."""
    changed = replace(
        row,
        messages=tuple(
            message if message.role == "assistant" else replace(message, content=_OTHER_WORDS)
            for message in row.messages
        ),
    )
    try:
        other = codec.render(changed)
    except LuthierError:
        return ""  # a template that depends on what is said: the other rules must do
    if _trained_ids(other) != _trained_ids(rendered):
        return "tokens of a system, user or tool message are trained"
    return ""


def _trained(rendered: Rendered) -> list[Segment]:
    return [segment for segment in rendered.segments if segment.trained]


def _trained_ids(rendered: Rendered) -> Sequence[int]:
    return rendered.input_ids[rendered.loss_weights > 0].tolist()


def _squeezed(text: str) -> str:
    return "".join(text.split())
