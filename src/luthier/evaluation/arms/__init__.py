"""One file per arm of the comparison."""

from luthier.core.registry import Registry
from luthier.evaluation.arms.contract import Arm

arms: Registry[type[Arm]] = Registry("luthier.evaluation.arms", word="arm")

__all__ = ["Arm", "arms"]
