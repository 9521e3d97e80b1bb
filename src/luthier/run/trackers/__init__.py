"""Other programs that show a run: each is imported when a recipe asks for it."""

from luthier.core.registry import Registry
from luthier.run.trackers.contract import Tracker

trackers: Registry[type[Tracker]] = Registry("luthier.run.trackers", word="tracker")

__all__ = ["Tracker", "trackers"]
