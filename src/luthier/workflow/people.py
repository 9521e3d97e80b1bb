"""Where persons are named in texts, by a tagger: a run of objective `tag`, or another model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from luthier.core.errors import RecipeError
from luthier.data.assisted import Finder, Places
from luthier.data.pieces import words_of
from luthier.data.rows import Origin, Tagged
from luthier.engine.precision import choose, dtype_of
from luthier.evaluation.predict import predict
from luthier.models.bundle import Bundle
from luthier.models.load import open_model
from luthier.models.reading import open_config
from luthier.models.sources import fetch
from luthier.objectives import Headed, Objective
from luthier.objectives.tag import Config, Tag
from luthier.run.layout import Layout
from luthier.workflow.device import device_name
from luthier.workflow.run import Run

PERSONS = frozenset({"per", "pers", "person", "persons", "people", "patient", "name", "names"})
"""Types of entities that are persons, in small letters."""
MOST_WORDS, LEAST_WORDS = 64, 32
"""Of a piece of a text that is tagged at once, and of one that may end with a sentence: taggers
are trained on sentences, and read no more than they were."""
_ENDS = re.compile(r"[.!?\u3002]")


def finder_of(reference: str) -> Finder:
    """What finds persons. Args: a run, an exported model, or a token classifier by name.

    Raises: RecipeError, ModelError: nobody is there, or it tells no persons.
    """
    objective, labels, bundle = _opened(reference)
    kinds = {tag.partition("-")[2] for tag in labels} - {""}
    persons = {kind for kind in kinds if kind.lower() in PERSONS}
    if not persons:
        raise RecipeError(
            f"data.clean.personal.names: {reference} finds {', '.join(sorted(kinds)[:8])}, and no "
            "persons; expected a type such as PER or person.\n"
            "    Name a tagger of persons, or leave it out"
        )

    def find(texts: Sequence[str]) -> list[Places]:
        pieces = [(at, *piece) for at, text in enumerate(texts) for piece in _pieces(text)]
        rows = [row for _, _, row in pieces]
        found: list[Places] = [[] for _ in texts]
        for (at, begin, _), answer in zip(pieces, predict(bundle, objective, rows), strict=True):
            for entity in answer["entities"]:
                if entity["label"] in persons:
                    found[at].append((begin + entity["start"], begin + entity["end"]))
        return found

    return find


def _opened(reference: str) -> tuple[Objective, tuple[str, ...], Bundle]:
    if Layout(Path(reference)).resolved.is_file():
        run = Run(Path(reference))
        objective = run.objective
        if not isinstance(objective, Headed) or "token_classifier" not in objective.kinds:
            raise _no_tagger(reference, f"its objective is {run.recipe.objective['name']}")
        return objective, objective.labels(), run.bundle
    source = fetch(reference)
    names: dict[int, str] = open_config(source.folder).id2label
    labels = [names[at] for at in sorted(names)]
    if "O" not in labels:
        raise _no_tagger(reference, f"its labels are {', '.join(labels[:4])}")
    dtype = dtype_of(choose(device_name())[0])
    bundle = open_model(
        reference,
        kinds=frozenset({"token_classifier"}),
        labels=tuple(labels),
        dtype=dtype,
        device=device_name(),
    )
    return Tag(Config(labels=labels, every_piece=False)), tuple(labels), bundle


def _no_tagger(reference: str, why: str) -> RecipeError:
    return RecipeError(
        f"data.clean.personal.names: {reference} tags no words: {why}.\n"
        "    Name a run of objective tag, an exported one, or a token classifier"
    )


def _pieces(text: str) -> Iterator[tuple[int, Tagged]]:
    """The text in pieces of so many words, each with its first character."""
    words, starts = words_of(text)
    first = 0
    while first < len(words):
        last = _last(words, first)
        begin, end = starts[first], starts[last - 1] + len(words[last - 1])
        yield (
            begin,
            Tagged(
                origin=Origin("text", 1),
                tokens=tuple(words[first:last]),
                tags=(),
                text=text[begin:end],
                starts=tuple(start - begin for start in starts[first:last]),
            ),
        )
        first = last


def _last(words: Sequence[str], first: int) -> int:
    """The word behind the last one of a piece."""
    most = min(first + MOST_WORDS, len(words))
    if most == len(words):
        return most
    ends = (at for at in range(most, first + LEAST_WORDS, -1) if _ENDS.match(words[at - 1]))
    return next(ends, most)
