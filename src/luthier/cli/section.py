"""From the words of `luthier data` to a data section: data files, or a recipe, and settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.request import YAML, Request, request, split
from luthier.cli.table import work
from luthier.core.errors import RecipeError
from luthier.core.hints import did_you_mean
from luthier.recipe.overrides import parse
from luthier.recipe.schema import DataSection

DataWords = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DATA|RECIPE|KEY=VALUE",
        help="Data files, or a recipe .yaml; then settings such as data.test=FILE or "
        "data.columns='{label: tag}'.",
        show_default=False,
    ),
]


def section_of(command: str, words: list[str]) -> DataSection:
    """Where the rows are and how they are read, from the words behind `luthier data COMMAND`.

    Raises: RecipeError: every problem with it.
    """
    names, settings = split(words)
    _refuse_none(command, names)
    if any(Path(name).suffix.lower() in YAML for name in names):
        return request(words).recipe.data
    return work("examine.section_of")(names, _settings(settings))


def seed_of(words: list[str]) -> int:
    """The seed that a recipe among the words says; 0: there is none."""
    names, _ = split(words)
    is_recipe = any(Path(name).suffix.lower() in YAML for name in names)
    return request(words).recipe.seed if is_recipe else 0


def request_for(command: str, words: list[str], **named: str) -> Request:
    """The whole request behind the same words, for what a model has to be known for.

    Args: named: as in `request`.
    Raises: RecipeError: every problem with it.
    """
    names, settings = split(words)
    _refuse_none(command, names)
    return request([*names, *map(_in_full, settings)], **named)


def _refuse_none(command: str, names: list[str]) -> None:
    if not names:
        raise RecipeError(f"data {command}: no file named. luthier data {command} rows.jsonl")


def _in_full(setting: str) -> str:
    """A setting of data with its section, such as data.format=text."""
    dashes = "--" if setting.startswith("--") else ""
    name = setting.removeprefix("--").partition("=")[0].partition(".")[0].replace("-", "_")
    is_setting = name in DataSection.model_fields and (dashes or "=" in setting)
    return f"{dashes}data.{setting.removeprefix('--')}" if is_setting else setting


def _settings(words: list[str]) -> dict[str, Any]:
    """Settings of the section `data`, by their names in it.

    Raises: RecipeError: a word that is none.
    """
    given: dict[str, Any] = {}
    for key, value in parse(words):
        section, _, rest = key.replace("-", "_").partition(".")
        name, *inner = (rest if section == "data" else key.replace("-", "_")).split(".")
        if name not in DataSection.model_fields or name == "train":
            hint = did_you_mean(name, DataSection.model_fields)
            raise RecipeError(f"command line {key}: no setting of data{hint}")
        place = given
        for outer in [name, *inner][:-1]:
            if not isinstance(place.get(outer), dict):
                place[outer] = {}
            place = place[outer]
        place[[name, *inner][-1]] = value
    return given
