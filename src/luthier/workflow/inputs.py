"""From files to features: rows read and split, rendered, proved, cut to length, and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from luthier.core import files
from luthier.core.config import defaults_of
from luthier.core.errors import RecipeError
from luthier.data.features import Features
from luthier.data.features_on_disk import FeaturesOnDisk, columns_of
from luthier.data.load import Loaded, load
from luthier.data.on_disk import Chosen
from luthier.data.origins import Origins
from luthier.data.rows import Row
from luthier.models import today
from luthier.models.blueprint import Blueprint, blueprint
from luthier.models.bundle import Codec, Kind, Source
from luthier.models.codecs import codec_in
from luthier.models.outline import outline
from luthier.models.sources import fetch
from luthier.objectives import Explorer, Objective, labels_of, objectives
from luthier.recipe.identity import identity_of
from luthier.recipe.resolve import Settled
from luthier.tuners import tuners
from luthier.tuners.contract import Extending, Lengthening
from luthier.workflow.arranging import arranged
from luthier.workflow.built import component_config, open_objective, open_tuner
from luthier.workflow.check import (
    fits,
    refuse_bare,
    refuse_cut_windows,
    refuse_kind,
    refuse_lost_base,
    refuse_misfit,
    template_of,
)
from luthier.workflow.first_look import first_look
from luthier.workflow.fitting import fit_rows
from luthier.workflow.general import General, general_files, general_rows, tell_left_out
from luthier.workflow.general import identity_of as general_identity
from luthier.workflow.identity import model_hashes
from luthier.workflow.mixture import Mixed, files_of, fitted, read_mixture
from luthier.workflow.options import options
from luthier.workflow.others import find_others, refuse_short
from luthier.workflow.samples import samples
from luthier.workflow.settle import settle_objective, settle_tuner, settle_validation
from luthier.workflow.splits_file import SPLITS
from luthier.workflow.stages import Stages


@dataclass(slots=True)
class Inputs:
    """What training and evaluation start from. No weights have been read yet."""

    source: Source
    blueprint: Blueprint
    kind: Kind
    codec: Codec
    loaded: Loaded
    objective: Objective
    features: dict[str, Sequence[Features]]
    general: dict[str, General] = field(default_factory=dict[str, General])
    """General conversations that options of `keep` ask for, by the name of their file."""
    others: dict[str, Source] = field(default_factory=dict[str, Source])
    """Models that the objective's settings name, by role."""
    mixture: list[Mixed] = field(default_factory=list[Mixed])
    """Other sources that are trained beside the rows."""
    samples: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    findings: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    model_as_one: bool = False
    """The run that is continued is from before model and tokenizer had hashes of their own."""

    def rows(self, split: str) -> Sequence[Row]:
        """Rows of one split, in the order that `Features.row` counts them."""
        return getattr(self.loaded.splits, split)

    def kept(self, split: str) -> Sequence[Row]:
        """Rows of one split without those that `on_overflow: drop` left out."""
        numbers = np.unique(np.array(columns_of(self.features[split]).rows, np.int64))
        return Chosen(self.rows(split), numbers)

    def learned(self, split: str) -> Sequence[Features]:
        """What one split is learned from: its rows, or what the objective makes of them."""
        return arranged(self.objective, self.features[split])

    def row_name(self, index: int) -> str:
        """Where training row `index` came from."""
        return str(self.loaded.splits.train[index].origin)

    def identity(self) -> dict[str, Any]:
        """Hashes of what went in: each file, also of a grader; the rows as they were split; model
        and tokenizer."""
        keys = (row.key().encode() for split in SPLITS for row in self.rows(split))
        beside = files_of(self.mixture) | general_files(self.general.values())
        read = {**self.loaded.files, **beside, **_read_by(self.objective)}
        models = model_hashes(self.source, as_one=self.model_as_one)
        return {"files": read, "data": files.sha256_of(keys), **models}

    def fingerprints(self, settled: Settled) -> dict[str, str]:
        """What must be equal for a checkpoint to be continued."""
        hashes = {key: value for key, value in self.identity().items() if key != "files"}
        beside = general_identity(self.general)
        beside += [item.digest() for item in self.mixture]
        # what they say is what is learned
        beside += [self.others[role].sha256.encode() for role in sorted(self.others)]
        if beside:
            hashes["data"] = files.sha256_of([hashes["data"].encode(), *beside])
        unsaid = {
            "objective": defaults_of(objectives.get(settled.get("objective.name")).Config),
            "tuner": defaults_of(tuners.get(settled.get("tuner.name")).Config),
        }
        return {**hashes, "recipe": identity_of(settled.recipe(), unsaid=unsaid)}

    def ledger_document(self) -> dict[str, Any]:
        """The content of `ledger.json`: the rows, and those of every other source by itself."""
        document = self.loaded.ledger.document()
        if self.mixture:
            document["mixture"] = [item.document() for item in self.mixture]
        if self.general:
            document["keep"] = [item.document() for item in self.general.values()]
        return document | ({"findings": self.findings} if self.findings else {})


