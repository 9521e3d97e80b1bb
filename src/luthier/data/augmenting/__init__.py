"""One file per way of making a new row of one of train, with the same target."""

from luthier.core.registry import Registry
from luthier.data.augmenting.contract import Augmenter

augmenters: Registry[type[Augmenter]] = Registry(
    "luthier.data.augmenting", word="option of augment"
)

__all__ = ["Augmenter", "augmenters"]
