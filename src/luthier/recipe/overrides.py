"""Settings typed on the command line: `section.key=value` or `--section.key value`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from luthier.core.errors import RecipeError
from luthier.recipe.schema import Recipe
from luthier.recipe.yaml_text import scalar

_PAIR = re.compile(r"(?:--)?(?P<key>[A-Za-z_][\w\-]*(?:\.[\w\-]+)*)=(?P<value>.*)", re.DOTALL)
_FLAG = re.compile(r"--(?P<key>[A-Za-z_][\w\-]*(?:\.[\w\-]+)*)")


def is_override(word: str) -> bool:
    """Whether a word of the command line is `key=value`, `--key=value` or `--key`."""
    return bool(_PAIR.fullmatch(word) or _FLAG.fullmatch(word))


def is_value(words: Sequence[str]) -> bool:
    """Whether the first of the words behind `--key` is its value, and no setting of a recipe."""
    if not words or words[0].startswith("--"):
        return False
    pair = _PAIR.fullmatch(words[0])
    return pair is None or pair["key"].partition(".")[0] not in Recipe.model_fields


def parse(words: Sequence[str]) -> list[tuple[str, Any]]:
    """(key as typed, value) in order; numbers, true, false and lists are read as in YAML.

    Raises: RecipeError: every word that is no setting, and every key without a value.
    """
    found: list[tuple[str, Any]] = []
    wrong: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        pair, flag = _PAIR.fullmatch(word), _FLAG.fullmatch(word)
        try:
            if pair is not None:
                found.append((pair["key"], scalar(pair["value"])))
            elif flag is not None and is_value(waiting):
                found.append((flag["key"], scalar(waiting.pop(0))))
            elif flag is not None:
                wrong.append(f"command line {word}: has no value; say {word} VALUE")
            else:
                wrong.append(
                    f"command line '{word}': not a setting; expected section.key=value, "
                    "such as training.epochs=3"
                )
        except RecipeError as error:
            wrong.append(f"command line {word}: {error}")
    if wrong:
        raise RecipeError("\n".join(wrong))
    return found
