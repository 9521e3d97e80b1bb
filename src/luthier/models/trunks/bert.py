"""The fast path of BERT encoders (MiniLM among them): no padding, few products, cheap attention.

It runs on the parameters of the transformers module itself, whichever of them are trained: frozen
ones are cast and joined once, trained ones (float32) once per micro-batch, by autograd.
Letters: N tokens, M tokens wanted at the end, B sequences, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from luthier.core.errors import ModelError
from luthier.data.features import Batch
from luthier.models.blocks import Frozen
from luthier.models.bundle import Head
from luthier.models.low_rank import LowRankLinear
from luthier.models.trunks._added import unknown_part
from luthier.models.trunks._division import read_states, states_of
from luthier.models.trunks._dropout import dropped
from luthier.models.trunks._filled import filled, filled_places
from luthier.models.trunks._laid import laid
from luthier.models.trunks._scores import before_head, token_head
from luthier.models.trunks._two_sided import Group, attend_both_ways, groups_of


def decline(model: nn.Module) -> str:
    """Why this path does not run `model`; "" when it does."""
    config = cast(Any, model).config
    if config.model_type != "bert":
        return f"model type '{config.model_type}' is not bert"
    base: Any = getattr(model, "bert", model)
    if not hasattr(base, "encoder"):
        return "the model has no encoder"
    if config.is_decoder or config.add_cross_attention:
        return "the encoder is used as a decoder"
    if getattr(config, "position_embedding_type", "absolute") not in ("absolute", None):
        return f"positions are '{config.position_embedding_type}'"
    if reason := unknown_part(model):
        return reason
    for name, module in base.encoder.named_modules():
        if isinstance(module, LowRankLinear):
            continue
        owns = list(module.parameters(recurse=False))
        if owns and not _is_plain(module):
            return f"encoder.{name} is a {type(module).__name__}"
    return ""


def _is_plain(module: nn.Module) -> bool:
    if type(module) is nn.LayerNorm:
        return True
    return type(module) is nn.Linear and cast("Tensor | None", module.bias) is not None


@dataclass(frozen=True, slots=True)
class _Pack:
    """Sequences in order of length."""

    order: list[int]
    """Place in the batch of every sequence of the pack."""
    tokens: Tensor
    """Index in the batch of every token of the pack."""
    positions: Tensor
    groups: list[Group]
    starts: Tensor
    """First token in the pack of every sequence of the batch."""


class BertTrunk:
    """Implements `models.bundle.Trunk`."""

    name = "bert"

    def __init__(
        self,
        model: nn.Module,
        *,
        compute_dtype: torch.dtype,
        compile: bool = False,
        gradient_checkpointing: bool = False,
    ) -> None:
        del compile  # torch's own kernels cover every elementwise piece here
        self.model: Any = model
        self.base: Any = getattr(model, "bert", model)
        self.dtype, self.checkpoint = compute_dtype, gradient_checkpointing
        self.notes: list[str] = []
        self.frozen = Frozen()
        self._cast: dict[tuple[int, ...], tuple[tuple[int, ...], Tensor]] = {}

    def hidden(self, batch: Batch, at_M: Tensor | None = None) -> Tensor:
        """Final hidden states (M, D) in the compute type."""
        pack = _pack(batch)
        if at_M is None:
            at_M = torch.arange(batch.num_tokens, device=batch.input_ids_N.device)
        places = torch.empty_like(pack.tokens)
        places[pack.tokens] = torch.arange(len(places), device=places.device)
        return self._run(batch, pack, places[at_M])

    def token_scores(self, batch: Batch, at_M: Tensor | None = None) -> Tensor:
        """Scores (M, C) of tokens in float32."""
        layer = token_head(self.model)
        if layer is None:
            raise ModelError(f"{type(self.model).__name__} has no scores of tokens")
        return _plain(layer, before_head(self.model, self.hidden(batch, at_M).float()))

    def head(self) -> Head:
        """Raises: ModelError: an encoder predicts no next token."""
        raise ModelError(f"{type(self.model).__name__} has no language-model head")

    def scores(self, batch: Batch) -> Tensor:
        """Class scores (B, C), float32: pooler on the first token, dropout, a linear layer."""
        first_BD = read_states(batch, self)
        if first_BD is None:
            pack = _pack(batch)
            first_BD = self._run(batch, pack, pack.starts)
        pooled_BD = torch.tanh(_plain(self.base.pooler.dense, first_BD.float()))
        return _plain(self.model.classifier, self.model.dropout(pooled_BD))

    def set_checkpointing(self, *, on: bool) -> None:
        """Whether a layer keeps its input only."""
        self.checkpoint = on

    @torch.no_grad()
    def lower(self, batch: Batch) -> list[Tensor]:
        """What the frozen blocks give for each sequence."""
        pack, frozen = _pack(batch), self.frozen
        if frozen.scores_only:
            return list(self._run(batch, pack, pack.starts).split(1))
        frozen.rest()
        x_ND = filled(self._embed(batch, pack))
        for layer in self.base.encoder.layer[: frozen.depth]:
            x_ND = self._layer(layer, x_ND, pack, None)
        x_ND = x_ND[: batch.num_tokens]
        states_ND = torch.empty_like(x_ND)
        states_ND[pack.tokens] = x_ND
        return list(states_ND.split(list(batch.lengths)))

    def _run(self, batch: Batch, pack: _Pack, at_M: Tensor) -> Tensor:
        self.frozen.rest()
        states_ND = states_of(batch, self)
        x_ND = self._embed(batch, pack) if states_ND is None else states_ND[pack.tokens]
        layers = list(self.base.encoder.layer)
        if states_ND is not None and self.frozen.is_whole:
            return x_ND[at_M]
        x_ND = filled(x_ND)
        for layer in layers[0 if states_ND is None else self.frozen.depth :]:
            at = filled_places(at_M) if layer is layers[-1] else None
            if self.checkpoint and torch.is_grad_enabled():
                x_ND = cast(
                    Tensor, checkpoint(self._layer, layer, x_ND, pack, at, use_reentrant=False)
                )
            else:
                x_ND = self._layer(layer, x_ND, pack, at)
        return x_ND[: len(at_M)]

    def _embed(self, batch: Batch, pack: _Pack) -> Tensor:
        embeddings = self.base.embeddings
        ids_N, device = batch.input_ids_N, batch.input_ids_N.device
        types_N = _token_types(batch, self.model.config).to(device)[pack.tokens]
        with laid([batch.lengths[place] for place in pack.order]):
            words = _words(embeddings.word_embeddings, ids_N[pack.tokens])
        # tables of a few rows: one product gives their gradient without touching the others
        positions = embeddings.position_embeddings.weight[: max(batch.lengths)]
        kinds = embeddings.token_type_embeddings.weight
        x_ND = words + functional.embedding(pack.positions, positions)
        x_ND = (x_ND + functional.embedding(types_N, kinds)).to(self.dtype)
        return _dropped(embeddings.dropout, _normed(embeddings.LayerNorm, x_ND))

    def _layer(self, layer: Any, x_ND: Tensor, pack: _Pack, at_M: Tensor | None) -> Tensor:
        own, config = layer.attention.self, self.model.config
        qkv = self._product([own.query, own.key, own.value], x_ND)
        heads = (3, own.num_attention_heads, own.attention_head_size)
        dropout = config.attention_probs_dropout_prob if own.training else 0.0
        mixed = attend_both_ways(
            qkv.unflatten(1, heads), pack.groups, dropout=dropout, scale=own.scaling
        )
        if at_M is not None:
            mixed, x_ND = mixed[at_M], x_ND[at_M]
        x_ND = self._closed(layer.attention.output, mixed, x_ND)
        raised = layer.intermediate.intermediate_act_fn(
            self._product([layer.intermediate.dense], x_ND)
        )
        return self._closed(layer.output, raised, x_ND)

    def _closed(self, output: Any, inner: Tensor, x_ND: Tensor) -> Tensor:
        """Product, dropout, residual, norm."""
        found = _dropped(output.dropout, self._product([output.dense], inner))
        return _normed(output.LayerNorm, found + x_ND)

    def _product(self, layers: Sequence[nn.Module], x_NI: Tensor) -> Tensor:
        """Outputs of layers that read the same input, side by side."""
        bases = [layer.base if isinstance(layer, LowRankLinear) else layer for layer in layers]
        weight = self._joined([cast(Tensor, base.weight) for base in bases])
        bias = self._joined([cast(Tensor, base.bias) for base in bases])
        output = functional.linear(x_NI, weight, bias)
        if not any(isinstance(layer, LowRankLinear) and layer.enabled for layer in layers):
            return output
        widths = [cast(nn.Linear, base).out_features for base in bases]
        pairs = zip(layers, output.split(widths, -1), strict=True)
        return torch.cat([_adapted(layer, x_NI, part) for layer, part in pairs], -1)

    def _joined(self, tensors: list[Tensor]) -> Tensor:
        """The tensors one below the other in the compute type; frozen ones are kept."""
        if any(tensor.requires_grad for tensor in tensors):
            return (tensors[0] if len(tensors) == 1 else torch.cat(tensors)).to(self.dtype)
        key = tuple(id(tensor) for tensor in tensors)
        state = tuple(v for t in tensors for v in (t.data_ptr(), t._version))
        if key not in self._cast or self._cast[key][0] != state:
            self._cast[key] = (state, torch.cat(tensors).detach().to(self.dtype))
        return self._cast[key][1]


def _pack(batch: Batch) -> _Pack:
    device = batch.input_ids_N.device
    order = sorted(range(len(batch.lengths)), key=lambda index: batch.lengths[index])
    lengths = tuple(batch.lengths[index] for index in order)
    starts = batch.starts()
    runs = [torch.arange(starts[index], starts[index + 1]) for index in order]
    positions = [torch.arange(length) for length in lengths]
    starts_B = torch.empty(len(order), dtype=torch.int64)
    starts_B[order] = torch.tensor([0, *lengths[:-1]]).cumsum(0)
    return _Pack(
        order,
        torch.cat(runs).to(device),
        torch.cat(positions).to(device),
        groups_of(lengths, device),
        starts_B.to(device),
    )


def _token_types(batch: Batch, config: Any) -> Tensor:
    """1 for the second text of a pair, where the model tells the two apart."""
    separator = getattr(config, "sep_token_id", None)
    if config.type_vocab_size < 2 or separator is None:
        return torch.zeros_like(batch.input_ids_N)
    ends = (batch.input_ids_N == separator).long()
    parts = [part.cumsum(0) - part for part in ends.split(list(batch.lengths))]
    return torch.cat(parts).clamp(max=1)


def _words(table: nn.Module, ids_N: Tensor) -> Tensor:
    """Called as a module, so that who listens to the table hears it."""
    if type(table) is not nn.Embedding:  # continued by a trained prompt
        return table(ids_N)
    was, table.sparse = table.sparse, table.weight.requires_grad
    try:  # few words of the vocabulary are in a batch, and its table holds half the parameters
        return table(ids_N)
    finally:
        table.sparse = was


def _dropped(module: nn.Dropout, x: Tensor) -> Tensor:
    return dropped(x, module.p, is_training=module.training)


def _normed(norm: nn.LayerNorm, x_ND: Tensor) -> Tensor:
    """Layer norm with float32 statistics, in the type of `x_ND`."""
    weight, bias = norm.weight.float(), cast(Tensor, norm.bias).float()
    return functional.layer_norm(x_ND, norm.normalized_shape, weight, bias, norm.eps)


def _plain(layer: Any, x: Tensor) -> Tensor:
    """A small layer in float32."""
    base = layer.base if isinstance(layer, LowRankLinear) else layer
    weight, bias = base.weight.float(), cast(Tensor, base.bias).float()
    return _adapted(layer, x, functional.linear(x, weight, bias))


def _adapted(layer: nn.Module, x: Tensor, output: Tensor) -> Tensor:
    """The output of a layer from what its base gives for `x`."""
    return layer.adapt(x, output) if isinstance(layer, LowRankLinear) else output
