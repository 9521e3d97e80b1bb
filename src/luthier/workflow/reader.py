"""Rows as one model and one objective read them, before any weight is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luthier.core.errors import DataError
from luthier.data.checks import Finding
from luthier.data.drawn import drawn, drawn_only
from luthier.data.matching.keyed import Keyed
from luthier.data.rows import Row
from luthier.data.token_lengths import TokenLengths, too_long
from luthier.models.blueprint import Blueprint, blueprint
from luthier.models.bundle import Codec, Source
from luthier.models.codecs import codec_in
from luthier.models.sources import fetch
from luthier.models.tokens_shown import each_token
from luthier.objectives import Objective, objectives
from luthier.recipe.data_section import Overflow
from luthier.recipe.resolve import Settled
from luthier.tuners.contract import Extending
from luthier.workflow.built import open_objective, open_tuner
from luthier.workflow.check import fits, refuse_bare, template_of
from luthier.workflow.inputs import context_left, refuse_beyond, settle_today
from luthier.workflow.samples import sample
from luthier.workflow.settle import settle_objective, settle_tuner
from luthier.workflow.stages import Stages

MOST_ROWS = 20_000
"""That are cut into tokens; of more rows so many are drawn."""
_NUM_SAMPLES = 4


@dataclass(frozen=True, slots=True)
class Found:
    """The model of a recipe on this disk."""

    source: Source
    blueprint: Blueprint
    codec: Codec


def find_model(settled: Settled, stages: Stages) -> Found:
    """Raises: ModelError: there is no such model, or its tokenizer cannot be read."""
    with stages.stage("finding model", settled.get("model")):
        source = fetch(settled.get("model"))
        found = Found(source, blueprint(source.folder), codec_in(source.folder))
    settle_today(settled, found.codec, stages)
    return found


@dataclass(frozen=True, slots=True)
class Reader:
    """A model's tokens, and what an objective learns from them."""

    found: Found
    codec: Codec
    """As the objective wants it."""
    name: str
    """Of the objective."""
    objective: Objective
    context: int
    limit: int
    """Tokens beyond which a row is too long."""
    what: str
    """The limit in words."""


def open_reader(
    settled: Settled, found: Found, rows: Sequence[Row], shape: str, stages: Stages
) -> Reader:
    """How training would read these rows.

    Raises: RecipeError: objective and model do not fit, or the model is given no conversations.
    """
    settle_objective(settled, shape)
    name, codec = settled.get("objective.name"), found.codec
    kind = objectives.get(name)
    if not codec.has_template and "template" in kind.Config.model_fields:
        settled.settle("objective.template", "plain", "the model has no chat template")
        stages.note(
            f"{found.source.reference} has no chat template: conversations are read as plain text "
            "(objective.template=plain)"
        )
    objective = open_objective(settled, rows)
    opened = fits(
        objective,
        name=name,
        possible=found.blueprint.kinds,
        reference=found.source.reference,
    )
    settle_tuner(settled, found.blueprint.facts, kind=opened)
    tuner = open_tuner(settled)
    if isinstance(tuner, Extending):
        tuner.extend(codec)
    refuse_bare(objective, codec, name=name, reference=found.source.reference)
    if template_of(objective) == "plain":
        codec = codec.plain()
    context = context_left(settled, found.blueprint.facts.context_length)
    context = min(codec.max_length, context)
    if settled.get("training.max_length") != "auto":
        refuse_beyond(settled, context)
    given = settled.get("training.max_length")
    is_given = given != "auto" and given < context
    limit = int(given) if is_given else context
    words = "training.max_length" if is_given else f"{found.source.reference} reads"
    return Reader(found, codec, name, objective, context, limit, f"{words} ({limit:,} tokens)")


@dataclass(frozen=True, slots=True)
class Read:
    """What a model is given of some rows."""

    document: dict[str, Any]
    """For `check.json`, see `_document`."""
    findings: list[Finding]


def read(reader: Reader, table: Keyed, settled: Settled, stages: Stages) -> Read:
    """The rows in tokens: how long they are, what is wrong with that, and some of them shown."""
    places = drawn(table.content_N, most=MOST_ROWS)
    rows, codec = table.rows, reader.codec
    found = TokenLengths(reader.limit, reader.context)
    refused = _refused(reader)
    shown: list[dict[str, Any]] = []
    first = set(_first(table.content_N[places], places))
    for done, at in enumerate(map(int, places), 1):
        row = rows[at]
        try:
            features = reader.objective.prepare(row, codec, index=at)
        except DataError as error:
            refused.add(row, str(error))
            continue
        found.add(features, str(row.origin))
        if at in first:
            shown.append(sample(features, row, codec, paint=each_token))
        if done % 256 == 0:
            stages.progress("cutting into tokens", done, len(places), "rows")
    policy: Overflow = settled.get("data.on_overflow")
    findings = [refused] if refused.count else []
    findings += too_long(found, rows, what=reader.what, policy=policy)
    where = drawn_only(len(places), len(rows))
    for finding in findings:
        finding.title += where
    return Read(_document(reader, found, shown, num_rows=len(rows)), findings)


def _refused(reader: Reader) -> Finding:
    return Finding(
        "unreadable",
        f"{reader.found.source.reference} cannot be given them for objective {reader.name}",
        "training stops at the first of them",
        "as is said of each of them",
        1.0,
    )


def _first(hash_M: NDArray[Any], places: NDArray[Any]) -> list[int]:
    """Rows to be shown: the same ones when others come behind them."""
    return places[np.argsort(hash_M)[:_NUM_SAMPLES]].tolist()


def _document(
    reader: Reader, found: TokenLengths, shown: list[dict[str, Any]], *, num_rows: int
) -> dict[str, Any]:
    """Lengths in tokens, what each policy would do to rows that are too long, and tokens shown."""
    return {
        "model": reader.found.source.reference,
        "objective": reader.name,
        "context": reader.context,
        "limit": reader.limit,
        "limit_words": reader.what,
        "rows": {"looked_at": len(found.lengths), "of": num_rows, "too_long": found.num_too_long},
        "tokens": {
            "all": found.num_tokens,
            "trained": found.num_trained,
            "median": found.quantile(0.5),
            "most_rows": found.quantile(0.99),
            "longest": found.quantile(1.0),
        },
        "lengths": [{"from": edge, "rows": count} for edge, count in found.histogram()],
        "policies": {name: asdict(effect) for name, effect in found.effects.items()},
        "samples": shown,
    }
