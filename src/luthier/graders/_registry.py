"""The registry of graders, apart from what is built on it."""

from luthier.core.registry import Registry
from luthier.graders.contract import Grader

graders: Registry[type[Grader]] = Registry("luthier.graders", word="grader")
