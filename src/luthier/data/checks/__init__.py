"""One file per thing that can be wrong with rows and that no cleaner mends."""

from luthier.core.registry import Registry
from luthier.data.checks.contract import Beside, Check, Doubt, Doubting, Finding, Shown, Spatial

checks: Registry[type[Check | Spatial | Beside]] = Registry(
    "luthier.data.checks", word="check of data"
)

__all__ = ["Beside", "Check", "Doubt", "Doubting", "Finding", "Shown", "Spatial", "checks"]
