"""Which trained parameters decay: all but biases and the weights of norms."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from luthier.tuners.contract import ParamGroup


def decay_groups(parameters: Iterable[nn.Parameter]) -> list[ParamGroup]:
    """Trained parameters as at most two groups: matrices decay, vectors and scalars do not.

    Biases and norm weights are the parameters with fewer than two axes, in every architecture.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    matrices = [parameter for parameter in trained if parameter.ndim >= 2]
    vectors = [parameter for parameter in trained if parameter.ndim < 2]
    groups = [ParamGroup(matrices, decays=True), ParamGroup(vectors, decays=False)]
    return [group for group in groups if group.parameters]
