"""Shapes of rows that are understood; one module each, found by the registry."""

from luthier.core.registry import Registry
from luthier.data.formats.contract import Format

formats: Registry[type[Format]] = Registry("luthier.data.formats", word="row format")
