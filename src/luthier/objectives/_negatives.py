"""Hard negatives: texts of the training corpus that the model before training mistakes for right.

Letters: N rows, M texts of the corpus, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from luthier.core.errors import RecipeError
from luthier.data.batches import micro_batches
from luthier.data.features import IGNORE, Features, flatten
from luthier.models.bundle import Bundle
from luthier.models.embedding import embed
from luthier.objectives.contract import Roles
from luthier.ops.similarity import unit

PACK_TOKENS = 4096
_BLOCK = 512
"""Rows that are compared with the whole corpus at a time."""


def mined(
    models: Roles, features: Sequence[Features], *, count: int, below: float
) -> list[Features]:
    """The rows with up to `count` more negatives each: the nearest texts of other rows whose cosine
    is below `below` times that of the row's own positive.

    Source: Xiong et al. 2021, arXiv:2007.00808 (negatives by the model itself); de Souza P. Moreira
    et al. 2024, arXiv:2407.15831, section 4.1 (a share of the positive's score as the limit).
    Raises: RecipeError: nobody can be asked.
    """
    if models.reference is None:
        raise RecipeError(
            "recipe objective.hard_negatives: the model before training is not at hand. Set it to 0"
        )
    corpus = list(dict.fromkeys(text for item in features for text in _parts(item)[1:]))
    ids = [np.frombuffer(text, np.int32) for text in corpus]
    place = {text: index for index, text in enumerate(corpus)}
    anchors = [_parts(item)[0] for item in features]
    with models.reference() as base:
        corpus_MD = vectors_of(base, ids)
        anchors_ND = vectors_of(base, [np.frombuffer(text, np.int32) for text in anchors])
    own: dict[bytes, set[int]] = {}
    for item, anchor in zip(features, anchors, strict=True):
        own.setdefault(anchor, set()).update(place[text] for text in _parts(item)[1:])
    found: list[Features] = []
    for start in range(0, len(features), _BLOCK):
        cosines_BM = anchors_ND[start : start + _BLOCK] @ corpus_MD.T
        for item, anchor, line_M in zip(
            features[start:], anchors[start:], cosines_BM, strict=False
        ):
            taken = _nearest(item, line_M, own[anchor], place, count=count, below=below)
            found.append(_with(item, [ids[index] for index in taken]))
    return found


def _nearest(
    item: Features,
    cosines_M: Tensor,
    own: set[int],
    place: dict[bytes, int],
    *,
    count: int,
    below: float,
) -> list[int]:
    parts = _parts(item)
    if item.label == IGNORE or len(parts) < 2:
        return []
    right = float(cosines_M[place[parts[1]]])
    limit = below * right if right > 0 else right
    order = cosines_M.topk(min(len(cosines_M), 4 * count + len(own) + 64)).indices.tolist()
    taken = [at for at in order if at not in own and float(cosines_M[at]) < limit]
    return taken[:count]


def _with(item: Features, negatives: Sequence[np.ndarray]) -> Features:
    return replace(
        item,
        input_ids=np.concatenate([item.input_ids, *negatives]),
        sequences=(*item.lengths, *(len(ids) for ids in negatives)),
    )


def _parts(item: Features) -> list[bytes]:
    """Each sequence of a row by its content."""
    ends = np.cumsum(item.lengths)
    return [
        item.input_ids[end - length : end].astype(np.int32).tobytes()
        for end, length in zip(ends, item.lengths, strict=True)
    ]


@torch.no_grad()
def vectors_of(bundle: Bundle, ids: Sequence[np.ndarray]) -> Tensor:
    """Unit vectors (M, D) on the CPU."""
    model = bundle.model
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    lengths = [len(part) for part in ids]
    found: list[Tensor | None] = [None] * len(ids)
    for group in micro_batches(lengths, max_tokens=PACK_TOKENS):
        batch = flatten([Features(index, ids[index]) for index in group])
        vectors = unit(embed(bundle, batch.to(device))).cpu()
        for index, vector in zip(group, vectors, strict=True):
            found[index] = vector
    model.train(was_training)
    return torch.stack([vector for vector in found if vector is not None])
