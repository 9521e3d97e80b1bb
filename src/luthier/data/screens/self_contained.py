"""Questions that nobody understands who does not see the passage, and answers that point at it."""

from __future__ import annotations

import re
from typing import ClassVar

from luthier.data.comparing import content_words, numbers
from luthier.data.screens import screens
from luthier.data.screens.contract import Made

_WHOLE = r"passage|excerpt|snippet|text"
_ANY = rf"{_WHOLE}|document|article|paragraph|section|context|chapter|author"
_POINTING = re.compile(
    rf"\b(?:according to|based on|as (?:per|stated in)) (?:the|this|that) (?:\w+ )?(?:{_ANY})\b"
    rf"|\b(?:this|these|the (?:given|provided|above|following|preceding)) (?:{_ANY})s?\b"
    rf"|\b(?:in|from|by|of) the (?:{_WHOLE})\b|\bthe (?:passage|excerpt)\b"
    rf"|\b(?:mentioned|described|discussed|given|stated|listed) (?:above|below|in the (?:{_ANY}))\b"
    r"|\b(?:laut|gem\u00e4\u00df|nach) (?:dem|der|diesem) (?:Text|Abschnitt|Artikel|Absatz)\b"
    r"|\b(?:im|in diesem|dieser|dieses) (?:Text|Abschnitt|Textabschnitt|Absatz)s?\b"
    r"|\b(?:selon|d['\u2019]apr\u00e8s|dans) (?:le|ce|cet) (?:texte|passage|document|extrait)\b"
    r"|\b(?:seg\u00fan|en) (?:el|este) (?:texto|pasaje|documento|art\u00edculo|fragmento)\b",
    re.IGNORECASE,
)


@screens.add
class SelfContained:
    """Questions and answers that speak of "the passage", and questions of nothing but pronouns.

    Source: Choi et al. 2021, Decontextualization, arXiv:2102.05169, whose criterion is judged by a
    model there and by words here (English, German, French, Spanish).
    """

    rank: ClassVar[int] = 20
    needs_again: ClassVar[bool] = False

    def objection(self, made: Made) -> str:
        """The words that point at what is not there."""
        for what, text in (("question", made.question), ("answer", made.answer)):
            found = _POINTING.search(text)
            if found:
                return f"the {what} speaks of '{found[0]}'"
        if not content_words(made.question) and not numbers(made.question):
            return "the question names nothing"
        return ""
