"""Kinds of personal data and secrets in texts; one module each, found by the registry."""

from luthier.core.registry import Registry
from luthier.data.personal.contract import Kind

kinds: Registry[type[Kind]] = Registry("luthier.data.personal", word="kind of personal data")
