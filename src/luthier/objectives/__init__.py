"""One file per loss-on-rows."""

from luthier.core.registry import Registry
from luthier.objectives._around import Finisher, Gatherer
from luthier.objectives._exploring import Experience, Explorer
from luthier.objectives._parts import Part
from luthier.objectives._tokens import collate_tokens, token_loss
from luthier.objectives.contract import Loss, Objective, Roles, Usual, View

objectives: Registry[type[Objective]] = Registry("luthier.objectives", word="objective")

__all__ = [
    "Experience",
    "Explorer",
    "Finisher",
    "Gatherer",
    "Loss",
    "Objective",
    "Part",
    "Roles",
    "Usual",
    "View",
    "collate_tokens",
    "objectives",
    "token_loss",
]
