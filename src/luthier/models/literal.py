"""Tokenising a template's text so that control tokens come from the template alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from transformers import PreTrainedTokenizerBase

from luthier.core.errors import MaskError

_TRIALS = ("hello", " hello", "hello ", "\nhello\n", "  two", "a", "1", ".", "é")


@dataclass(slots=True)
class Literal:
    """Encodes text in which some spans were written by people.

    Special tokens split a text before anything else in a tokenizer, so a text may be encoded piece
    by piece between them, with the same ids as encoded whole. Within a piece special tokens are
    read as plain text. Whether this holds for a tokenizer is tried when it is opened
    (`is_piecewise`); where it does not (a space is put before every piece), texts are encoded
    whole and a control token typed in a message is refused.
    """

    tokenizer: PreTrainedTokenizerBase
    special_ids: dict[str, int] = field(init=False)
    is_piecewise: bool = field(init=False)
    _special: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        added = self.tokenizer.added_tokens_decoder
        self.special_ids = {token.content: i for i, token in added.items() if token.special}
        names = sorted((name for name in self.special_ids if name), key=len, reverse=True)
        self._special = re.compile("|".join(re.escape(name) for name in names) or r"(?!)")
        plain = all(
            not (token.lstrip or token.rstrip or token.single_word or token.normalized)
            for token in added.values()
            if token.special
        )
        self.is_piecewise = plain and self._pieces_agree()

    def finds(self, text: str) -> str:
        """The first special token spelled out in `text`, or an empty string."""
        found = self._special.search(text)
        return found.group() if found else ""

    def plain(self, text: str) -> list[int]:
        """Ids of text without any control token, whatever it spells."""
        if not text:
            return []
        return self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)

    def encode(self, text: str, written: Sequence[tuple[int, int]], cuts: Sequence[int]) -> Encoded:
        """Ids of `text`; no special token is read in `written` spans, and no token crosses a cut.

        Raises: MaskError: a control token is typed in a written span of a tokenizer that cannot
        read it as text, or a token crosses a cut.
        """
        if self.is_piecewise:
            return self._encode_pieces(text, written, cuts)
        for start, end in written:
            typed = self.finds(text[start:end])
            if typed:
                raise MaskError(
                    f"the text {typed!r} is a control token of this model, and its tokenizer "
                    "cannot read it as plain text. Remove it from the row"
                )
        return self._encode_whole(text, cuts)

    def _encode_pieces(
        self, text: str, written: Sequence[tuple[int, int]], cuts: Sequence[int]
    ) -> Encoded:
        ids: list[int] = []
        ends: dict[int, int] = {}
        specials: list[tuple[int, int]] = []
        last = 0
        marks = [(cut, cut, "") for cut in {*cuts, len(text)}] + self._specials_of(text, written)
        for start, end, name in sorted(marks):
            ids += self.plain(text[last:start])
            if name:
                specials.append((start, len(ids)))
                ids.append(self.special_ids[name])
            else:
                ends[start] = len(ids)
            last = end
        return Encoded(ids, ends, specials)

    def _specials_of(
        self, text: str, written: Sequence[tuple[int, int]]
    ) -> list[tuple[int, int, str]]:
        found: list[tuple[int, int, str]] = []
        last = 0
        for start, end in [*sorted(written), (len(text), len(text))]:
            # endpos: a token that would reach into the written span is not one
            for match in self._special.finditer(text, last, start):
                found.append((match.start(), match.end(), match.group()))
            last = end
        return found

    def _encode_whole(self, text: str, cuts: Sequence[int]) -> Encoded:
        whole = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids, offsets = list(whole["input_ids"]), list(whole["offset_mapping"])
        ends = {len(text): len(ids), 0: 0}
        specials: list[tuple[int, int]] = []
        for index, (start, _) in enumerate(offsets):
            if ids[index] in set(self.special_ids.values()):
                specials.append((start, index))
        for cut in cuts:
            index = sum(1 for start, _ in offsets if start < cut)
            if index and offsets[index - 1][1] > cut:
                raise MaskError(
                    "a token spans the end of the prompt and the beginning of the answer. Remove "
                    "the white space at the beginning of the answer"
                )
            ends[cut] = index
        return Encoded(ids, ends, specials)

    def _pieces_agree(self) -> bool:
        """Two pieces give the same ids as their text whole, on every trial and with specials."""
        name = next(iter(self.special_ids), "")
        for trial in _TRIALS:
            text = f"{name}{trial}{name}{trial}"
            whole = self.tokenizer.encode(text, add_special_tokens=False)
            if name and self._encode_pieces(text, [], []).ids != whole:
                return False
            # a piece must not change because text stands before it
            if self.plain("x\n") + self.plain("hello") != self.plain("x\nhello"):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids, where cuts of the text lie among them, and its control tokens."""

    ids: list[int]
    ends: dict[int, int]
    """Character position of a cut -> number of tokens before it."""
    specials: list[tuple[int, int]]
    """(character position, token index) of each control token, in order."""
