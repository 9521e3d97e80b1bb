"""A trained model as files others can load."""

from luthier.export._registry import exporters
from luthier.export._run import run_export, run_load
from luthier.export._staging import check
from luthier.export.contract import Exporter, Written

__all__ = ["Exporter", "Written", "check", "exporters", "run_export", "run_load"]
