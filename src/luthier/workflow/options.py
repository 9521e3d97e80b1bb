"""Options by name (`keep`, `data.clean`, `data.augment`): checked, spelled out; of `keep` built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from luthier.core.config import ComponentConfig, Problem, build, find_problems, shown, validate
from luthier.core.errors import RecipeError
from luthier.core.hints import did_you_mean
from luthier.core.options import expected_of, settings_of
from luthier.core.registry import Registry
from luthier.data.augmenting import augmenters
from luthier.data.cleaning import cleaners
from luthier.keeping import Keeper, keepers
from luthier.models.bundle import Kind
from luthier.recipe.place import AUGMENTING, CLEANING, OPTIONS
from luthier.recipe.resolve import Settled

_REGISTRIES: Mapping[str, Registry[Any]] = {
    OPTIONS: keepers,
    CLEANING: cleaners,
    AUGMENTING: augmenters,
}


def check(section: str, said: Mapping[str, Any]) -> list[Problem]:
    """Every problem with what a recipe says of options, at places within the section."""
    found: list[Problem] = []
    registry = _REGISTRIES[section]
    for name, value in said.items():
        if name not in registry.names():
            hint = did_you_mean(name, registry.names())
            found.append(Problem((name,), f"unknown option{hint}"))
            continue
        kind = registry.get(name)
        settings = settings_of(kind, value)
        if settings is None:
            found.append(Problem((name,), f"got {shown(value)}, expected {expected_of(kind)}"))
        elif isinstance(settings, dict):
            found += [Problem((name, *p.place), p.text) for p in _problems(kind.Config, settings)]
    return found


def _problems(config: type[ComponentConfig], settings: Mapping[str, Any]) -> list[Problem]:
    try:
        validate(config, settings)
    except ValidationError as error:
        return find_problems(config, error)
    return []


def spell_out(settled: Settled) -> None:
    """Write every option with all its settings, so that the recipe says what is done.

    Raises: RecipeError: an option or a setting that there is none of.
    """
    for name, value in dict(settled.get(OPTIONS)).items():
        settled.write_out(f"{OPTIONS}.{name}", _in_full(OPTIONS, name, value))
    for section in (CLEANING, AUGMENTING):
        said: Mapping[str, Any] = settled.get(section)
        full = {name: _in_full(section, name, value) for name, value in said.items()}
        settled.write_out(section, full)


def _in_full(section: str, name: str, value: Any) -> dict[str, Any] | bool:
    kind = _REGISTRIES[section].get(name)
    settings = settings_of(kind, value)
    if not isinstance(settings, dict):
        return False
    return build(kind.Config, settings, where=f"{section}.{name}").model_dump(mode="json")


def options(settled: Settled, *, kind: Kind) -> dict[str, Keeper]:
    """The options of a run, by name, for a model of this kind.

    Raises: RecipeError: one does not work with such a model.
    """
    found: dict[str, Keeper] = {}
    for name, value in settled.get(OPTIONS).items():
        if value is False:
            continue
        option = keepers.get(name)
        if option.kinds and kind not in option.kinds:
            others = [n for n, other in keepers.items() if not other.kinds or kind in other.kinds]
            raise RecipeError(
                f"recipe {OPTIONS}.{name}: works with a {' or '.join(sorted(option.kinds))}, and "
                f"this run trains a {kind}. Options that fit: {', '.join(others)}."
            )
        found[name] = option(build(option.Config, value, where=f"{OPTIONS}.{name}"))
    return found
