"""The index over a folder of runs: list, find, compare, prune."""

from luthier.store.difference import diff
from luthier.store.index import Entry, find, list_runs
from luthier.store.prune import prune

__all__ = ["Entry", "diff", "find", "list_runs", "prune"]
