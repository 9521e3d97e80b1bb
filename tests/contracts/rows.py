"""Eight small rows of every schema: what the contract tests train on."""

from __future__ import annotations

from collections.abc import Callable

from tests import tiny

from luthier.data.rows import (
    Candidate,
    Chat,
    Labeled,
    Message,
    Multilabeled,
    Origin,
    Preference,
    Prompt,
    Question,
    Ranked,
    Rated,
    Row,
    Scored,
    Span,
    Tagged,
    Text,
    Triplet,
)

WORDS = ("red", "green", "blue", "one", "two", "three", "yes", "no")


def _at(line: int) -> Origin:
    return Origin("rows.jsonl", line + 1)


def _asked(word: str, times: int) -> tuple[Message, ...]:
    return (Message("user", f"what is {word} {'of ' * times}"),)


def _said(text: str) -> tuple[Message, ...]:
    return (Message("assistant", text),)


def _chat(n: int, word: str) -> Chat:
    return tiny.chat(f"what is {word} {'of ' * n}", f"{word} and {word}", line=n + 1)


def _text(n: int, word: str) -> Text:
    return Text(origin=_at(n), text=f"the {word} is {'that ' * n}in {word}")


def _labeled(n: int, word: str) -> Labeled:
    return Labeled(origin=_at(n), text=f"{word} " * (n + 1), label=f"label_{n % 3}")


def _multilabeled(n: int, word: str) -> Multilabeled:
    labels = tuple(f"label_{k}" for k in range(3) if (n + 1) & (1 << k))
    return Multilabeled(origin=_at(n), text=f"{word} " * (n + 1), labels=labels)


def _scored(n: int, word: str) -> Scored:
    return Scored(
        origin=_at(n), text=f"{word} " * (n + 1), text_pair=WORDS[(n + 1) % 3], score=n / 8.0
    )


def _ranked(n: int, word: str) -> Ranked:
    query = f"what is {word}"
    others = [Candidate(f"the {WORDS[(n + k) % 8]} is {'of ' * k}", 0.0) for k in (1, 2, 3)]
    documents = (Candidate(f"the {word} is {'of ' * n}", 1.0), *others[: 1 + n % 3])
    return Ranked(origin=_at(n), group=query, query=query, documents=documents)


def _tagged(n: int, word: str) -> Tagged:
    tokens = (word, *("of" for _ in range(n % 3)), "the", word)
    tags = ("B-thing", *("O" for _ in range(n % 3)), "B-other", "I-other")
    return Tagged(origin=_at(n), tokens=tokens, tags=tags)


def _question(n: int, word: str) -> Question:
    context = f"the {word} is in {'the ' * n}{WORDS[(n + 1) % 8]}"
    found = WORDS[(n + 1) % 8]
    answers = (Span(context.rindex(found), found),)
    return Question(origin=_at(n), question=f"what is {word}", context=context, answers=answers)


def _triplet(n: int, word: str) -> Triplet:
    return Triplet(
        origin=_at(n),
        anchor=f"{word} {'of ' * n}",
        positive=f"the {word}",
        negatives=(f"the {WORDS[(n + 3) % 8]}",),
    )


def _preference(n: int, word: str) -> Preference:
    return Preference(
        origin=_at(n),
        messages=_asked(word, n),
        chosen=_said(f"{word} and {word}"),
        rejected=_said(f"no {WORDS[(n + 1) % 8]}"),
    )


def _rated(n: int, word: str) -> Rated:
    messages = (*_asked(word, n), *_said(f"{word} and {word}"))
    return Rated(origin=_at(n), messages=messages, is_good=n % 2 == 0)


def _prompt(n: int, word: str) -> Prompt:
    return Prompt(origin=_at(n), messages=_asked(word, n), reference=word)


def _eight(made: Callable[[int, str], Row]) -> Callable[[], list[Row]]:
    return lambda: [made(n, word) for n, word in enumerate(WORDS)]


ROWS: dict[type[Row], Callable[[], list[Row]]] = {
    Chat: _eight(_chat),
    Text: _eight(_text),
    Labeled: _eight(_labeled),
    Multilabeled: _eight(_multilabeled),
    Scored: _eight(_scored),
    Ranked: _eight(_ranked),
    Tagged: _eight(_tagged),
    Question: _eight(_question),
    Triplet: _eight(_triplet),
    Preference: _eight(_preference),
    Rated: _eight(_rated),
    Prompt: _eight(_prompt),
}
