"""Data that ships with Luthier, so that a first run needs no file of one's own."""

from luthier.demo.support import support_file, write_reviews

__all__ = ["support_file", "write_reviews"]
