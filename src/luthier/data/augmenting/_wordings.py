"""Other wordings of a text as a model replied them, and what stands against each."""

from __future__ import annotations

import re

from luthier.data.augmenting._prose import kept
from luthier.data.cleaning.artefacts import PHRASES
from luthier.data.comparing import denies, numbers, words
from luthier.data.drafts import DECLINED

_ASK = """Say this in other words{manner}. Keep what it means, its language, and every name and \
number. If it is a question, ask it and do not answer it. Reply with the new wording and nothing \
else.

{text}"""
_MANNERS = (
    "", ", more briefly", ", as someone would say it aloud", ", more formally",
    ", beginning with another word", ", in more words",
)  # fmt: skip
MOST = len(_MANNERS)
_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb"}
_TALK = re.compile(
    r"^\W*(?:sure|certainly|of course|absolutely|okay|here (?:is|are)|here['\u2019]s|rephrased"
    r"|reworded|rewritten|paraphrased?|new wording|in other words)\b[^\n]{0,60}[:!,]",
    re.IGNORECASE,
)
_MARK = re.compile(r"<\|[a-z_]{2,30}\|>|</?think>")
_ENDS = ".,;:!?)"
_ROOM = 20
"""Characters that a wording may be longer or shorter, whatever the length."""


def asking(text: str, number: int) -> str:
    """What asks a model for the wording of this number, from 0."""
    return _ASK.format(manner=_MANNERS[number], text=text)


def bare(reply: str, text: str) -> str:
    """The reply without quotes around it, unless the text has them."""
    new = reply.strip()
    end = _QUOTES.get(new[:1])
    is_quoted = bool(end) and len(new) > 2 and new.endswith(end or "")
    return new[1:-1].strip() if is_quoted and text.strip()[:1] != new[:1] else new


def objection(new: str, text: str) -> str:
    """What stands against a wording, in a few words for the account; empty: nothing.

    It is looked at by words alone, which tells nothing of the meaning.
    """
    talks = _TALK.search(new) or _MARK.search(new) or PHRASES.search(new) or DECLINED.search(new)
    if (talks and not _TALK.search(text)) or _num_lines(new) > _num_lines(text):
        return "talk around it"
    if [*words(new)] == [*words(text)]:
        return "the same words"
    if text.rstrip().endswith("?") and not new.endswith("?"):
        return "no question any more"
    if numbers(new) != numbers(text) or any(piece.rstrip(_ENDS) not in new for piece in kept(text)):
        return "numbers, addresses or code not kept"
    if denies(new) != denies(text):
        return "a denial too many or too few"
    if not len(text) / 2 - _ROOM <= len(new) <= 2 * len(text) + _ROOM:
        return "too long or too short"
    return ""


def _num_lines(text: str) -> int:
    return sum(bool(line.strip()) for line in text.splitlines())
