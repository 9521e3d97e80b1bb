"""From the words of `luthier data` to a data section: data files, or a recipe, and settings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.request import YAML, Request, request, split
from luthier.cli.table import work
from luthier.core.errors import RecipeError
from luthier.core.hints import did_you_mean
from luthier.recipe.overrides import parse
from luthier.recipe.schema import DataSection, Recipe

DataWords = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DATA|RECIPE|KEY=VALUE",
        help="Data files, or a recipe .yaml; then settings such as data.test=FILE or "
        "--columns label=tag.",
        show_default=False,
    ),
]


def section_of(
    command: str,
    words: list[str],
    *,
    files: Iterable[Path | None] = (),
    folder: Path | None = None,
) -> DataSection:
    """Where the rows are and how they are read, from the words behind `luthier data COMMAND`. A
    recipe needs no model for that.

    Args: files, folder: what the command writes.
    Raises: RecipeError: every problem with it; something would be written over what is read, or
        among it.
    """
    section = _read(command, words, drawn=False)[0]
    check_outputs(split(words)[0], section, files=files, folder=folder)
    return section


def drawn_section_of(
    command: str, words: list[str], *, folder: Path | None = None
) -> tuple[DataSection, int]:
    """The same with the seed, for a command that draws: 0 where neither the words nor a recipe
    among them say one."""
    section, seed = _read(command, words, drawn=True)
    check_outputs(split(words)[0], section, folder=folder)
    return section, seed


def check_outputs(
    names: list[str],
    section: DataSection,
    *,
    files: Iterable[Path | None] = (),
    folder: Path | None = None,
) -> None:
    """Nothing, where nothing is written over what is read, or among it.

    Args: names: of data files, or of a recipe.
    Raises: RecipeError: something would be.
    """
    read = [*work("outputs.names_of")(section), *(names if _has_recipe(names) else ())]
    work("outputs.check_files")([path for path in files if path is not None], read)
    if folder is not None:
        work("outputs.check_folder")(folder, read)


def _has_recipe(names: list[str]) -> bool:
    return any(Path(name).suffix.lower() in YAML for name in names)


def request_for(command: str, words: list[str], *, model: str, objective: str) -> Request:
    """The whole request behind the same words, for what a model has to be known for.

    Args: model, objective: empty ones were not given.
    Raises: RecipeError: every problem with it.
    """
    names, settings = split(words)
    settings = [_in_full(setting) for setting in settings]
    if not any(setting.removeprefix("--").startswith("data.train") for setting in settings):
        _refuse_none(command, names)
    return request([*names, *settings], model=model, objective=objective)


def _read(command: str, words: list[str], *, drawn: bool) -> tuple[DataSection, int]:
    names, settings = split(words)
    if _has_recipe(names):
        recipe = request(words, needs_model=False).recipe
        return recipe.data, recipe.seed
    given = parse(settings)
    seeds = [(key, value) for key, value in given if drawn and _plain(key) == "seed"]
    section = _settings([one for one in given if one not in seeds])
    if "train" in section and names:
        raise RecipeError(
            f"data {command}: got data.train={section['train']} beside {', '.join(names)}; "
            "expected the files once. Leave one out"
        )
    if "train" not in section:
        _refuse_none(command, names)
        section["train"] = names[0] if len(names) == 1 else names
    return work("examine.section_of")(section), _seed(seeds)


def _seed(given: list[tuple[str, Any]]) -> int:
    seed = given[-1][1] if given else 0
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise RecipeError(f"command line seed: got {seed!r}, expected a whole number from 0 on")
    return seed


def _refuse_none(command: str, names: list[str]) -> None:
    if not names:
        raise RecipeError(f"data {command}: no file named. luthier data {command} rows.jsonl")


def _in_full(setting: str) -> str:
    """A setting of data with its section, such as data.format=text."""
    dashes = "--" if setting.startswith("--") else ""
    name = _plain(setting.removeprefix("--").partition("=")[0]).partition(".")[0]
    is_setting = name in DataSection.model_fields and (dashes or "=" in setting)
    return f"{dashes}data.{setting.removeprefix('--')}" if is_setting else setting


def _plain(key: str) -> str:
    """Dashes and underscores are the same."""
    return key.replace("-", "_")


def _settings(settings: list[tuple[str, Any]]) -> dict[str, Any]:
    """Settings of the section `data`, by their names in it.

    Raises: RecipeError: one that is none.
    """
    given: dict[str, Any] = {}
    for key, value in settings:
        section, _, rest = _plain(key).partition(".")
        name, *inner = (rest if section == "data" else _plain(key)).split(".")
        if name not in DataSection.model_fields:
            raise RecipeError(f"command line {key}: no setting of data{_hint(name)}")
        place = given
        for outer in [name, *inner][:-1]:
            if not isinstance(place.get(outer), dict):
                place[outer] = {}
            place = place[outer]
        place[[name, *inner][-1]] = value
    return given


def _hint(name: str) -> str:
    if name in Recipe.model_fields:
        return ", and this command has no use for it: leave it out"
    return did_you_mean(name, DataSection.model_fields)
