"""The exporters: one file per format."""

from luthier.core.registry import Registry
from luthier.export.contract import Exporter

exporters: Registry[type[Exporter]] = Registry("luthier.export", word="export format")