def _longest(inputs: Inputs) -> int:
    """Most tokens of a row that the objective learns from, with what the model writes after a
    prompt."""
    objective, train = inputs.objective, inputs.features["train"]
    if not isinstance(objective, Explorer):
        splits = (train, inputs.features["validation"])
        return max(max(columns_of(rows).longest, default=1) for rows in splits)
    prompt = train[int(np.argmax(columns_of(train).tokens))]
    context = inputs.blueprint.facts.context_length
    return max(item.num_tokens for item in objective.imagine(prompt, context=context))


def _read_by(objective: Objective) -> dict[str, str]:
    """Hashes of the files of its grader; one that is missing is refused when it is asked."""
    paths = objective.files() if isinstance(objective, Explorer) else []
    return {str(path): files.sha256(path) for path in paths if path.is_file()}


def gather(settled: Settled, stages: Stages, *, read: Callable[..., Loaded] = load) -> Inputs:
    """Everything up to the first weight: errors in data, template or recipe end here.

    Args: read: gives the rows, as `load` does.
    Raises: DataError, MaskError, ModelError, RecipeError.
    """
    with stages.stage("finding model", settled.get("model")):
        source = fetch(settled.get("model"))
        known = blueprint(source.folder)
        codec = codec_in(source.folder)
    settle_today(settled, codec, stages)
    settle_validation(settled)
    with stages.stage("reading data"):
        loaded = read(
            settled.recipe().data, seed=settled.get("seed"), wants=_wanted(settled.get("objective"))
        )
        stages.note_all(loaded.description)
        stages.note_all(loaded.warnings, warning=True)
        findings = first_look(loaded, settled.recipe().data, stages)
    settle_objective(settled, loaded.shape)
    objective = open_objective(settled, loaded.splits.train)
    kind = fits(
        objective,
        name=settled.get("objective.name"),
        possible=known.kinds,
        reference=source.reference,
    )
    settle_tuner(settled, known.facts, kind=kind)
    moved, tuner = tuners.get(settled.get("tuner.name")), open_tuner(settled)
    if isinstance(tuner, Extending):
        tuner.extend(codec)
    others = find_others(objective, codec)  # which have to know added tokens too
    names = (settled.get("objective.name"), settled.get("tuner.name"))
    refuse_lost_base(objective, moved, names=names)
    refuse_kind(moved, kind, names=names)
    drawn = outline(source.folder, kind, labels=labels_of(objective))
    refuse_misfit(tuner, objective, drawn, names=names)
    options(settled, kind=kind)  # refused before rows are prepared
    refuse_bare(objective, codec, name=settled.get("objective.name"), reference=source.reference)
    if template_of(objective) == "plain":
        codec = codec.plain()
    with stages.stage("checking rows"):
        features = prepare_all(objective, codec, loaded, stages)
        inputs = Inputs(source, known, kind, codec, loaded, objective, features, findings=findings)
        inputs.others = others
        mixture = read_mixture(settled, codec, loaded, objective, kind=kind)
        limit = _fit(inputs, settled, stages, beside=[item.longest for item in mixture])
        context = known.facts.context_length
        inputs.general = general_rows(settled, codec, loaded, kind=kind, context=context)
        tell_left_out(inputs.general.values(), stages)
        refuse_short(others, _longest(inputs))
        inputs.mixture = [fitted(item, settled, stages, context=limit) for item in mixture]
        loaded.ledger.check()
    inputs.samples = samples(inputs.features["train"], loaded.splits.train, codec)
    return inputs


