"""The options of `keep`: checked, spelled out, and given the general rows that they ask for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import as_file, files
from typing import Any

from pydantic import ValidationError

from luthier.core.config import ComponentConfig, Problem, build, find_problems, shown, validate
from luthier.core.errors import RecipeError
from luthier.core.files import sha256_of
from luthier.core.hints import did_you_mean
from luthier.data.load import load
from luthier.keeping import Keeper, keepers
from luthier.models.bundle import Codec, Kind
from luthier.objectives import Part, objectives
from luthier.recipe.resolve import Settled
from luthier.recipe.schema import DataSection
from luthier.workflow.settle import objective_for

SECTION = "keep"
SHIPPED = "luthier"
"""Names the general conversations that ship with the package, where a file is expected."""


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


def general_rows(settled: Settled, codec: Codec, *, kind: Kind) -> dict[str, Part]:
    """General conversations that options ask for, by the name of their file, ready to be learned.

    Raises: DataError: a file that cannot be read, or holds no conversations. RecipeError: as
        `options`.
    """
    asked = {
        getattr(option.config, "rows", None) for option in options(settled, kind=kind).values()
    }
    return {name: _general(name, codec) for name in sorted(n for n in asked if isinstance(n, str))}


def _general(name: str, codec: Codec) -> Part:
    learned = objectives.get(objective_for("chat"))
    objective = learned(learned.Config())
    with as_file(files("luthier.keeping").joinpath("general.jsonl")) as shipped:
        path = str(shipped) if name == SHIPPED else name
        section = DataSection(train=path, validation_share=0.0, test_share=0.0)
        rows = load(section, seed=0, wants="chat").splits.train
    features = [objective.prepare(row, codec, index=index) for index, row in enumerate(rows)]
    return Part(name, objective, features, 0.0)


def identity_of(general: Mapping[str, Part]) -> list[bytes]:
    """What general rows are, for the identity of a run's data."""
    return [
        sha256_of([item.input_ids.tobytes() for item in part.features]).encode()
        for _, part in sorted(general.items())
    ]
