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
from luthier.data.features import Features
from luthier.data.rows import Chat
from luthier.models.bundle import Codec, Rendered, Segment
from luthier.models.literal import control_tokens
from luthier.models.proof_parts import calls_are_missing, spans_disagree
from luthier.models.template import as_template_message

_OTHER_WORDS = "quite other words 7"


def prove(row: Chat, features: Features, codec: Codec, *, train_on: str = "assistant") -> None:
    """Nothing, when what is trained of a conversation keeps every rule.

    Args: features: what goes into training, before it is cut to length. train_on: "assistant" for
        every answer with a weight, "last" for the last answer only.
    Raises: MaskError: naming the row, the turn and the rule, and showing the tokens.
    """
    told = codec.render(row)
    wanted = _answers(row, train_on)
    parts = tuple(
        replace(part, trained=part.trained and part.turn in wanted) for part in told.segments
    )
    trained = Rendered(features.input_ids, features.loss_weights, parts)
    try:
        problem = (
            _is_well_formed(trained)
            or _is_rendered(trained, told)
            or _trains_the_answers(row, trained, codec, wanted)
            or calls_are_missing(row, trained, codec)
            or _stops(trained, codec)
            or _continues_prompt(row, trained, codec)
            or _is_literal(row, trained, codec)
            or _ignores_other_turns(row, trained, codec, wanted)
        )
    except MaskError as error:  # there is no prompt that could be compared
        problem = error.message
    if problem:
        raise MaskError(f"{row.origin}: {problem}", paint(features, codec))


def paint(features: Features, codec: Codec) -> list[dict[str, Any]]:
    """The tokens in order as runs of one weight: text, trained, weight.

    What is trained is read off the weights themselves, not off what the codec says of them. A row
    that trains a label has no weights: nothing of its text is trained.
    """
    weights = features.loss_weights
    if not len(weights):
        weights = np.zeros(features.num_tokens, np.float32)
    painted: list[dict[str, Any]] = []
    for start, end in _runs(weights):
        text = str(codec.tokenizer.decode(features.input_ids[start:end].tolist()))
        weight = float(weights[start])
        painted.append({"text": text, "trained": weight > 0, "weight": weight})
    return painted


def _answers(row: Chat, train_on: str) -> list[int]:
    """Messages whose words are to be trained."""
    answers = [index for index, message in enumerate(row.messages) if message.role == "assistant"]
    asked = answers[-1:] if train_on == "last" else answers
    return [index for index in asked if row.messages[index].is_learned]


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
    return ""


def _is_rendered(rendered: Rendered, told: Rendered) -> str:
    """What is trained are the tokens of the conversation, and each belongs to a message."""
    if not np.array_equal(rendered.input_ids, told.input_ids):
        return "training has other tokens than the conversation gives when it is rendered again"
    ends = [0, *(segment.end for segment in rendered.segments)]
    starts = [segment.start for segment in rendered.segments]
    if starts != ends[:-1] or ends[-1] != len(rendered.loss_weights):
        return "the segments do not cover the tokens"
    return ""


def _trains_the_answers(row: Chat, rendered: Rendered, codec: Codec, wanted: Sequence[int]) -> str:
    """Trained are exactly the segments of the wanted messages, with the weight of each."""
    for segment in rendered.segments:
        weights = rendered.loss_weights[segment.start : segment.end]
        is_answer = segment.trained and row.messages[segment.turn].role == "assistant"
        expected = row.messages[segment.turn].weight if is_answer else 0.0
        if is_answer and row.messages[segment.turn].spans:
            ids = rendered.input_ids[segment.start : segment.end]
            if problem := spans_disagree(row.messages[segment.turn], ids, weights, codec):
                return f"messages[{segment.turn}]: {problem}"
        elif not bool((weights == np.float32(expected)).all()):
            kind = f"{segment.role or 'template'} tokens (messages[{segment.turn}])"
            return f"{kind} have weights other than {expected}"
    found = [segment.turn for segment in _trained(rendered)]
    if found != wanted:
        return f"answers trained: messages {found}, expected {wanted}"
    for segment in _trained(rendered):
        ids = rendered.input_ids[segment.start : segment.end]
        message = row.messages[segment.turn]
        if not _holds(ids, message.content, codec.tokenizer):
            instead = (
                "Leave the content of this turn empty: beside calls the template writes none"
                if message.tool_calls
                else "Set weight 0 on this turn, or split the conversation into one row per "
                "answer; where it drops earlier reasoning (<think>), say data.reasoning = last"
            )
            return (
                f"messages[{segment.turn}]: the content is not wholly among the trained tokens; "
                f"the chat template drops or rewrites part of it. {instead}"
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
    if codec.is_plain and codec.tokenizer.unk_token_id != codec.end_of_text_id:
        known.discard(codec.tokenizer.unk_token_id)  # a character that the tokenizer does not know
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
    return control_tokens(tokenizer)


def _expected_specials(row: Chat, codec: Codec, names: dict[str, int]) -> Counter[int]:
    if codec.is_plain:
        answers = sum(message.role == "assistant" for message in row.messages)
        is_control = codec.end_of_text_id in names.values()
        return Counter({codec.end_of_text_id: answers} if is_control else {})
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


def _ignores_other_turns(row: Chat, rendered: Rendered, codec: Codec, wanted: Sequence[int]) -> str:
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
    weights = other.loss_weights.copy()
    for segment in other.segments:
        if segment.turn not in wanted:
            weights[segment.start : segment.end] = 0
    if _trained_ids(replace(other, loss_weights=weights)) != _trained_ids(rendered):
        return "tokens of a system, user or tool message are trained"
    return ""


def _trained(rendered: Rendered) -> list[Segment]:
    return [segment for segment in rendered.segments if segment.trained]


def _trained_ids(rendered: Rendered) -> Sequence[int]:
    return rendered.input_ids[rendered.loss_weights > 0].tolist()


def _holds(ids: NDArray[np.int32], content: str, tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the tokens spell `content`, or what the tokenizer makes of it where it normalises."""
    found = _squeezed(str(tokenizer.decode(ids.tolist())))
    if _squeezed(content) in found:
        return True
    read = tokenizer.encode(content, add_special_tokens=False, split_special_tokens=True)
    return _squeezed(str(tokenizer.decode(read))) in found


def _squeezed(text: str) -> str:
    return "".join(text.split())
