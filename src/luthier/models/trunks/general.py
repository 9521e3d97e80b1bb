"""The general path: any transformers model over documents laid end to end, proved when built."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from luthier.core.errors import ModelError
from luthier.data.features import Batch
from luthier.models.blocks import Frozen
from luthier.models.bundle import Head, Kind
from luthier.models.key_value_prefix import prefix_of
from luthier.models.mixed import products, types_of
from luthier.models.trunks import _blockwise, _documents, _scores, _trial
from luthier.models.trunks._division import read_states, states_of
from luthier.models.trunks._head import head_of
from luthier.models.trunks._laid import laid
from luthier.models.trunks._shared import Shared, share
from luthier.models.trunks._token_types import token_types
from luthier.ops.out_of_memory import is_out_of_memory

_FAILURES = (NotImplementedError, TypeError, ValueError, RuntimeError, AttributeError, IndexError)
"""What an architecture raises that cannot take packed input."""

_PADDED = (
    "sequences are padded, and what they begin with alike is computed for each: this architecture "
    "cannot be packed without contamination"
)
_APART = (
    "what sequences begin with alike (a prompt with two answers, a system prompt) is computed for "
    "each of them: computed once it {} in this architecture"
)


_Way = tuple[Callable[[Batch], Tensor], int, str, "_scores.Score | None"]
"""How to run, what positions are counted from, which attention, how scores are read."""


class GeneralTrunk:
    """Implements `models.bundle.Trunk` by calling the transformers model itself.

    When built, a small random batch decides how: packed end to end, with attention per document,
    where that gives the logits of one plain call per document; else padded, which always does.
    """

    name = "general"

    def __init__(
        self,
        model: nn.Module,
        kind: Kind,
        *,
        compute_dtype: torch.dtype,
        gradient_checkpointing: bool = False,
    ) -> None:
        self.model: Any = model
        self.kind: Kind = kind
        self.dtype = compute_dtype
        self.notes: list[str] = []
        self.frozen = Frozen()
        self._types = types_of(model)
        self._offset = 0
        self._run: Callable[[Batch], Tensor] = self._packed
        self._shares = False
        self._score: _scores.Score | None = None
        self.set_checkpointing(on=gradient_checkpointing)
        self._choose()

    def hidden(self, batch: Batch, at_M: Tensor | None = None) -> Tensor:
        """Final normed hidden states (M, D)."""
        with self._precision(batch):
            hidden_ND = self._final(batch)
        return hidden_ND if at_M is None else hidden_ND[at_M]

    def head(self) -> Head:
        """The language-model head, with the scale and soft cap that the config names."""
        return head_of(self.model)

    def scores(self, batch: Batch) -> Tensor:
        """Class scores (B, C) in float32."""
        if self._score is None:
            raise ModelError(f"a {self.kind} has no class scores")
        with self._precision(batch):
            read_BD = read_states(batch, self)
            if read_BD is not None:  # as if every sequence were of one token
                alone = Batch(batch.input_ids_N[: len(read_BD)], (1,) * len(read_BD), batch.rows)
                return self._score(self.model, read_BD, alone).float()
            return self._score(self.model, self._final(batch), batch).float()

    def token_scores(self, batch: Batch, at_M: Tensor | None = None) -> Tensor:
        """Scores (M, C) of tokens in float32."""
        if self._score is None:
            raise ModelError(f"a {self.kind} has no scores of tokens")
        with self._precision(batch):
            hidden_ND = self._final(batch)
            hidden_MD = hidden_ND if at_M is None else hidden_ND[at_M]
            return self._score(self.model, hidden_MD, batch).float()

    @torch.no_grad()
    def lower(self, batch: Batch) -> list[Tensor]:
        """What the frozen blocks give for each sequence."""
        self.frozen.rest()
        with self._precision(batch):
            if not self.frozen.is_whole:
                return _blockwise.below(self.frozen, batch, self._run)
            parts = self._once(batch).split(list(batch.lengths))
        place = slice(-1, None) if self._score is _scores.last_token else slice(1)
        return [part[place] if self.frozen.scores_only else part for part in parts]

    def _final(self, batch: Batch) -> Tensor:
        """Final hidden states (N, D), from the ids or from what the frozen blocks gave."""
        self.frozen.rest()
        states_ND = states_of(batch, self)
        if states_ND is None:
            return self._once(batch)
        is_packed = self._run == self._packed
        return _blockwise.above(self.frozen, batch, states_ND, self._run, packed=is_packed)

    # --- how to run -------------------------------------------------------------------------

    def _once(self, batch: Batch) -> Tensor:
        """Final hidden states (N, D); what neighbouring sequences begin with is computed once."""
        shared = share(batch) if self._shares else None
        return self._run(batch) if shared is None else self._packed(batch, shared)[shared.places]

    def _packed(self, batch: Batch, shared: Shared | None = None) -> Tensor:
        """Of the tokens of the batch, or of those that are computed of it."""
        prefix = prefix_of(self.model)
        lengths = batch.lengths if shared is None else shared.lengths
        first = self._offset + (0 if prefix is None else prefix.length)
        starts = [first + before for before in (shared.before if shared else (0,) * len(lengths))]
        ends = [start + length for start, length in zip(starts, lengths, strict=True)]
        device = batch.input_ids_N.device
        positions = [torch.arange(*run, device=device) for run in zip(starts, ends, strict=True)]
        inputs = {
            "input_ids": batch.input_ids_N[None],
            **token_types(self.model.config, batch.input_ids_N, batch.lengths),
        }
        if shared is not None:
            inputs = {name: value[:, shared.kept] for name, value in inputs.items()}
        pack = _documents.Pack(
            lengths,
            () if prefix is None else prefix.layers(),
            () if shared is None else shared.before,
            None if shared is None else shared.keys,
        )
        with _documents.within(pack), laid(lengths):
            found = self._base()(**inputs, position_ids=torch.cat(positions)[None], **self._plain())
        return found.last_hidden_state[0]

    def _padded(self, batch: Batch) -> Tensor:
        parts = batch.input_ids_N.split(list(batch.lengths))
        ids_BT = nn.utils.rnn.pad_sequence(list(parts), batch_first=True)
        seen = [torch.ones_like(part) for part in parts]
        mask_BT = nn.utils.rnn.pad_sequence(seen, batch_first=True)
        types = token_types(self.model.config, batch.input_ids_N, batch.lengths)
        if types:
            rows = types["token_type_ids"][0].split(list(batch.lengths))
            types = {"token_type_ids": nn.utils.rnn.pad_sequence(list(rows), batch_first=True)}
        inputs = {"input_ids": ids_BT, "attention_mask": mask_BT, **types, **self._plain()}
        with laid(batch.lengths):
            output = self._base()(**{**inputs, **self._prefixed(mask_BT)})
        return output.last_hidden_state[mask_BT.bool()]

    def _base(self) -> Any:
        return self.model.base_model

    def _plain(self) -> dict[str, Any]:
        return {"use_cache": False} if self.kind == "causal_lm" or _decodes(self.model) else {}

    def _prefixed(self, mask_BT: Tensor) -> dict[str, Any]:
        """What shows a trained prefix to a plain call of the model on sequences side by side."""
        prefix = prefix_of(self.model)
        if prefix is None:
            return {}
        if self.model.training and self.model.is_gradient_checkpointing:
            raise ModelError(  # transformers leaves caches out where it forms activations again
                f"{type(self.model).__name__}: its padded sequences see no trained prefix while "
                "activations are recomputed. Set training.gradient_checkpointing = false"
            )
        cache = prefix.cache(self.model.config, self.dtype, num_rows=len(mask_BT))
        ones_BP = mask_BT.new_ones(len(mask_BT), prefix.length)
        return {"past_key_values": cache, "attention_mask": torch.cat([ones_BP, mask_BT], 1)}

    def _precision(self, batch: Batch) -> AbstractContextManager[Any]:
        return products(self._types | {self.dtype}, batch.input_ids_N.device)

    def set_checkpointing(self, *, on: bool) -> None:
        """Ask the transformers model for it; a note where it cannot."""
        model = self.model
        if on and not model.supports_gradient_checkpointing:
            self.notes.append("this architecture cannot recompute activations; all are kept")
        elif on:  # transformers renamed both methods
            enable = getattr(model, "activation_checkpointing_enable", None)
            (enable or model.gradient_checkpointing_enable)({"use_reentrant": False})
        elif any(getattr(part, "gradient_checkpointing", False) for part in model.modules()):
            disable = getattr(model, "activation_checkpointing_disable", None)
            (disable or model.gradient_checkpointing_disable)()

    # --- which way is right -----------------------------------------------------------------

    @torch.no_grad()
    def _choose(self) -> None:
        """Take the first way whose outputs are those of one plain call per document."""
        was_training = self.model.training
        self.model.eval()
        try:
            trial = _trial.trial(self.model)
            expected = self._expected(trial)
            ways = self._ways(self.model.config._attn_implementation)
            found = next((way for way in ways if self._agrees(way, trial, expected)), None)
            if found is not None and self._run == self._packed:
                self._shares = self._is_alike()
        finally:
            self.model.train(was_training)
        if found is None:
            raise ModelError(
                f"{type(self.model).__name__}: its logits could not be reproduced from its hidden "
                "states, so it cannot be trained here. Please report the architecture"
            )
        if self._run == self._padded:
            self.notes.append(_PADDED)

    def _is_alike(self) -> bool:
        """Whether sequences come out the same when what they begin with is computed once."""
        trial = _trial.alike(self.model)
        with self._precision(trial):
            whole = self._packed(trial).float()
            self._shares = True
            try:
                apart = (self._once(trial).float() - whole).abs().max()
                if apart <= _trial.RELATIVE.get(self.dtype, 1e-3) * whole.abs().max():
                    return True
                self.notes.append(_APART.format("gives other outputs"))
            except _documents.TwoSidedError:  # nothing could be computed once anywhere
                return False
            except _FAILURES as error:
                if is_out_of_memory(error):
                    raise
                self.notes.append(_APART.format(f"fails ({type(error).__name__})"))
        return False

    def _expected(self, trial: Batch) -> Tensor:
        parts = trial.input_ids_N.split(list(trial.lengths))
        with self._precision(trial):
            found = [_trial.answered(self._called, part, self.model) for part in parts]
        return torch.cat([said[0] if said.dim() == 3 else said for said in found]).float()

    def _called(self, ids_1T: Tensor) -> Any:
        inputs = {**self._plain(), **self._prefixed(torch.ones_like(ids_1T))}
        return self.model(input_ids=ids_1T, **inputs)

    def _ways(self, own: str) -> list[_Way]:
        """Args: own: the attention that the model was opened with."""
        pad = getattr(self.model.config, "pad_token_id", None) or 0
        ours, own = _documents.NAME, "eager" if own == _documents.NAME else own
        runs = [(self._packed, 0, ours), (self._packed, pad + 1, ours)]
        runs += [(self._padded, 0, ours), (self._padded, 0, own)]
        scores = _scores.ways(self.model, self.kind) or [None]
        return [(run, offset, name, score) for run, offset, name in runs for score in scores]

    def _agrees(self, way: _Way, trial: Batch, expected: Tensor) -> bool:
        self._run, self._offset, self.model.config._attn_implementation, self._score = way
        try:
            found = self._said(trial)
        except _FAILURES as error:
            if is_out_of_memory(error):  # says nothing about the architecture
                raise
            return False
        if found.shape != expected.shape:
            return False
        limit = _trial.RELATIVE.get(self.dtype, 1e-3) * float(expected.abs().max())
        if (found - expected).abs().max() > limit:
            return False
        return self._run != self._packed or not _trial.leaks(self.hidden, self.model, self.dtype)

    def _said(self, trial: Batch) -> Tensor:
        """What the model of this kind says of the trial."""
        if self.kind == "sequence_classifier":
            return self.scores(trial)
        if self.kind == "embedder":
            return self.hidden(trial).float()
        return self._logits(trial) if self.kind == "causal_lm" else self.token_scores(trial)

    def _logits(self, trial: Batch) -> Tensor:
        head = self.head()
        hidden = self.hidden(trial).to(head.weight.dtype)
        logits = nn.functional.linear(hidden, head.weight, head.bias).float() * head.scale
        return head.softcap * torch.tanh(logits / head.softcap) if head.softcap else logits


def _decodes(model: Any) -> bool:
    if hasattr(model, "score") or bool(getattr(model.config, "is_decoder", False)):
        return True
    return "past_key_values" in signature(model.base_model.forward).parameters
