"""Passages to questions with answers: asked for, screened, asked anew, and screened again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from luthier.data.drafts import drafts, why_none
from luthier.data.rows import Chat, Row
from luthier.data.screens import Made, screens
from luthier.workflow.said import Kept, Said
from luthier.workflow.teacher import Asking
from luthier.workflow.wording import Wording


@dataclass(frozen=True, slots=True)
class Pair:
    """What became of one pair, or of a passage from which none was made."""

    at: int
    """Number of its passage."""
    question: str = ""
    answer: str = ""
    again: str = ""
    """What the model answered, asked anew."""
    why: str = ""
    """Name of the screen that left it out, or what is wrong with the reply; empty: kept."""
    told: str = ""
    """The objection in words; of a passage without pairs the reply."""


class Maker:
    """Makes pairs of passages with a model that is asked twice, and counts its calls."""

    def __init__(self, asking: Asking, kept: Kept, wording: Wording, *, per_chunk: int) -> None:
        self._asking, self._kept, self._wording = asking, kept, wording
        self._per_chunk = per_chunk
        found = sorted((kind.rank, name, kind()) for name, kind in screens.items())
        self._screens = [(name, screen) for _, name, screen in found]
        self.calls = 0
        """Questions to the model, those answered in an earlier start among them."""

    def pairs(self, passages: Mapping[int, Row], tell: Callable[[int], None]) -> Iterator[Pair]:
        """The pairs of some passages, by their numbers; at least one of each, or what stands in
        its place. Args: tell: called with the calls done, of `1 + per_chunk` for each passage.

        Raises: RecipeError: the model does not answer; what it said until then is kept.
        """
        asked = {at: self._wording.pairs(row, self._per_chunk) for at, row in passages.items()}
        self._ask(asked.values(), tell, 0)
        made = [pair for at, row in asked.items() for pair in self._drafted(at, self._said(row))]
        made = [self._screened(pair, passages[pair.at]) for pair in made]
        anew = {
            number: self._wording.anew(passages[pair.at], pair.question)
            for number, pair in enumerate(made)
            if not pair.why
        }
        spared = len(passages) * (1 + self._per_chunk) - len(anew)
        longest = self._wording.longest_anew
        self._ask(anew.values(), lambda done: tell(spared + done), longest)
        for number, pair in enumerate(made):
            if number not in anew:
                yield pair
                continue
            said = self._said(anew[number])
            pair = replace(pair, again="" if said.left_out else said.text.strip())
            yield self._screened(pair, passages[pair.at], is_asked_anew=True)
        tell(spared + len(anew))

    def _ask(self, rows: Iterable[Chat], tell: Callable[[int], None], longest: int) -> None:
        named = {_name(row): row for row in rows}
        self.calls += len(named)
        self._asking.ask(named, lambda done, _: tell(done), max_new_tokens=longest)

    def _said(self, row: Chat) -> Said:
        return self._kept.found[_name(row)]

    def _drafted(self, at: int, said: Said) -> Iterator[Pair]:
        found = drafts(said.text, self._per_chunk) if said.left_out in ("", "unfinished") else []
        if not found:
            why = said.left_out or why_none(said.text)
            yield Pair(at, why=why, told=said.text)
        for question, answer in found:
            yield Pair(at, question, answer)

    def _screened(self, pair: Pair, passage: Row, *, is_asked_anew: bool = False) -> Pair:
        """The pair with the first objection, of screens that look at the second answer or of the
        others."""
        if pair.why:
            return pair
        made = Made(pair.question, pair.answer, passage.given(), self._wording.is_free, pair.again)
        for name, screen in self._screens:
            told = screen.objection(made) if screen.needs_again == is_asked_anew else ""
            if told:
                return replace(pair, why=name, told=told)
        return pair


def _name(row: Chat) -> str:
    """Under which its answer is kept: equal questions are asked once."""
    return f"{row.key()}:0"
