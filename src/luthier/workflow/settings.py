"""Does the objective, or the tuner, take what a recipe says of it? Asked before data is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from luthier.core.config import ComponentConfig, Problem, find_problems, shown, validate
from luthier.core.hints import did_you_mean
from luthier.core.registry import Registry
from luthier.objectives import objectives
from luthier.recipe.place import AUGMENTING, CLEANING, OPTIONS
from luthier.tuners import tuners
from luthier.workflow import options

_REGISTRIES: Mapping[str, Registry[Any]] = {"objective": objectives, "tuner": tuners}


def check(section: str, said: Mapping[str, Any]) -> list[Problem]:
    """Every problem with what is said of a component, at places within its section.

    Where none is named yet, a setting is a problem when no component takes it.
    """
    if section in (OPTIONS, CLEANING, AUGMENTING):
        return options.check(section, said)
    registry, name = _REGISTRIES[section], said.get("name", "auto")
    values = {key: value for key, value in said.items() if key != "name"}
    if name == "auto":
        return _of_any([item.Config for _, item in registry.items()], values)
    if not isinstance(name, str):
        return [Problem(("name",), f"got {shown(name)}, expected the name of {_a(section)}")]
    if name.replace("-", "_") not in registry.names():
        hint = did_you_mean(name, registry.names())
        return [Problem(("name",), f"got {shown(name)}, unknown {section}{hint}")]
    return _of_one(registry.get(name).Config, values)


def _of_one(config: type[ComponentConfig], values: Mapping[str, Any]) -> list[Problem]:
    try:
        validate(config, values)
    except ValidationError as error:
        return find_problems(config, error)
    return []


def _of_any(configs: Sequence[type[ComponentConfig]], values: Mapping[str, Any]) -> list[Problem]:
    known = {field for config in configs for field in config.model_fields}
    found: list[Problem] = []
    for key, value in values.items():
        takers = [config for config in configs if key in config.model_fields]
        if not takers:
            found.append(Problem((key,), f"unknown key{did_you_mean(key, known)}"))
            continue
        answers = [_of_key(config, key, value) for config in takers]
        found += answers[0] if all(answers) else []
    return found


def _of_key(config: type[ComponentConfig], key: str, value: Any) -> list[Problem]:
    return [problem for problem in _of_one(config, {key: value}) if problem.place[:1] == (key,)]


def _a(section: str) -> str:
    return f"an {section}" if section.startswith("o") else f"a {section}"
