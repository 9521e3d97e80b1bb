"""One file per loss-on-rows."""

from luthier.core.registry import Registry
from luthier.objectives._around import Adjuster, Arranger, Finisher, Gatherer
from luthier.objectives._exploring import Experience, Explorer, updates_per_exploration
from luthier.objectives._heads import Beginner, Headed, labels_of
from luthier.objectives._others import Naming, Other, others_of
from luthier.objectives._parts import Part
from luthier.objectives._precomputing import Precomputer, needed
from luthier.objectives._resolving import Resolver, Specialist, resolved
from luthier.objectives._scoring import Scorer
from luthier.objectives._shortening import Shortening
from luthier.objectives._sparing import Sparing, roles_of
from luthier.objectives._tokens import collate_tokens, token_loss
from luthier.objectives._windowed import Windowed
from luthier.objectives.contract import Loss, Objective, Roles, Usual, View

objectives: Registry[type[Objective]] = Registry("luthier.objectives", word="objective")

__all__ = [
    "Adjuster",
    "Arranger",
    "Beginner",
    "Experience",
    "Explorer",
    "Finisher",
    "Gatherer",
    "Headed",
    "Loss",
    "Naming",
    "Objective",
    "Other",
    "Part",
    "Precomputer",
    "Resolver",
    "Roles",
    "Scorer",
    "Shortening",
    "Sparing",
    "Specialist",
    "Usual",
    "View",
    "Windowed",
    "collate_tokens",
    "labels_of",
    "needed",
    "objectives",
    "others_of",
    "resolved",
    "roles_of",
    "token_loss",
    "updates_per_exploration",
]
