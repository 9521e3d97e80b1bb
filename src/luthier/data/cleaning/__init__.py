"""One file per way of cleaning rows: what it would change, with every row shown."""

from luthier.core.registry import Registry
from luthier.data.cleaning.contract import (
    Change,
    Cleaner,
    Knowing,
    Looking,
    Opening,
    Throughout,
)

cleaners: Registry[type[Cleaner]] = Registry("luthier.data.cleaning", word="option of clean")

__all__ = ["Change", "Cleaner", "Knowing", "Looking", "Opening", "Throughout", "cleaners"]
