"""Names under which people keep texts, labels, prompts and answers."""

from __future__ import annotations

TEXT = (
    "text", "sentence", "review", "tweet", "message", "utterance", "content", "document", "body",
    "comment", "article", "abstract", "description", "headline", "title", "sms", "post", "email",
    "sentence1", "text1", "text_a", "premise", "question", "query", "input", "prompt",
)  # fmt: skip
"""A text to be classified, best known first."""
LABEL = (
    "label_text", "label_name", "label", "labels", "category", "intent", "class", "class_name",
    "sentiment", "emotion", "topic", "target", "tag", "stars", "rating",
)  # fmt: skip
"""The name of a class, best known first."""
PAIR = ("text_pair", "sentence2", "text2", "text_b", "hypothesis")
"""The second text of a pair."""
PAIRS = (
    ("question1", "question2"), ("sentence_a", "sentence_b"), ("question", "sentence"),
    ("question", "passage"), ("question", "context"), ("question", "paragraph"),
    ("question", "document"), ("query", "passage"), ("query", "document"), ("claim", "evidence"),
)  # fmt: skip
"""Both texts of a pair, where either name alone may mean something else."""
DOCUMENT = ("text", "content", "document", "body", "article", "raw_content")
"""Running text to learn from as it is."""
PROMPTS = (
    ("prompt", "completion"), ("prompt", "response"), ("instruction", "response"),
    ("input", "output"), ("question", "answer"), ("query", "response"), ("query", "answer"),
    ("source", "target"), ("user", "assistant"), ("input", "target"),
)  # fmt: skip
"""Prompt and completion, by the names they travel under."""
MESSAGES = ("messages",)
CONVERSATIONS = ("conversations", "conversation")


def canonical(name: str) -> str:
    """A column's name as it is compared: lower case, no outer spaces, underscores."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")


KNOWN = frozenset(
    {*TEXT, *LABEL, *PAIR, *DOCUMENT, *MESSAGES, *CONVERSATIONS, "system", "tools", "history"}
    | {name for pair in (*PROMPTS, *PAIRS) for name in pair}
    | {"instruction", "output", "chosen", "rejected", "id"}
)
"""Every name above: a first line made of these is a header."""


def find(names: tuple[str, ...], columns: list[str]) -> str:
    """The column that carries the first of `names` to be present, or an empty string."""
    spelled = {canonical(column): column for column in reversed(columns)}
    return next((spelled[name] for name in names if name in spelled), "")


def find_ending(names: tuple[str, ...], columns: list[str]) -> str:
    """The only column whose last word is one of `names`, such as `medical_abstract`, or ''."""
    found = [column for column in columns if canonical(column).rpartition("_")[2] in names]
    return found[0] if len(found) == 1 else ""


def texts_among(columns: list[str]) -> dict[str, str]:
    """The columns of a text or of a pair, as `text` and `text_pair`; empty where there is none."""
    second = find(PAIR, columns)
    if not second and not find(TEXT[:1], columns):
        for pair in PAIRS:
            first, other = find(pair[:1], columns), find(pair[1:], columns)
            if first and other:
                return {"text": first, "text_pair": other}
    first = find(TEXT, columns) or find_ending(TEXT, columns)
    if not first:
        return {}
    return {"text": first} | ({"text_pair": second} if second else {})
