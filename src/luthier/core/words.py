"""A text as its words, in any script."""

from __future__ import annotations

import unicodedata

_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),  # marks that stand for a character
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Chinese characters
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9D),
    (0x20000, 0x323AF),
)
"""Characters of scripts that put no space between words."""


class _Spaced(dict[int, str]):
    """What becomes of a character before the text is split at spaces; found out when it is met."""

    def __missing__(self, code: int) -> str:
        self[code] = found = _spaced(chr(code))
        return found


def _spaced(character: str) -> str:
    is_mark = unicodedata.category(character)[0] == "M"  # an accent or a vowel
    if not (character.isalnum() or is_mark):
        return " "
    if any(first <= ord(character) <= last for first, last in _UNSPACED):
        return f" {character} "
    return character


_SPACED = _Spaced()


class Words:
    """Letters and digits between all else, in lower case; where a script has no spaces, single
    characters. Of ASCII text the same as rouge-score's own tokenizer makes of it."""

    def tokenize(self, text: str) -> list[str]:
        """The words in order; what rouge-score asks a tokenizer for."""
        return unicodedata.normalize("NFC", text.casefold()).translate(_SPACED).split()
