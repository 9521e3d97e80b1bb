"""Ways in which one file is packed; one module each, found by the registry."""

from luthier.core.registry import Registry
from luthier.data.packings.contract import Packing

packings: Registry[type[Packing]] = Registry("luthier.data.packings", word="packing")
