"""A validated recipe from a file or a mapping and overrides, with who set each value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from luthier.core.config import Problem, find_problems, shown, validate
from luthier.core.errors import RecipeError
from luthier.recipe import overrides as command_line
from luthier.recipe import yaml_text
from luthier.recipe.identity import LEFT_OUT
from luthier.recipe.place import AUGMENTING, CLEANING, COMPONENTS, OPTIONS, SECTIONS, Entry, place
from luthier.recipe.schema import Recipe

MAX_BYTES = 1 << 20
Check = Callable[[str, Mapping[str, Any]], list[Problem]]
"""Problems with what is said of a component: the section it stands in, and what stands there."""
COMMAND_LINE = "command line"


def _accept(section: str, said: Mapping[str, Any]) -> list[Problem]:
    del section, said
    return []


def read(
    source: Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    name: str = "python",
    check: Check = _accept,
    needs_model: bool = True,
) -> tuple[Recipe, dict[str, str]]:
    """The recipe, and the origin of every value: "training.learning_rate" -> "user: recipe.yaml",
    "user: command line", "alias 'lr' (user: command line)" or "default".

    Args: source: a YAML file or its content as a mapping; a run's `resolved.yaml` is one too.
        overrides: `section.key=value`, `--section.key=value` or `--section.key value`.
        name: what origins and messages call a mapping.
        check: knows the components; their settings are any otherwise.
        needs_model: False where only rows are looked at: a recipe that names none has the model "".
    Raises: RecipeError: every problem, one line each.
    """
    wrong: list[str] = []
    given: list[Entry] = []
    is_complete = True
    if isinstance(source, Mapping):
        given += _entries(source, {}, {}, name=name)
    else:
        try:
            given += _from_file(source)
        except RecipeError as error:
            is_complete = False
            wrong.append(str(error))
    try:
        given += [_typed(key, value) for key, value in command_line.parse(overrides)]
    except RecipeError as error:
        is_complete = False
        wrong.append(str(error))
    usual = {} if needs_model else {"model": ""}
    return _build(given, wrong, check, usual=usual, is_complete=is_complete)


def leaves(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting of a recipe by its dotted key, such as "training.epochs" -> 3.0.

    A setting may hold a mapping of its own, as data.columns does: it is one setting.
    """
    found: dict[str, Any] = {}
    for key, value in recipe.items():
        if key in SECTIONS or key in COMPONENTS or key == OPTIONS:
            found.update({f"{key}.{name}": inner for name, inner in value.items()})
        else:
            found[key] = value
    return found


def origins_of(recipe: Recipe) -> dict[str, str]:
    """Every dotted key of a recipe with the origin "default"."""
    return dict.fromkeys(leaves(recipe.model_dump()), "default")


def _from_file(path: Path) -> list[Entry]:
    path = path.expanduser()
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RecipeError(f"{path}: larger than 1 MiB; this is no recipe")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RecipeError(
            f"{path}: cannot be read: {(error.strerror or 'error').lower()}"
        ) from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path}: not UTF-8 text; a recipe is a YAML file") from None
    document = yaml_text.parse(text, name=path.name)
    if not isinstance(document.value, Mapping):
        raise RecipeError(
            f"{path}: got {shown(document.value)}, expected a mapping with model: and data:. "
            "`luthier init DATA > recipe.yaml` writes one"
        )
    return _entries(document.value, document.lines, {}, name=path.name)


def _entries(
    content: Mapping[str, Any],
    lines: Mapping[tuple[str, ...], int],
    origins: Mapping[str, str],
    *,
    name: str,
) -> list[Entry]:
    resolved, recorded = content.get("recipe"), content.get("origins")
    if isinstance(resolved, Mapping) and isinstance(recorded, Mapping):
        inner = {key[1:]: line for key, line in lines.items() if key[0] == "recipe" and key[1:]}
        # what a run was allowed was allowed to that command, not to those that read its recipe
        asked = {key: value for key, value in resolved.items() if key != "allow"}
        return _entries(asked, inner, recorded, name=name)
    found: list[Entry] = []
    for section, value in content.items():
        spelled = str(section).replace("-", "_")
        nested = spelled in SECTIONS or spelled in COMPONENTS or spelled == OPTIONS
        if nested and isinstance(value, Mapping):
            keys = [((str(section), str(key)), inner) for key, inner in value.items()]
        else:
            keys = [((str(section),), value)]
        for key, inner in keys:
            line = f" line {lines[key]}" if key in lines else ""
            origin = origins.get(".".join(key), f"user: {name}")
            found.append(Entry(key, inner, origin, f"{name}{line}", source=name))
    return found


def _typed(key: str, value: Any) -> Entry:
    return Entry(
        tuple(key.split(".")), value, f"user: {COMMAND_LINE}", COMMAND_LINE, source=COMMAND_LINE
    )


REVISED = "instead of"
"""In the origin of a value that took the place of what was asked for."""
_UNASKED = {"seed", *LEFT_OUT} - {"model", "data.train", "data.validation"}
"""Keys of which no choice follows; those without a say in what is trained, but for what is read."""


