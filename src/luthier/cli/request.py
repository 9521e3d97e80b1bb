"""From the words of `train` and `plan` to a validated recipe: a recipe, a run or data files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.table import work
from luthier.core.config import Problem
from luthier.core.errors import RecipeError
from luthier.core.hints import nearest
from luthier.data.find import holds
from luthier.data.places.folder import holds_rows
from luthier.recipe.load import read
from luthier.recipe.overrides import is_override, is_value
from luthier.recipe.schema import Recipe
from luthier.run.layout import Layout

ANY_WORDS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Settings such as --training.epochs 3 are no options of ours: they are left to the recipe."""
YAML = frozenset({".yaml", ".yml"})

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="DATA|RECIPE|RUN|KEY=VALUE",
        help="Data files, or a recipe .yaml, or a run to continue; then settings such as "
        "training.epochs=3, tuner.rank=32 or --training.learning_rate 1e-4.",
        show_default=False,
    ),
]
Model = Annotated[
    str,
    typer.Option(help="Hub name, folder, .gguf file, pypi:PACKAGE or alias.", show_default=False),
]
Objective = Annotated[
    str, typer.Option(help="What is learned: see luthier list.", show_default=False)
]
Tuner = Annotated[
    str, typer.Option(help="Which parameters move: see luthier list.", show_default=False)
]


@dataclass(frozen=True, slots=True)
class Request:
    """A recipe ready to be carried out."""

    recipe: Recipe
    origins: dict[str, str]
    run: Path | None
    """The run directory that was named instead of a recipe."""


def request(words: Sequence[str], *, needs_model: bool = True, **named: str) -> Request:
    """The request behind the words of a command line.

    Args: needs_model: as in `recipe.load.read`.
        named: options with a name of their own; empty ones were not given.
    Raises: RecipeError: every problem, one line each.
    """
    sources, overrides = split(words)
    overrides += [f"{key}={value}" for key, value in named.items() if value]
    for source in sources:
        _check_is_there(source)
    run = next((Path(source) for source in sources if _is_run(source)), None)
    try:
        content = _content(sources)
        recipe, origins = read(
            content, overrides, name="command line", check=_check, needs_model=needs_model
        )
    except RecipeError as error:
        raise RecipeError(_with_advice(str(error), sources)) from None
    return Request(recipe, origins, run)


def _check(section: str, said: Mapping[str, Any]) -> list[Problem]:
    # loads torch: only when something is said of a component
    return work("settings.check")(section, said)


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """(sources, settings): a setting is key=value, --key=value or --key and the word after it."""
    sources: list[str] = []
    overrides: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word.startswith("--"):
            overrides.append(word)
            overrides += [waiting.pop(0)] if "=" not in word and is_value(waiting) else []
        elif is_override(word) and not _is_there(word):
            overrides.append(word)
        else:
            sources.append(word)
    return sources, overrides


def _content(sources: Sequence[str]) -> Path | Mapping[str, Any]:
    """What the sources say as a recipe."""
    recipes = [source for source in sources if Path(source).suffix.lower() in YAML]
    folders = [source for source in sources if _is_run(source)]
    if (recipes or folders) and len(sources) > 1:
        raise RecipeError(
            f"got {' and '.join(sources)}, expected one recipe, one run, or data files only"
        )
    if recipes:
        return Path(recipes[0])
    if folders:
        return _resolved(Path(folders[0]))
    if not sources:
        return {}
    return {"data": {"train": sources[0] if len(sources) == 1 else list(sources)}}


def _is_run(source: str) -> bool:
    """A folder that is not one of rows to learn from."""
    folder = Path(source)
    layout = Layout(folder)
    begun = layout.resolved.is_file() or layout.metrics.is_file()
    return folder.is_dir() and (begun or not holds_rows(folder))


def _resolved(folder: Path) -> Path:
    path = Layout(folder).resolved
    if not path.is_file():
        raise RecipeError(
            f"{folder}: a folder without {path.name}, so no run to continue, and without "
            "rows; expected data, a recipe .yaml or a run directory"
        )
    return path


def _check_is_there(source: str) -> None:
    path = Path(source)
    if _is_there(source) or holds(source):
        return
    others = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    guess = nearest(path.name, others)
    hint = f"; did you mean '{path.with_name(guess)}'?" if guess else ""
    raise RecipeError(f"{source}: no such file{hint}")


def _is_there(source: str) -> bool:
    try:
        return Path(source).exists()
    except OSError:  # a long setting is no file name
        return False


def _with_advice(message: str, sources: Sequence[str]) -> str:
    if "recipe model: missing" in message:
        name = sources[0] if sources else "DATA"
        message += (
            f"\n    Such as: luthier train {name} --model smollm2-135m (all: luthier models list)"
        )
    return message
