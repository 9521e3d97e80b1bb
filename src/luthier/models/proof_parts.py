"""Two rules of the proof of a mask: weights of spans, and what rows say of tools.

Both look at decoded tokens only, not at what the codec says of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luthier.data.rows import Chat, Message
from luthier.models.bundle import Codec, Rendered

_HALF = "\ufffd"
"""How a decoder shows the beginning of a character whose other bytes are in the next token."""


def spans_disagree(
    message: Message, ids: NDArray[np.int32], weights: NDArray[np.float32], codec: Codec
) -> str:
    """What is wrong with the weights of an answer with spans; empty: nothing.

    Each token is placed by the length of the text that the tokens before it decode to.
    """
    texts = [str(codec.tokenizer.decode(ids[:end].tolist())) for end in range(len(ids) + 1)]
    content = message.content.strip()
    if content not in texts[-1]:
        return ""  # a tokenizer that rewrites text: nothing can be placed from the outside
    origin = texts[-1].index(content) - message.content.index(content)
    for at, (before, after) in enumerate(pairwise(texts)):
        shown = after[len(before) :]
        if before.endswith(_HALF) or not after.startswith(before) or not shown.strip():
            continue
        place = len(before) + len(shown) - len(shown.lstrip()) - origin
        held = [span.weight for span in message.spans if span.start <= place < span.end]
        expected = held[0] if held else message.weight
        if weights[at] != np.float32(expected):
            return f"token {shown!r} has weight {weights[at]:g}, its span says {expected:g}"
    return ""


def calls_are_missing(row: Chat, rendered: Rendered, codec: Codec) -> str:
    """What of tools and calls the template left out; empty: everything is there."""
    tools = [name for tool in row.tools for name in _names(tool)]
    calls = any(message.tool_calls for message in row.messages)
    results = [at for at, message in enumerate(row.messages) if message.role == "tool"]
    if not (tools or calls or results):
        return ""
    for part in rendered.segments:
        message = row.messages[part.turn] if part.trained else None
        if message is not None and message.tool_calls:
            said = _squeezed(codec, rendered.input_ids[part.start : part.end])
            for missing in (word for word in _words(message) if word not in said):
                return _left_out(f"messages[{part.turn}]: the call of {missing!r}")
    whole = _squeezed(codec, rendered.input_ids)
    shown_only = _squeezed(codec, rendered.input_ids[rendered.loss_weights == 0])
    for name in tools:
        if name not in shown_only:
            return _left_out(f"tool {name!r}")
    for at in results:
        if not any("".join(form.split()) in whole for form in _forms(row.messages[at].content)):
            return _left_out(f"messages[{at}]: the result of a tool")
    return ""


def _forms(content: str) -> Iterator[str]:
    """How a template may write it: as it is, or as a text in JSON (transformers' `tojson` keeps
    letters such as ö)."""
    yield content
    yield json.dumps(content)[1:-1]
    yield json.dumps(content, ensure_ascii=False)[1:-1]


def _left_out(what: str) -> str:
    return (
        f"{what} is left out by the model's chat template, so it could neither be learned nor be "
        "seen. Use a model whose template knows tools, or write them into the text of the messages"
    )


def _words(message: Message) -> Iterator[str]:
    """Names of functions called, and of their arguments."""
    for call in message.tool_calls:
        function = call.get("function", call)
        yield from _names(call)
        arguments = function.get("arguments") if isinstance(function, Mapping) else None
        if isinstance(arguments, Mapping):
            yield from ("".join(str(key).split()) for key in arguments)


def _names(tool: Mapping[str, Any]) -> Iterator[str]:
    function = tool.get("function", tool)
    if isinstance(function, Mapping) and isinstance(function.get("name"), str):
        yield "".join(function["name"].split())


def _squeezed(codec: Codec, ids: NDArray[np.int32]) -> str:
    return "".join(str(codec.tokenizer.decode(ids.tolist())).split())
