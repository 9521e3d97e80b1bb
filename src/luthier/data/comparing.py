"""What two answers are compared by: their words, their numbers, and whether they deny."""

from __future__ import annotations

import re
from collections import Counter

from luthier.core.words import Words

_WORDS = Words()
_THOUSANDS = re.compile(r"(?<=\d)[,.'\u2019\u00a0\u202f](?=\d{3}(?!\d))")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_NO = """no not never none nor cannot nicht nein nie niemals kein keine keinen keiner keinem non pas
jamais aucun aucune nunca ningún ninguna não nessuno mai niet geen"""
_DENIALS = frozenset(_NO.split())
_SHORTENED = re.compile(r"n['\u2019]t\b", re.IGNORECASE)
_NAMELESS = """a an the this that these those it its he him his she her they them their we us our
you your i me my who whom whose what which when where why how is are was were be been being am do
does did done has have had will would can could shall should may might must of in on at to for from
by with as and or but if than then so not no there here one ones some any all each
der die das den dem des ein eine einen einem einer eines es er sie ihr ihm ihn ihre wir uns was wer
wem wen wie wo wann warum welche welcher welches ist sind war waren hat haben hatte wird werden kann
und oder aber von zu im auf mit für aus bei nicht diese dieser dieses
le la les un une du de ce cet cette ces il elle ils elles qui que quoi quel quelle est sont était a
ont et ou dans pour par sur avec comment où quand pourquoi
el los las uno unos del al lo esto esta este estos estas eso qué quién cuál cómo dónde cuándo con en
y o son fue ser"""
_FUNCTION = frozenset(_NAMELESS.split())
"""Words that name nothing, in four languages; words of others count as content."""


def words(text: str) -> list[str]:
    """The words in order, in lower case; 1,000 and 1000 are one."""
    return _WORDS.tokenize(_THOUSANDS.sub("", text))


def content_words(text: str) -> list[str]:
    """Those that name something; numbers are none."""
    return [word for word in _naming(text) if not any(sign.isdigit() for sign in word)]


def numbers(text: str) -> set[str]:
    """Numbers in digits: 1,000 and 1000 are one, and so are 2,5 and 2.5."""
    return {found.replace(",", ".") for found in _NUMBER.findall(_THOUSANDS.sub("", text))}


def denies(text: str) -> bool:
    """Whether it says no to something, as English, German and Romance languages do."""
    return bool(_SHORTENED.search(text)) or not _DENIALS.isdisjoint(words(text))


def overlap(one: str, other: str) -> float:
    """F1 of the words, in [0, 1], without those that name nothing.

    Source: Rajpurkar et al. 2016, arXiv:1606.05250, section 6.1, which leaves out articles only.
    """
    ours, theirs = Counter(_naming(one)), Counter(_naming(other))
    both = (ours & theirs).total()
    total = ours.total() + theirs.total()
    return 2 * both / total if total else 0.0


def contains(long: str, short: str) -> bool:
    """Whether the words of one stand in the other, side by side and in order: those that name
    something, or all where none does."""
    inner, outer = _naming(short), _naming(long)
    if not inner:
        inner, outer = words(short), words(long)
    starts = range(len(outer) - len(inner) + 1)
    return bool(inner) and any(outer[at : at + len(inner)] == inner for at in starts)


def _naming(text: str) -> list[str]:
    return [word for word in words(text) if word not in _FUNCTION]
