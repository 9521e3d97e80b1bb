"""The fast path of decoders built like LLaMA: Llama, SmolLM, Mistral, Qwen2 and Qwen3.

It runs on the parameters of the transformers module itself. Frozen base weights, low-rank terms
trained; anything else is declined with a reason and takes the general path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from luthier.core.errors import ModelError
from luthier.data.features import Batch
from luthier.models.blocks import Frozen
from luthier.models.bundle import Head
from luthier.models.low_rank import LowRankLinear
from luthier.models.quantised import QuantisedLinear
from luthier.models.trunks._added import unknown_part
from luthier.models.trunks._attention import Pack, causal_mask
from luthier.models.trunks._decoder_layer import Call, Layer, run_layer
from luthier.models.trunks._division import read_states, states_of
from luthier.models.trunks._filled import filled, filled_places, filled_size
from luthier.models.trunks._joined import Joined, Shelf
from luthier.models.trunks._laid import laid
from luthier.models.trunks._pointwise import Pointwise, pointwise
from luthier.models.trunks._scores import before_head, token_head
from luthier.models.trunks._shared import Shared, share

_FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
_ROTATIONS = ("default", "linear", "llama3", "yarn")
_KEPT_BYTES = 96 << 20
"""Attention probabilities are kept for the backward pass while they stay below this."""


def decline(model: nn.Module) -> str:
    """Why this path does not run `model`; "" when it does."""
    config = cast(Any, model).config
    if config.model_type not in _FAMILIES:
        return f"model type '{config.model_type}' is none of {', '.join(_FAMILIES)}"
    rotation = config.rope_parameters.get("rope_type", "default")
    if rotation not in _ROTATIONS:
        return f"rotation '{rotation}' depends on the length of the batch"
    if config.hidden_act not in ("silu", "swish"):
        return f"activation '{config.hidden_act}' is not silu"
    if config.attention_dropout:
        return "attention dropout is not 0"
    if reason := unknown_part(model):
        return reason
    heads = [getattr(model, name, None) for name in ("lm_head", "score", "qa_outputs")]
    if any(head is not None and type(head) is not nn.Linear for head in heads):
        return "the head is not a plain linear layer"
    for index, layer in enumerate(cast(Any, model).base_model.layers):
        reason = _decline_layer(layer)
        if reason:
            return f"layer {index}: {reason}"
    return ""


def _decline_layer(layer: nn.Module) -> str:
    for name, module in _linears(layer).items():
        if isinstance(module, LowRankLinear) and not module.is_folded:
            what = "dropout" if module.dropout else "term with trained lengths (DoRA)"
            return f"{name} has a low-rank {what}"
        base = module.base if isinstance(module, LowRankLinear) else module
        if type(base) not in (nn.Linear, QuantisedLinear):
            return f"{name} is a {type(base).__name__}"
    terms = (".lora_A", ".lora_B")
    for name, parameter in layer.named_parameters():
        if parameter.requires_grad and not name.endswith(terms):
            return f"{name} is trained"
    return ""


def _linears(layer: Any) -> dict[str, nn.Module]:
    attention, gated = layer.self_attn, layer.mlp
    names = ("q_proj", "k_proj", "v_proj", "o_proj")
    found = {name: getattr(attention, name) for name in names}
    return found | {name: getattr(gated, name) for name in ("gate_proj", "up_proj", "down_proj")}


class LlamaTrunk:
    """Implements `models.bundle.Trunk`. Base weights of the compute type become views of others."""

    name = "llama"

    def __init__(
        self,
        model: nn.Module,
        *,
        compute_dtype: torch.dtype,
        compile: bool = False,
        gradient_checkpointing: bool = False,
    ) -> None:
        self.model: Any = model
        self.base: Any = self.model.base_model
        self.notes: list[str] = []
        self.frozen = Frozen()
        self.dtype, self.checkpoint = compute_dtype, gradient_checkpointing
        self.pieces = pointwise(compiled=compile)
        self._layers = self._join()
        _leave_files(model, self._layers)
        self._mask = causal_mask(compute_dtype, self._embedding.weight.device)
        self._head_cast: tuple[int, Tensor] | None = None

    @property
    def _embedding(self) -> nn.Embedding:
        return self.base.embed_tokens

    def hidden(self, batch: Batch, at_M: Tensor | None = None) -> Tensor:
        """Final normed hidden states (M, D) in the compute type."""
        states_ND = states_of(batch, self)
        if states_ND is not None:
            return self._go_on(batch, states_ND, at_M)
        on = self._begin()
        ids_N, shared = batch.input_ids_N, share(batch)
        if shared is not None:
            ids_N = ids_N[shared.kept]
            at_M = shared.places if at_M is None else shared.places[at_M]
        pack = self._pack(batch, shared)
        with laid(pack.lengths):
            x_ND = self._embedding(ids_N).to(self.dtype)
        call = Call(pack, None, on, self.checkpoint)
        return self._normed(self._climb(x_ND, self._layers, at_M, call))

    @torch.no_grad()
    def lower(self, batch: Batch) -> list[Tensor]:
        """What the frozen blocks give for each sequence."""
        frozen = self.frozen
        if frozen.scores_only:
            return list(self.hidden(batch, _ends(batch)).split(1))
        if frozen.is_whole:
            return list(self.hidden(batch).split(list(batch.lengths)))
        call = Call(self._pack(batch, None), None, self._begin(), checkpoint=False)
        x_ND = self._embedding(batch.input_ids_N).to(self.dtype)
        x_ND = self._climb(x_ND, self._layers[: frozen.depth], None, call)
        return list(x_ND.split(list(batch.lengths)))

    def _go_on(self, batch: Batch, x_ND: Tensor, at_M: Tensor | None) -> Tensor:
        """Final hidden states from what the frozen blocks gave."""
        if self.frozen.is_whole:
            return x_ND if at_M is None else x_ND[at_M]
        call = Call(self._pack(batch, None), None, self._begin(), self.checkpoint)
        return self._normed(self._climb(x_ND, self._layers[self.frozen.depth :], at_M, call))

    @staticmethod
    def _climb(x_ND: Tensor, layers: Sequence[Layer], at_M: Tensor | None, call: Call) -> Tensor:
        """What the layers give for the tokens at `at_M` (None: for all); the pack is filled up on
        the way."""
        num = len(x_ND) if at_M is None else len(at_M)
        x_ND, (*lower, last) = filled(x_ND), layers
        for layer in lower:
            x_ND = run_layer(x_ND, layer, call)
        at = None if at_M is None else filled_places(at_M)
        return run_layer(x_ND, last, call._replace(at=at))[:num]

    def _begin(self) -> bool:
        """Bring the joined weights up to date; whether low-rank terms take part."""
        self._refresh()
        adapted = [joined for layer in self._layers for joined in layer.products() if joined.rank]
        return any([joined.is_on() for joined in adapted])

    def _normed(self, x_ND: Tensor) -> Tensor:
        """The final norm."""
        final = self.base.norm
        x = x_ND.float()
        rate = torch.rsqrt(x.square().mean(-1, keepdim=True) + final.variance_epsilon)
        return (x * rate * final.weight).to(self.dtype)

    def head(self) -> Head:
        """The language-model head; a frozen weight of another type is cast once."""
        linear: nn.Linear = self.model.lm_head
        weight, bias = linear.weight, cast("Tensor | None", linear.bias)
        if weight.requires_grad or weight.dtype == self.dtype:
            return Head(weight, bias)
        if self._head_cast is None or self._head_cast[0] != weight.data_ptr():
            self._head_cast = (weight.data_ptr(), weight.detach().to(self.dtype))
        return Head(self._head_cast[1], bias)

    def scores(self, batch: Batch) -> Tensor:
        """Class scores (B, C), float32, from the last token of each sequence."""
        last_BD = read_states(batch, self)
        if last_BD is None:
            last_BD = self.hidden(batch, _ends(batch))
        return nn.functional.linear(last_BD.float(), self.model.score.weight.float())

    def token_scores(self, batch: Batch, at_M: Tensor | None = None) -> Tensor:
        """Scores (M, C) of tokens in float32."""
        layer = token_head(self.model)
        if layer is None:
            raise ModelError(f"{type(self.model).__name__} has no scores of tokens")
        hidden_MD = before_head(self.model, self.hidden(batch, at_M).float())
        bias = layer.bias if layer.bias is None else layer.bias.float()
        return nn.functional.linear(hidden_MD, layer.weight.float(), bias)

    def set_checkpointing(self, *, on: bool) -> None:
        """Whether a layer keeps its input only."""
        self.checkpoint = on

    def _refresh(self) -> None:
        products = [joined for layer in self._layers for joined in layer.products()]
        if not all(joined.is_current() for joined in products):
            self._layers = self._join()
            products = [joined for layer in self._layers for joined in layer.products()]
        with torch.no_grad():
            for joined in products:
                joined.refresh()

    def _pack(self, batch: Batch, shared: Shared | None) -> Pack:
        device = batch.input_ids_N.device
        lengths = batch.lengths if shared is None else shared.lengths
        starts = (0,) * len(lengths) if shared is None else shared.before
        ends = [start + length for start, length in zip(starts, lengths, strict=True)]
        runs = [torch.arange(*run, device=device) for run in zip(starts, ends, strict=True)]
        more = filled_size(sum(lengths), device) - sum(lengths)
        runs.append(torch.zeros(more, dtype=torch.int64, device=device))
        like = torch.empty(0, dtype=torch.float32, device=device)
        cos, sin = self.base.rotary_emb(like, position_ids=torch.cat(runs)[None])
        half = cos.shape[-1] // 2
        heads = self.model.config.num_attention_heads * len(self._layers)
        held = sum(n * (end + 128) // 2 for n, end in zip(lengths, ends, strict=True)) * heads
        return Pack(
            lengths,
            cos[0, :, :half].contiguous(),
            sin[0, :, :half].contiguous(),
            self._mask,
            keeps=self.checkpoint or held * self.dtype.itemsize <= _KEPT_BYTES,
            key_index=None if shared is None else shared.keys,
            before=() if shared is None else shared.before,
        )

    def _join(self) -> list[Layer]:
        layers, config, shelf = self.base.layers, self.model.config, Shelf()
        return [_layer(layer, config, self.dtype, self.pieces, shelf) for layer in layers]


def _ends(batch: Batch) -> Tensor:
    """Index of the last token of every sequence."""
    return torch.tensor(batch.starts()[1:], device=batch.input_ids_N.device) - 1


def _leave_files(model: nn.Module, layers: list[Layer]) -> None:
    """Copy what is still a view of a mapped weight file, so that the file's pages are given back.

    The joined weights are copies already; one small tensor left behind keeps the whole file.
    """
    bases = [base for layer in layers for j in layer.products() for base in j.bases]
    joined = {id(base.weight) for base in bases if isinstance(base, nn.Linear)}
    for parameter in model.parameters():
        if id(parameter) not in joined and not parameter.requires_grad:
            parameter.data = parameter.data.clone()


def _layer(module: Any, config: Any, dtype: torch.dtype, pieces: Pointwise, shelf: Shelf) -> Layer:
    linears = _linears(module)
    attention = module.self_attn
    groups = (("q_proj", "k_proj", "v_proj"), ("o_proj",), ("gate_proj", "up_proj"), ("down_proj",))
    joined = [Joined([linears[name] for name in group], dtype, shelf) for group in groups]
    norms = (module.input_layernorm, module.post_attention_layernorm)
    head_norms = (attention.q_norm, attention.k_norm) if hasattr(attention, "q_norm") else None
    window = config.sliding_window if config.model_type == "mistral" else None
    return Layer(
        *joined,
        norms=(norms[0].weight.detach().float(), norms[1].weight.detach().float()),
        head_norms=None
        if head_norms is None
        else (head_norms[0].weight.detach().float(), head_norms[1].weight.detach().float()),
        epsilon=norms[0].variance_epsilon,
        num_key_heads=config.num_key_value_heads,
        head_width=attention.head_dim,
        window=window or getattr(attention, "sliding_window", None) or 0,
        pointwise=pieces,
    )
