"""Tokenising a template's text so that control tokens come from the template alone."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from transformers import AddedToken, PreTrainedTokenizerBase

from luthier.core.errors import DataError, MaskError
from luthier.data.rows import Message
from luthier.models.template import Template

_TRIALS = ("hello", " hello", "hello ", "\nhello\n", "  two", "a", "1", ".", "é")


_TURNS = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
_HISTORIES = (
    _TURNS,
    (Message("system", "d"), *_TURNS),
    (*_TURNS[:2], Message("tool", "e"), Message("assistant", "f"), _TURNS[2]),
)


def control_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """Ids by name of the tokens that only the template may write.

    These are all that are flagged special, and those not flagged with which the template marks
    turns of a history. What a template writes around thoughts and calls of an answer (`<think>`,
    `<tool_call>`) is not among them unless flagged: rows hold answers with these spelled out.
    """
    added = tokenizer.added_tokens_decoder
    found = {token.content: index for index, token in added.items() if token.special}
    if len(found) < len(added) and tokenizer.chat_template:
        written = _written_by_template(tokenizer)
        # a line end or a word may be an added token too, and is no mark
        marks = {i: t.content for i, t in added.items() if re.search(r"[^\w\s]", t.content)}
        found |= {name: index for index, name in marks.items() if index in written}
    return found


def _written_by_template(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    found: set[int] = set()
    for history in _HISTORIES:
        try:
            text = Template(tokenizer).text(history)
        except DataError:
            continue  # a template without this role
        found |= set(tokenizer.encode(text, add_special_tokens=False))
    return found


@dataclass(slots=True)
class Literal:
    """Encodes text in which some spans were written by people.

    Control tokens split a text before anything else in a tokenizer, so a text may be encoded piece
    by piece between them, with the same ids as encoded whole. Within a piece control tokens are
    read as plain text. Whether this holds for a tokenizer is tried when it is opened
    (`is_piecewise`); where it does not (a space is put before every piece), texts are encoded
    whole and a control token typed in a message is refused.
    """

    tokenizer: PreTrainedTokenizerBase
    reader: PreTrainedTokenizerBase = field(init=False)
    """The same tokenizer with every control token flagged special, so that it can be told to read
    them as text (`split_special_tokens`)."""
    special_ids: dict[str, int] = field(init=False)
    is_piecewise: bool = field(init=False)
    _special: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        added = self.tokenizer.added_tokens_decoder
        self.special_ids = control_tokens(self.tokenizer)
        marks = [name for name, index in self.special_ids.items() if not added[index].special]
        self.reader = _flagged(self.tokenizer, marks) if marks else self.tokenizer
        names = sorted((name for name in self.special_ids if name), key=len, reverse=True)
        self._special = re.compile("|".join(re.escape(name) for name in names) or r"(?!)")
        exact = not any(
            token.lstrip
            or token.rstrip
            or token.single_word
            or (token.normalized and token.special)
            for token in (added[index] for index in self.special_ids.values())
        )
        as_text = all(self.special_ids[name] not in self.plain(name) for name in marks)
        self.is_piecewise = exact and as_text and self._pieces_agree()

    def add(self, tokens: Sequence[str]) -> None:
        """Give the tokenizer further tokens: ordinary text that is never cut."""
        for each in {id(part): part for part in (self.tokenizer, self.reader)}.values():
            each.add_tokens(list(tokens))

    def finds(self, text: str) -> str:
        """The first control token spelled out in `text`, or an empty string."""
        found = self._special.search(text)
        return found.group() if found else ""

    def plain(self, text: str) -> list[int]:
        """Ids of text without any control token, whatever it spells."""
        if not text:
            return []
        return self.reader.encode(text, add_special_tokens=False, split_special_tokens=True)

    def places(self, text: str) -> list[int]:
        """Which character each token of `plain(text)` is first in, white space passed over.

        Raises: MaskError: the tokenizer cannot tell.
        """
        if not self.reader.is_fast:
            raise MaskError(
                "this tokenizer cannot tell where its tokens stand, which weights of spans need. "
                "Leave the spans out, or use a model with a fast tokenizer (tokenizer.json)"
            )
        read = self.reader(
            text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True
        )
        found: list[int] = []
        for start, end in read["offset_mapping"]:
            blank = len(text[start:end]) - len(text[start:end].lstrip())
            found.append(start + (blank if start + blank < end else 0))
        return found

    def encode(self, text: str, written: Sequence[tuple[int, int]], cuts: Sequence[int]) -> Encoded:
        """Ids of `text`; no control token is read in `written` spans, and no token crosses a cut.

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


def _flagged(tokenizer: PreTrainedTokenizerBase, names: Sequence[str]) -> PreTrainedTokenizerBase:
    """A copy of the tokenizer in which the added tokens `names` are special."""
    found = copy.deepcopy(tokenizer)
    tokens = [AddedToken(name, special=True, normalized=False) for name in names]
    found.add_tokens(tokens, special_tokens=True)
    return found


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids, where cuts of the text lie among them, and its control tokens."""

    ids: list[int]
    ends: dict[int, int]
    """Character position of a cut -> number of tokens before it."""
    specials: list[tuple[int, int]]
    """(character position, token index) of each control token, in order."""