def _build(
    given: list[Entry],
    wrong: list[str],
    check: Check,
    *,
    usual: Mapping[str, Any],
    is_complete: bool,
) -> tuple[Recipe, dict[str, str]]:
    placed = place(given)
    wrong += placed.problems
    values, latest = _merge(_without_stale(placed.entries), wrong)
    recipe, problems = None, _of_components(latest, check)
    for place_of in (OPTIONS, CLEANING, AUGMENTING):
        said: Any = values
        for part in (parts := place_of.split(".")):
            said = cast("Mapping[str, Any]", said).get(part) if isinstance(said, Mapping) else None
        if isinstance(said, Mapping):
            found = check(place_of, cast("Mapping[str, Any]", said))
            problems += [Problem((*parts, *problem.place), problem.text) for problem in found]
    try:
        recipe = validate(Recipe, {**usual, **values})
    except ValidationError as error:
        # what an unreadable file lacks is not known
        found = find_problems(Recipe, error)
        problems += [p for p in found if is_complete or not p.text.startswith("missing")]
    wrong += [f"recipe {_with_source(item.place, item.text, latest)}" for item in problems]
    if wrong or recipe is None:
        raise RecipeError("\n".join(dict.fromkeys(wrong)))
    origins = origins_of(recipe)
    for key, entry in latest.items():
        alias = f"alias '{entry.alias}' ({entry.origin})"
        origins[".".join(key[:2])] = alias if entry.alias else entry.origin
    return recipe, origins


def _of_components(latest: Mapping[tuple[str, ...], Entry], check: Check) -> list[Problem]:
    found: list[Problem] = []
    for section in COMPONENTS:
        said = {
            key[1]: entry.value
            for key, entry in latest.items()
            # what nobody asked for belongs to the component that a run had
            if key[0] == section
            and len(key) == 2
            and (key[1] == "name" or not entry.origin.startswith(("default", "auto")))
        }
        if said.get("name", "auto") != "auto" or len(said) > 1 or (said and "name" not in said):
            problems = check(section, said)
            found += [Problem((section, *problem.place), problem.text) for problem in problems]
    return found


def _with_source(
    place_: tuple[str, ...], text: str, latest: Mapping[tuple[str, ...], Entry]
) -> str:
    entry = next((latest[place_[:n]] for n in (3, 2, 1) if place_[:n] in latest), None)
    line = f"{'.'.join(place_)}: {text}"
    if entry is None:
        return line
    alias = f"'{entry.alias}' in " if entry.alias else ""
    return f"{line} ({alias}{entry.where})"


def _without_stale(entries: list[Entry]) -> list[Entry]:
    """Without what a run chose, where a later source changes a setting that choices follow from, as
    LoRA's alpha does from its rank, the rate from the tuner and the steps between two validations
    from the epochs: all of it is chosen anew. What took the place of something that was asked for
    stays. Where it is another component now, the defaults of the run's mean nothing either."""
    first: dict[tuple[str, ...], Entry] = {}
    changed: set[tuple[str, ...]] = set()
    for entry in entries:
        before = first.setdefault(entry.key, entry)
        if entry.source != entries[0].source and (before is entry or before.value != entry.value):
            changed.add(entry.key)
    is_stale = any(_UNASKED.isdisjoint((key[0], ".".join(key))) for key in changed)
    others = {section for section in COMPONENTS if (section, "name") in changed}
    return [
        entry
        for entry in entries
        if not (is_stale and entry.origin.startswith("auto") and not _stays(entry))
        and not (entry.key[0] in others and entry.origin == "default")
    ]


def _stays(entry: Entry) -> bool:
    return REVISED in entry.origin or entry.key == ("data", "today")


def _merge(
    entries: list[Entry], wrong: list[str]
) -> tuple[dict[str, Any], dict[tuple[str, ...], Entry]]:
    """Nested values, the latest source winning; the entry that set each key. One source that says
    two things is a problem, whoever set them once: a run records where its settings came from."""
    values: dict[str, Any] = {}
    latest: dict[tuple[str, ...], Entry] = {}
    for entry in entries:
        before = latest.get(entry.key)
        if before is not None and before.source == entry.source and before.value != entry.value:
            names = " and ".join(f"'{e.alias or '.'.join(e.key)}'" for e in (before, entry))
            wrong.append(
                f"recipe {'.'.join(entry.key)}: given twice, by {names}, "
                f"as {shown(before.value)} and {shown(entry.value)} ({entry.where})"
            )
        latest[entry.key] = entry
        if not _put(values, entry.key, _plain(entry.value)):
            wrong.append(f"recipe {'.'.join(entry.key)}: does not hold keys ({entry.where})")
    return values, latest


def _put(values: dict[str, Any], key: tuple[str, ...], value: Any) -> bool:
    here = values
    for part in key[:-1]:
        inner = here.setdefault(part, {})
        if not isinstance(inner, dict):
            return False
        here = inner
    here[key[-1]] = value
    return True


def _plain(value: Any) -> Any:
    """Paths as text and own copies of containers, so that recipes are plain data."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
