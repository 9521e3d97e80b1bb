"""Data that ships with Luthier, so that a first run needs no file of one's own."""

from luthier.demo.support import classify_file, support_file

__all__ = ["classify_file", "support_file"]
