"""One file per reason to leave out a question that a model made from a passage."""

from luthier.core.registry import Registry
from luthier.data.screens.contract import Made, Screen

screens: Registry[type[Screen]] = Registry("luthier.data.screens", word="screen of made pairs")

__all__ = ["Made", "Screen", "screens"]
