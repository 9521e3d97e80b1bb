"""Losses of ranking: scores of the documents of queries against how relevant these are.

Letters: B queries, L documents of the longest list, S documents of all.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

Target = Literal["share", "softmax"]
NONE = float("-inf")
"""The score of a place of a list where there is no document."""


def padded(values_S: Tensor, at_BL: Tensor) -> Tensor:
    """Values of each list (B, L), NONE behind its end.

    Args: at_BL: which of the S values; -1 behind the end.
    """
    return values_S[at_BL.clamp_min(0)].masked_fill(at_BL < 0, NONE)


def pointwise(scores_S: Tensor, shares_S: Tensor, *, positive_weight: float) -> Tensor:
    """Binary cross-entropy of every document (S,).

    Args: shares_S: how relevant, from 0 to 1. Source: Nogueira and Cho 2019, arXiv:1901.04085,
    equation 1.
    """
    weight = scores_S.new_tensor(positive_weight)
    return binary_cross_entropy_with_logits(
        scores_S, shares_S.to(scores_S), reduction="none", pos_weight=weight
    )


def pairwise(scores_BL: Tensor, relevance_BL: Tensor) -> tuple[Tensor, Tensor]:
    """Of every two documents of unequal relevance: nats of the right order, summed by list; and
    how many such pairs each list has (B,), (B,).

    Source: Burges et al. 2005, doi:10.1145/1102351.1102363, equation 3 with a target of 1.
    """
    better_BLL = better(relevance_BL)
    # a place without document is in no pair; zeros keep what is not a number out of its gradient
    filled_BL = scores_BL.masked_fill(relevance_BL == NONE, 0.0)
    ahead_BLL = filled_BL[:, :, None] - filled_BL[:, None, :]
    return (-logsigmoid(ahead_BLL) * better_BLL).sum((1, 2)), better_BLL.sum((1, 2)).float()


def better(relevance_BL: Tensor) -> Tensor:
    """Where the first document of two is more relevant than the second (B, L, L)."""
    is_there_BL = relevance_BL > NONE
    both_BLL = is_there_BL[:, :, None] & is_there_BL[:, None, :]
    return (relevance_BL[:, :, None] > relevance_BL[:, None, :]) & both_BLL


def listwise(scores_BL: Tensor, relevance_BL: Tensor, *, target: Target) -> Tensor:
    """Cross-entropy between where the best document is and where the scores say it is (B,).

    Args: target: share: relevance divided by its sum, 0 where nothing is relevant (Bruch et al.
        2019, doi:10.1145/3341981.3344221, equation 3); softmax: e to the relevance, so that an
        irrelevant document has a share too (ListNet).
    Source: Cao et al. 2007, doi:10.1145/1273496.1273513, section 4.3 with k = 1.
    """
    is_there_BL = relevance_BL > NONE
    if target == "softmax":
        target_BL = relevance_BL.softmax(1)
    else:
        held_BL = relevance_BL.masked_fill(~is_there_BL, 0.0)
        target_BL = held_BL / held_BL.sum(1, keepdim=True).clamp_min(torch.finfo().tiny)
    logprobs_BL = scores_BL.log_softmax(1).masked_fill(~is_there_BL, 0.0)
    return -(target_BL * logprobs_BL).sum(1)
