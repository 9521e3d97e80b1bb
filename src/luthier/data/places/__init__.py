"""Places where data can stand; one module each, found by the registry."""

from luthier.core.registry import Registry
from luthier.data.places.contract import Place

places: Registry[type[Place]] = Registry("luthier.data.places", word="place")
