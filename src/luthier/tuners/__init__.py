"""One file per way of choosing what moves."""

from luthier.core.registry import Registry
from luthier.tuners._attach import attach
from luthier.tuners._resolving import Resolver, resolved
from luthier.tuners.contract import ParamGroup, Tuner

tuners: Registry[type[Tuner]] = Registry("luthier.tuners", word="tuner")

__all__ = ["ParamGroup", "Resolver", "Tuner", "attach", "resolved", "tuners"]
