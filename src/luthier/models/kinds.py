"""What a model can be opened as, and which transformers class opens it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

import transformers
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageClassification,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
    MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
    MODEL_MAPPING_NAMES,
)

from luthier.models.bundle import Kind


@dataclass(frozen=True, slots=True)
class Opening:
    """How transformers opens a kind."""

    factory: Any
    known: Mapping[Any, Any]
    """Model types that can be opened as this."""
    suffix: str
    """Of the names of its classes; empty: it has no head."""
    words: str
    """What it does, for messages."""
    peft_task: str
    """What PEFT calls it; empty: it has no wrapper of its own there."""


OPENINGS: Mapping[Kind, Opening] = {
    "causal_lm": Opening(
        AutoModelForCausalLM,
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        "ForCausalLM",
        "writes text",
        "CAUSAL_LM",
    ),
    "sequence_classifier": Opening(
        AutoModelForSequenceClassification,
        MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
        "ForSequenceClassification",
        "scores whole texts",
        "SEQ_CLS",
    ),
    "token_classifier": Opening(
        AutoModelForTokenClassification,
        MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
        "ForTokenClassification",
        "scores every token",
        "TOKEN_CLS",
    ),
    "question_answerer": Opening(
        AutoModelForQuestionAnswering,
        MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
        "ForQuestionAnswering",
        "finds where an answer starts and ends",
        "QUESTION_ANS",
    ),
    "embedder": Opening(
        AutoModel, MODEL_MAPPING_NAMES, "", "turns texts into vectors", "FEATURE_EXTRACTION"
    ),
    "image_classifier": Opening(
        AutoModelForImageClassification,
        MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
        "ForImageClassification",
        "scores whole pictures",
        "",
    ),
}


def kinds_of(config: Any, *, can_generate: bool) -> tuple[Kind, ...]:
    """What a model with this config can be opened as, what it was made for first.

    Any text model can get another head; an encoder is not made to write.
    """
    known: list[Kind] = [
        kind for kind, opening in OPENINGS.items() if config.model_type in opening.known
    ]
    if "image_classifier" in known and not hasattr(config.get_text_config(), "vocab_size"):
        return ("image_classifier",)
    texts: list[Kind] = [kind for kind in known if kind != "image_classifier"]
    possible: list[Kind] = [kind for kind in texts if can_generate or kind != "causal_lm"]
    names = [str(name) for name in getattr(config, "architectures", None) or ()]

    def is_other(kind: Kind) -> bool:
        suffix = OPENINGS[kind].suffix
        return not (suffix and any(name.endswith(suffix) for name in names))

    return tuple(sorted(possible, key=is_other))


def renamed(kind: Kind, model_type: str) -> dict[str, dict[str, str]]:
    """The option of `from_pretrained` by which weights of a model that writes find their places in
    one of this kind: empty where both call their trunk the same.

    Some question answerers (LlamaForQuestionAnswering) call it `transformer`, the files `model`:
    without this transformers draws a trunk at random, and only warns.
    """
    names = [OPENINGS[each].known.get(model_type) for each in ("causal_lm", kind)]
    made = [getattr(transformers, str(name), None) for name in names]
    files, ours = (str(getattr(each, "base_model_prefix", "")) for each in made)
    if not files or not ours or files == ours:
        return {}
    return {"key_mapping": {rf"^{files}\.": f"{ours}."}}


def without_pooler(kind: Kind, config: Any) -> dict[str, Any]:
    """The setting that leaves out a pooler, which vectors are not made of, where there is one."""
    if kind != "embedder":
        return {}
    made = getattr(transformers, OPENINGS[kind].known[config.model_type], None)
    has_setting = made is not None and "add_pooling_layer" in signature(made.__init__).parameters
    return {"add_pooling_layer": False} if has_setting else {}
