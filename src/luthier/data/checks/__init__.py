"""One file per thing that can be wrong with rows and that no cleaner mends."""

from luthier.core.registry import Registry
from luthier.data.checks.contract import Check, Finding, Shown

checks: Registry[type[Check]] = Registry("luthier.data.checks", word="check of data")

__all__ = ["Check", "Finding", "Shown", "checks"]
