"""One file per option that keeps a training from forgetting, or from learning rows by heart."""

from luthier.core.registry import Registry
from luthier.keeping.contract import (
    Around,
    Averaging,
    Beside,
    Changing,
    Finishing,
    Keeper,
    Penalty,
    Piecewise,
    Setting,
)

keepers: Registry[type[Keeper]] = Registry("luthier.keeping", word="option of keep")

__all__ = [
    "Around",
    "Averaging",
    "Beside",
    "Changing",
    "Finishing",
    "Keeper",
    "Penalty",
    "Piecewise",
    "Setting",
    "keepers",
]
