"""Prompts to completions with log-probabilities."""

from luthier.generation.completion import Completion
from luthier.generation.native import generate
from luthier.generation.stream import stream

__all__ = ["Completion", "generate", "stream"]