def settle_today(settled: Settled, codec: Codec, stages: Stages) -> None:
    """Fix the date of a chat template that prints one."""
    if today.is_printed(codec.tokenizer):
        why = "the chat template prints it; day of the start"
        settled.settle("data.today", date.today().isoformat(), why)
        today.tell(codec.tokenizer, settled.get("data.today"))
    elif settled.is_given("data.today"):
        stages.note("data.today has no effect: the model's chat template prints no date")


def prepare_all(
    objective: Objective, codec: Codec, loaded: Loaded, stages: Stages
) -> dict[str, Sequence[Features]]:
    """Features of every split, on disk; objectives prove the masks of their rows as they prepare
    them."""
    total = sum(len(getattr(loaded.splits, split)) for split in SPLITS)
    done, found = 0, dict[str, Sequence[Features]]()
    for split in SPLITS:
        prepared = FeaturesOnDisk()
        found[split] = prepared
        for index, row in enumerate(getattr(loaded.splits, split)):
            prepared.append(objective.prepare(row, codec, index=index))
            done += 1
            if done % 256 == 0:
                stages.progress("checking rows", done, total, "rows")
    return found


def _fit(inputs: Inputs, settled: Settled, stages: Stages, *, beside: Sequence[int]) -> int:
    """Cut every split to `training.max_length` by the policy, and enter tokens in the ledger.

    Args: beside: tokens of the longest row of every other source.
    Returns: most tokens that the model reads.
    """
    limit = inputs.codec.max_length
    own = [max(columns_of(rows).longest, default=1) for rows in inputs.features.values()]
    longest = max([*own, *beside])
    context = min(limit, context_left(settled, inputs.blueprint.facts.context_length))
    settled.settle(
        "training.max_length", min(longest, context), f"longest row {longest}, context {context}"
    )
    refuse_beyond(settled, context)
    most = settled.get("training.max_length")
    refuse_cut_windows(inputs.objective, longest=max(own), max_length=most)
    for split in SPLITS:
        stages.note_all(fit_split(inputs, settled, split, context=context))
    return context


def refuse_beyond(settled: Settled, context: int) -> None:
    """Raises: RecipeError: rows may be longer than the model reads."""
    if settled.get("training.max_length") > context:
        raise RecipeError(
            f"recipe training.max_length: got {settled.get('training.max_length')}, but the "
            f"context of the model is {context} tokens. Use at most {context}."
        )


def fit_split(inputs: Inputs, settled: Settled, split: str, *, context: int) -> list[str]:
    """Cut one split to `training.max_length`, which is settled; what was cut, in words."""
    inputs.features[split], said = fit_rows(
        inputs.features[split],
        Origins(inputs.rows(split)),
        objective=inputs.objective,
        ledger=inputs.loaded.ledger,
        split=split,
        max_length=settled.get("training.max_length"),
        policy=settled.get("data.on_overflow"),
        context=context,
    )
    return said


def context_left(settled: Settled, context: int) -> int:
    """What is left of the model's context beside positions that the tuner adds."""
    kind = tuners.get(settled.get("tuner.name"))
    tuner = kind(component_config(kind.Config, settled, "tuner"))
    return context - (tuner.num_before(context) if isinstance(tuner, Lengthening) else 0)


def _wanted(objective: dict[str, Any]) -> str:
    """The row shape that the named objective eats."""
    if objective["name"] == "auto":
        return "auto"
    return objectives.get(objective["name"]).row.shape()
