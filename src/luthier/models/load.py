"""Opening a model: weights, codec, facts and the general way to run it, in one bundle."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.utils import logging as transformers_logging

from luthier.core import seeds
from luthier.core.errors import ModelError
from luthier.models import heads, sources, vectors, weights
from luthier.models.blueprint import writes
from luthier.models.bundle import Bundle, Codec, Kind, Source
from luthier.models.codecs import codec_in
from luthier.models.facts import facts_of
from luthier.models.kinds import OPENINGS, kinds_of, renamed, without_pooler
from luthier.models.reading import open_config, reading
from luthier.models.trunks import build

LARGEST = 1e6
"""No trained matrix holds a number like this: float16, in which most are published, ends at 65,504,
and the largest of SmolLM2-135M is 9.25. Vectors (scales of norms, biases) may be anything."""


def open_model(
    reference: str,
    *,
    kinds: frozenset[Kind] = frozenset(),
    labels: tuple[str, ...] = (),
    problem: str = "",
    dtype: torch.dtype,
    device: str | torch.device = "cpu",
    trained_weights: bool = False,
    seed: int = 0,
) -> Bundle:
    """The model that `reference` names, ready to use as the first of `kinds` that it can be.

    Weights are frozen until a tuner moves them. A head that the files do not hold is drawn from
    `seed`, in the type of the weights; the tuner that trains it makes it float32.
    Args: kinds: empty: a sequence classifier where there are `labels`, else a causal LM.
        labels: names of what the head scores. problem: the problem type that transformers is told.
        dtype: of the weights. trained_weights: they will be trained, so float32 is kept.
    Raises: ModelError: not found, damaged, refused, or of an architecture that does not fit.
    """
    source = sources.fetch(reference)
    codec = codec_in(source.folder)
    kept = torch.float32 if trained_weights else dtype
    notes: list[str] = []
    kind = _kind(source, kinds or frozenset({"sequence_classifier" if labels else "causal_lm"}))
    if OPENINGS[kind].suffix and kind != "causal_lm":
        asked = _Asked(kind, labels, problem)
        model = _with_head(source, asked, kept, seed=seed, notes=notes)
    else:
        model, _, _ = _load(kind, source, kept, notes)
    if kind in ("sequence_classifier", "question_answerer"):
        _set_padding(model, codec)
    refuse_broken(model, source)
    model.requires_grad_(False)
    model.to(torch.device(device)).eval()
    trunk = build(model, kind, prefer="general", compute_dtype=dtype)
    notes += getattr(trunk, "notes", [])
    bundle = Bundle(model, kind, facts_of(model), codec, source, trunk, labels, notes)
    if kind == "embedder":
        bundle.vectors = vectors.read(source.folder, writes=writes(model.config))
    return bundle


@dataclass(frozen=True, slots=True)
class _Asked:
    """The head that is wanted."""

    kind: Kind
    labels: tuple[str, ...]
    problem: str


def _kind(source: Source, kinds: frozenset[Kind]) -> Kind:
    """The first of `kinds` that the model can be.

    Raises: ModelError: it can be none of them.
    """
    config = open_config(source.folder)
    possible = kinds_of(config, can_generate=writes(config))
    found: Kind | None = next((kind for kind in possible if kind in kinds), None)
    if found is None and "causal_lm" in kinds and config.model_type in OPENINGS["causal_lm"].known:
        return "causal_lm"  # an encoder asked to write: transformers can, though nobody trained it
    if found is None:
        wanted = " or ".join(OPENINGS[kind].words for kind in sorted(kinds))
        given = ", ".join(OPENINGS[kind].words for kind in possible) or "nothing known here"
        raise ModelError(
            f"model '{source.reference}': architecture '{config.model_type}' cannot be opened as "
            f"one that {wanted}; it can be one that {given}"
        )
    return found


def _with_head(
    source: Source, asked: _Asked, dtype: torch.dtype, *, seed: int, notes: list[str]
) -> Any:
    labels = asked.labels
    names = dict(enumerate(labels))
    settings: dict[str, Any] = {"ignore_mismatched_sizes": True}
    if labels:
        settings |= {
            "num_labels": len(labels),
            "id2label": names,
            "label2id": {name: index for index, name in names.items()},
        }
    if asked.kind == "sequence_classifier":
        settings["problem_type"] = asked.problem or "single_label_classification"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.derive(seed, "head"))
        model, own, fresh = _load(asked.kind, source, dtype, notes, **settings)
        suffix = OPENINGS[asked.kind].suffix
        notes += heads.fit(model, labels=labels, suffix=suffix, own=own, fresh=fresh)
    return model


def _load(
    kind: Kind, source: Source, dtype: torch.dtype, notes: list[str], **settings: Any
) -> tuple[Any, Any, set[str]]:
    """The model, the config as it is in the folder, and the names of weights the files lack."""
    folder = source.folder
    config, opening = open_config(folder), OPENINGS[kind]
    settings |= without_pooler(kind, config)
    names = renamed(kind, config.model_type)
    settings |= names
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # what is missing is told below, once
    transformers_logging.disable_progress_bar()
    try:
        with reading(folder, "the weights cannot be loaded"):
            model, told = opening.factory.from_pretrained(
                folder,
                dtype=dtype,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
                **settings,
            )
    finally:
        transformers_logging.set_verbosity(verbosity)
    if names:
        _keep_names(model, names["key_mapping"])
    fresh = _lacking(model, told, source, may_lack_head=kind != "causal_lm")
    notes += _not_used(model, told, source)
    return model, config, fresh


def _keep_names(model: Any, mapping: Mapping[str, str]) -> None:
    """Save the model with the names it has: transformers would write those of the files it came
    from, under which nobody could open it as what it now is."""
    used: list[Any] = getattr(model, "_weight_conversions", None) or []
    model._weight_conversions = [one for one in used if not {*one.source_patterns} & {*mapping}]


def _lacking(model: Any, told: Any, source: Source, *, may_lack_head: bool) -> set[str]:
    """Weights that the files lack; only a head may be missing, and never that of a writer."""
    fresh = {*told["missing_keys"], *(entry[0] for entry in told.get("mismatched_keys", ()))}
    if (not may_lack_head and fresh) or any(_is_trunk(model, name) for name in fresh):
        raise ModelError(
            f"{source.folder}: the weights lack {', '.join(sorted(fresh)[:4])}; they are not those "
            f"of a {type(model).__name__}"
        )
    return fresh


def _not_used(model: Any, told: Any, source: Source) -> list[str]:
    """A note on weights in the files that the model has no place for: heads of another task."""
    extra = sorted(told["unexpected_keys"])  # without those that the architecture is known to drop
    trunk = [name for name in extra if _is_trunk(model, name)]
    if trunk:
        raise ModelError(
            f"{source.folder}: config.json describes no place for {len(trunk)} tensors of the "
            f"weights ({', '.join(trunk[:4])}); it is not the config of these weights, or was "
            "changed. Fetch or copy the model again"
        )
    shown = ", ".join([*extra[:4], *(["..."] if extra[4:] else [])])
    return [f"weights in the files that are not used: {shown}"] if extra else []


def _is_trunk(model: Any, name: str) -> bool:
    """Whether a weight belongs to the trunk, whose files may name it with or without prefix."""
    inner = name.removeprefix(f"{model.base_model_prefix}.")
    if ".pooler." in f".{inner}":
        return False  # sentence encoders are often saved without it; it belongs to the head
    parts = {part for part, _ in model.base_model.named_children()}
    parts -= {part for part, _ in model.named_children()}
    return inner != name or inner.split(".")[0] in parts


def _set_padding(model: Any, codec: Codec) -> None:
    """Classifiers on decoders find the last token by the padding id; ours are never padded."""
    if model.config.pad_token_id is None:
        pad = codec.tokenizer.pad_token_id
        model.config.pad_token_id = codec.end_of_text_id if pad is None else pad
    model.config.sep_token_id = codec.tokenizer.sep_token_id


def refuse_broken(model: nn.Module, source: Source) -> None:
    """Nothing, when every weight is a finite number, and none of a matrix is absurdly large.

    A flipped bit is the top bit of an exponent one time in sixteen (bfloat16), and then makes a
    usual weight about 2**128 times as large. Other flips show only where a hash was recorded.
    Raises: ModelError: naming the first tensor that is not, and its file.
    """
    for name, parameter in model.named_parameters():
        if not parameter.is_floating_point() or not parameter.numel():
            continue
        low, high = torch.aminmax(parameter.detach())  # one pass; NaN in gives NaN out
        largest = max(-float(low), float(high))
        if math.isfinite(largest) and (largest <= LARGEST or parameter.ndim < 2):
            continue
        place = weights.holder_of(source.folder, name)
        what = f"{largest:.3g}" if math.isfinite(largest) else "NaN or infinity"
        raise ModelError(
            f"{place}: weight '{name}' holds {what}; the file is damaged. Fetch or copy it again"
        )
