"""One file per loss-on-rows."""

from luthier.core.registry import Registry
from luthier.objectives.contract import Loss, Objective, Roles, Usual

objectives: Registry[type[Objective]] = Registry("luthier.objectives", word="objective")

__all__ = ["Loss", "Objective", "Roles", "Usual", "objectives"]
