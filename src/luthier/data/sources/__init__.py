"""Kinds of files that rows are read from; one module each, found by the registry."""

from luthier.core.registry import Registry
from luthier.data.sources.contract import Source

sources: Registry[type[Source]] = Registry("luthier.data.sources", word="data source")
