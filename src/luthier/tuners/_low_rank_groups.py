"""What of a model with low-rank terms decays, and how fast each part learns."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from luthier.models.token_rows import token_rows
from luthier.tuners._groups import decay_groups
from luthier.tuners._low_rank import adapters
from luthier.tuners._tables import trained_tables
from luthier.tuners.contract import ParamGroup


def low_rank_groups(
    model: nn.Module, *, rate_ratio: float, embeddings_rate: float
) -> list[ParamGroup]:
    """Matrices decay; biases, norms of a head, lengths and vectors of tokens do not.

    Args: rate_ratio: rate of B over that of A. embeddings_rate: that of whole tables.
    """
    rows = [part.own for part in token_rows(model).values() if part.own is not None]
    raising = [layer.lora_B for _, layer in adapters(model) if rate_ratio != 1]
    tables = {p: None for t in trained_tables(model).values() for p in t.parameters()}
    apart = {id(p) for p in (*rows, *raising, *tables)}
    groups = decay_groups(p for p in model.parameters() if id(p) not in apart)
    groups += [replace(group, rate=rate_ratio) for group in decay_groups(raising)]
    slow = ParamGroup(list(tables), rate=embeddings_rate, decays=False)
    return groups + [g for g in (ParamGroup(rows, decays=False), slow) if g.parameters]
