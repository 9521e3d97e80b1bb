"""What models say of given answers, and some answers of their own to read: for rated rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from luthier.data.batches import micro_batches
from luthier.data.features import Batch
from luthier.data.rows import Chat, Message, Preference, Rated, Row
from luthier.evaluation.answerer import Answerer
from luthier.evaluation.bench import Bench
from luthier.evaluation.judging import within_context
from luthier.evaluation.likelihood import max_pack_tokens
from luthier.evaluation.tasks._scores import scores
from luthier.generation import generate
from luthier.models.bundle import Bundle
from luthier.objectives import Objective, needed

MAX_SAMPLES = 4
"""Answers that base and tuned model write, to be read side by side."""
SAMPLE_TOKENS = 96
Tell = Callable[[int, int], None]


def compares(objective: Objective) -> bool:
    """Whether what it learned is a difference from another model, mostly the one before tuning."""
    return "reference" in needed(objective)


def said(
    bundle: Bundle, objective: Objective, rows: Sequence[Row], *, tell: Tell
) -> NDArray[np.float64]:
    """What the model says of each row (N, C), by the objective's own reading."""
    return scores(bundle, objective, rows, batches=batches, tell=tell)


def raised(answerer: Answerer, rows: Sequence[Row]) -> NDArray[np.float64]:
    """The same (N, C) of new rows, less what was said before training where the objective learned
    a difference from that: the implicit reward."""
    bundle, objective = answerer.bundle, answerer.objective
    found_NC = said(bundle, objective, rows, tell=silent)
    if not compares(objective) or answerer.reference is None:
        return found_NC
    with answerer.reference() as before:
        return found_NC - said(before, objective, rows, tell=silent)


def silent(done: int, total: int) -> None:
    """Tell nobody."""
    del done, total


def batches(
    bundle: Bundle, objective: Objective, rows: Sequence[Row]
) -> Iterator[tuple[list[int], Batch]]:
    """Rows as batches of like length, with the indices of the rows in each."""
    device = next(bundle.model.parameters()).device
    bundle.model.eval()
    features = [within_context(bundle, objective, row, index=at) for at, row in enumerate(rows)]
    lengths = [item.num_tokens for item in features]
    for indices in micro_batches(lengths, max_tokens=2 * max_pack_tokens(device)):
        yield list(indices), objective.collate([features[i] for i in indices]).to(device)


def samples(bundle: Bundle, rows: Sequence[Row]) -> list[str]:
    """What the model itself writes to the first prompts; "" for the other rows."""
    asked = [row for row in rows[:MAX_SAMPLES] if isinstance(row, Preference | Rated)]
    if bundle.kind != "causal_lm":
        return [""] * len(rows)
    found = write(bundle, [prompt_of(row) for row in asked], max_new_tokens=SAMPLE_TOKENS)
    texts = [text if finished else f"{text} ..." for text, finished in found]
    return [*texts, *[""] * (len(rows) - len(texts))]


def write(bundle: Bundle, chats: Sequence[Chat], *, max_new_tokens: int) -> list[tuple[str, bool]]:
    """Greedy answers to conversations, and whether each came to its end."""
    prompts = [bundle.codec.prompt(chat.messages, chat) for chat in chats]
    found = generate(bundle, prompts, max_new_tokens=max_new_tokens)
    return [(item.text, item.finished) for item in found]


def prompt_of(row: Row) -> Chat:
    """The conversation up to where the assistant is to answer."""
    assert isinstance(row, Preference | Rated)
    turns: tuple[Message, ...] = row.messages
    if isinstance(row, Rated) and turns[-1].role == "assistant":
        turns = turns[:-1]
    return Chat(origin=row.origin, messages=turns, tools=row.tools)


def no_base(bench: Bench) -> str:
    """Why the untrained model cannot be asked."""
    if bench.subject.bundle.kind == "causal_lm":
        return ""
    return "" if len(bench.subject.train) > 1 else "its score head needs training rows"
