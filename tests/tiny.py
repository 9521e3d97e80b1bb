"""Tiny models and tokenizers built in code: deterministic, offline, a fraction of a second each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from luthier.data.rows import Chat, Message, Origin
from luthier.models.bundle import Bundle, Kind, Source
from luthier.models.codec import codec_of
from luthier.models.facts import facts_of
from luthier.models.kinds import OPENINGS
from luthier.models.trunks import build

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""A plain ChatML template; rows get exactly the turns they hold."""

CHATML_DEFAULT_SYSTEM = (
    "{% for message in messages %}"
    "{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""As SmolLM2's: a default system turn is added where the row has none."""

_WORDS = (
    " the and you what is a of to in it for that answer question user assistant system yes no red "
    "green blue one two three capital Paris France hello world good bad"
)

Architecture = Literal["llama", "qwen2", "qwen3", "mistral", "gemma2", "gpt2", "bert", "roberta"]


def tokenizer(template: str | None = CHATML) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of a few hundred tokens; pad equals end-of-turn, as in SmolLM2.

    Args: template: the chat template; None builds the tokenizer of a base model.
    """
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*specials, *alphabet])}
    merges: list[tuple[str, str]] = []
    for word in _WORDS.split():
        _add_merges("Ġ" + word, vocabulary, merges)
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(specials)
    built = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>" if template else "<|endoftext|>",
        pad_token="<|im_end|>" if template else "<|endoftext|>",
        unk_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
    )
    if template:
        built.chat_template = template
    return built


def _add_merges(word: str, vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> None:
    left = word[0]
    for right in word[1:]:
        if left + right not in vocabulary:
            vocabulary[left + right] = len(vocabulary)
            merges.append((left, right))
        left += right


def word_tokenizer() -> PreTrainedTokenizerFast:
    """A WordPiece tokenizer in the manner of BERT: [CLS] text [SEP], lower case."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'-:/"
    words = [word.lower() for word in _WORDS.split() if len(word) > 1]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys([*tokens, *words]))}
    core = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer(lowercase=True)
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.decoder = decoders.WordPiece()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        model_max_length=128,
    )


def config(architecture: Architecture, **changes: Any) -> Any:
    """A two-layer config: width 32, four heads (two of keys), a context of 256 tokens."""
    values: dict[str, Any] = {
        "vocab_size": 512,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 256,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
    }
    if architecture in {"bert", "roberta"}:
        values |= {"bos_token_id": None, "eos_token_id": None, "pad_token_id": 0}
    elif architecture != "gpt2":
        values |= {"num_key_value_heads": 2, "head_dim": 8, "tie_word_embeddings": True}
    if architecture == "gpt2":
        values |= {"n_positions": 256, "n_embd": 32, "n_layer": 2, "n_head": 4}
        for name in ("hidden_size", "num_hidden_layers", "num_attention_heads"):
            del values[name]
        del values["max_position_embeddings"]
    return AutoConfig.for_model(architecture, **(values | changes))


def causal_lm(architecture: Architecture = "llama", *, seed: int = 0, **changes: Any) -> Any:
    """A tiny causal LM in float32, its weights drawn from `seed`."""
    return _drawn(AutoModelForCausalLM, config(architecture, **changes), seed)


def classifier(
    architecture: Architecture = "bert", *, num_labels: int = 3, seed: int = 0, **changes: Any
) -> Any:
    """A tiny sequence classifier in float32 on an encoder or a decoder."""
    names = {index: f"label_{index}" for index in range(num_labels)}
    settings = config(architecture, **changes)
    settings.id2label, settings.label2id = names, {name: i for i, name in names.items()}
    return _drawn(AutoModelForSequenceClassification, settings, seed)


def headed(
    kind: Kind,
    architecture: Architecture,
    *,
    labels: tuple[str, ...] = (),
    seed: int = 0,
    **changes: Any,
) -> Any:
    """A tiny model of any kind, its head scoring `labels`."""
    settings = config(architecture, **changes)
    if labels:
        names = dict(enumerate(labels))
        settings.id2label, settings.label2id = names, {name: i for i, name in names.items()}
    return _drawn(OPENINGS[kind].factory, settings, seed)


def _drawn(factory: Any, settings: Any, seed: int) -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = factory.from_config(settings)
        for parameter in model.parameters():
            # large enough that a wrong mask or position shows in the outputs
            parameter.data.normal_(0, 0.2) if parameter.dim() > 1 else None
    return model.float().eval()


def folder(
    path: Path, *, architecture: Architecture = "llama", template: str | None = CHATML
) -> Path:
    """A model folder in transformers layout at `path`, as a user would have one."""
    is_encoder = architecture in {"bert", "roberta"}
    model = classifier(architecture) if is_encoder else causal_lm(architecture)
    model.save_pretrained(path)
    (word_tokenizer() if is_encoder else tokenizer(template)).save_pretrained(path)
    return path


def disturb(model: torch.nn.Module, *, size: float = 0.05) -> None:
    """Move all that is trained away from where it started."""
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += size * torch.randn(parameter.shape, generator=draws)


def chat(*contents: str, system: str = "", line: int = 1) -> Chat:
    """A conversation of alternating user and assistant turns."""
    turns = [
        Message("user" if index % 2 == 0 else "assistant", text)
        for index, text in enumerate(contents)
    ]
    head = [Message("system", system)] if system else []
    return Chat(origin=Origin("rows.jsonl", line), messages=(*head, *turns))


def bundle(
    architecture: Architecture = "llama",
    *,
    labels: tuple[str, ...] = (),
    seed: int = 0,
    template: str | None = CHATML,
    prefer: Literal["auto", "general", "fast"] = "general",
    **changes: Any,
) -> Bundle:
    """An open tiny model with codec and trunk; with `labels` a sequence classifier."""
    is_encoder = architecture in {"bert", "roberta"}
    kind = "sequence_classifier" if labels else "causal_lm"
    model = (
        classifier(architecture, num_labels=len(labels), seed=seed, **changes)
        if labels
        else causal_lm(architecture, seed=seed, **changes)
    )
    model.requires_grad_(False)
    codec = codec_of(word_tokenizer() if is_encoder else tokenizer(template))
    source = Source(f"tiny {architecture}", Path("tiny"), "0" * 64)
    trunk = build(model, kind, prefer=prefer, compute_dtype=torch.float32)
    return Bundle(model, kind, facts_of(model), codec, source, trunk, labels)


def small(model_type: str, **settings: Any) -> Any:
    """A causal LM of any architecture from its own settings, in float32."""
    return _drawn(
        AutoModelForCausalLM,
        AutoConfig.for_model(model_type, vocab_size=512, pad_token_id=2, **settings),
        seed=0,
    )
