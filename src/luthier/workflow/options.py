"""The options of `keep`: checked, spelled out, and built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from luthier.core.config import ComponentConfig, Problem, build, find_problems, shown, validate
from luthier.core.errors import RecipeError
from luthier.core.hints import did_you_mean
from luthier.keeping import Keeper, keepers
from luthier.models.bundle import Kind
from luthier.recipe.resolve import Settled

SECTION = "keep"


def check(said: Mapping[str, Any]) -> list[Problem]:
    """Every problem with what a recipe says of options, at places within the section."""
    found: list[Problem] = []
    for name, value in said.items():
        if name not in keepers.names():
            hint = did_you_mean(name, keepers.names())
            found.append(Problem((name,), f"unknown option{hint}"))
            continue
        kind = keepers.get(name)
        settings = _settings(kind, value)
        if settings is None:
            found.append(Problem((name,), f"got {shown(value)}, expected {_expected(kind)}"))
        elif isinstance(settings, dict):
            found += [Problem((name, *p.place), p.text) for p in _problems(kind.Config, settings)]
    return found


def _problems(config: type[ComponentConfig], settings: Mapping[str, Any]) -> list[Problem]:
    try:
        validate(config, settings)
    except ValidationError as error:
        return find_problems(config, error)
    return []


def _settings(kind: type[Keeper], value: Any) -> dict[str, Any] | bool | None:
    """The settings that a value stands for; False: the option is off; None: it stands for none."""
    if isinstance(value, bool):
        return {} if value else False
    if isinstance(value, Mapping):
        return dict(value)
    return {kind.short: value} if kind.short and isinstance(value, int | float) else None


def _expected(kind: type[Keeper]) -> str:
    number = f"a number ({kind.short}), " if kind.short else ""
    return f"{number}true, false, or settings: {', '.join(kind.Config.model_fields)}"


def spell_out(settled: Settled) -> None:
    """Write every option with all its settings, so that the recipe says what is done.

    Raises: RecipeError: an option or a setting that there is none of.
    """
    for name, value in dict(settled.get(SECTION)).items():
        settings = _settings(keepers.get(name), value)
        if not isinstance(settings, dict):
            settled.write_out(f"{SECTION}.{name}", False)
            continue
        config = build(keepers.get(name).Config, settings, where=f"{SECTION}.{name}")
        settled.write_out(f"{SECTION}.{name}", config.model_dump(mode="json"))


def options(settled: Settled, *, kind: Kind) -> dict[str, Keeper]:
    """The options of a run, by name, for a model of this kind.

    Raises: RecipeError: one does not work with such a model.
    """
    found: dict[str, Keeper] = {}
    for name, value in settled.get(SECTION).items():
        if value is False:
            continue
        option = keepers.get(name)
        if option.kinds and kind not in option.kinds:
            others = [n for n, other in keepers.items() if not other.kinds or kind in other.kinds]
            raise RecipeError(
                f"recipe {SECTION}.{name}: works with a {' or '.join(sorted(option.kinds))}, and "
                f"this run trains a {kind}. Options that fit: {', '.join(others)}."
            )
        found[name] = option(build(option.Config, value, where=f"{SECTION}.{name}"))
    return found
