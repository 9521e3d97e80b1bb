"""The JSON Schema of a recipe, for editors and for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luthier.core.config import ComponentConfig
from luthier.recipe.schema import Recipe


def schema(
    objective_configs: Mapping[str, type[ComponentConfig]],
    tuner_configs: Mapping[str, type[ComponentConfig]],
    option_configs: Mapping[str, type[ComponentConfig]],
    data_configs: Mapping[str, Mapping[str, type[ComponentConfig]]],
) -> dict[str, Any]:
    """JSON Schema (2020-12) of the whole recipe, each component with its own settings.

    Args: data_configs: those of the settings of `data` that hold components, by its name.
    """
    found = Recipe.model_json_schema()
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    found["title"] = "Luthier recipe"
    for section, configs in (("objective", objective_configs), ("tuner", tuner_configs)):
        definitions: dict[str, Any] = found["$defs"]
        choices: list[dict[str, Any]] = [{"type": "string", "enum": ["auto", *configs]}]
        for name, config in configs.items():
            key = f"{section}_{name}"
            definitions[key] = _component(name, config, definitions)
            choices.append({"$ref": f"#/$defs/{key}"})
        choices.append(_unnamed(configs))
        described = found["properties"][section].get("description", "")
        found["properties"][section] = {"anyOf": choices, "description": described}
    found["properties"]["keep"] |= _options("keep", option_configs, found["$defs"])
    for key, configs in data_configs.items():
        own = found["$defs"]["DataSection"]["properties"][key]
        own |= _options(key, configs, found["$defs"])
    return found


def _options(
    section: str, configs: Mapping[str, type[ComponentConfig]], definitions: dict[str, Any]
) -> dict[str, Any]:
    """Each by its name: a number or a word, true or false, or its settings."""
    properties: dict[str, Any] = {}
    for name, config in configs.items():
        own = config.model_json_schema(ref_template="#/$defs/{model}")
        definitions.update(own.pop("$defs", {}))
        definitions[f"{section}_{name}"] = {**own, "title": name}
        reference = {"$ref": f"#/$defs/{section}_{name}"}
        bare = [{"type": kind} for kind in ("number", "string", "boolean")]
        properties[name] = {"anyOf": [*bare, reference]}
    return {"properties": properties, "additionalProperties": False}


def _component(
    name: str, config: type[ComponentConfig], definitions: dict[str, Any]
) -> dict[str, Any]:
    own = config.model_json_schema(ref_template="#/$defs/{model}")
    definitions.update(own.pop("$defs", {}))
    own["properties"] = {"name": {"const": name}, **own.get("properties", {})}
    own["required"] = ["name", *own.get("required", [])]
    own["title"] = name
    return own


def _unnamed(configs: Mapping[str, type[ComponentConfig]]) -> dict[str, Any]:
    # without a name (or with auto) the component is chosen from the data and the model
    known = sorted({field for config in configs.values() for field in config.model_fields})
    properties: dict[str, Any] = {field: {} for field in known}
    return {
        "type": "object",
        "properties": {"name": {"const": "auto"}, **properties},
        "additionalProperties": False,
    }
