"""Small files that say what is right in single rows; the files of the rows stay as they are."""

from luthier.data.corrections.apply import Corrected, corrected_splits, corrected_test
from luthier.data.corrections.correction import Correction, unknown_label
from luthier.data.corrections.journal import Journal
from luthier.data.corrections.read import Corrections, read_corrections

__all__ = [
    "Corrected",
    "Correction",
    "Corrections",
    "Journal",
    "corrected_splits",
    "corrected_test",
    "read_corrections",
    "unknown_label",
]
