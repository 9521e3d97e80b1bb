"""The JSON Schema says the same as the loader."""

from __future__ import annotations

from pydantic import Field

from luthier.core.config import ComponentConfig
from luthier.recipe.schema_json import schema


class Rank(ComponentConfig):
    rank: int = Field(default=16, ge=1)
    """Width of the update."""


class Sft(ComponentConfig):
    template: str = "auto"
    """The template."""


FOUND = schema({"sft": Sft}, {"lora": Rank}, {"hold": Rank}, {"clean": {"wash": Rank}})


def test_every_key_is_described() -> None:
    for place in ("Recipe", "DataSection", "TrainingSection", "EvaluationSection"):
        fields = FOUND["properties"] if place == "Recipe" else FOUND["$defs"][place]["properties"]
        assert [name for name, field in fields.items() if not field.get("description")] == []


def test_components_hold_their_own_settings() -> None:
    lora = FOUND["$defs"]["tuner_lora"]
    assert lora["properties"]["rank"]["minimum"] == 1
    assert lora["properties"]["rank"]["description"] == "Width of the update."
    assert lora["properties"]["name"] == {"const": "lora"}
    assert lora["additionalProperties"] is False
    choices = FOUND["properties"]["tuner"]["anyOf"]
    assert choices[0] == {"type": "string", "enum": ["auto", "lora"]}
    assert {"$ref": "#/$defs/tuner_lora"} in choices


def test_unknown_keys_are_refused_everywhere() -> None:
    assert FOUND["additionalProperties"] is False
    assert FOUND["$defs"]["TrainingSection"]["additionalProperties"] is False


def test_options_take_a_value_or_settings_of_their_own() -> None:
    clean = FOUND["$defs"]["DataSection"]["properties"]["clean"]
    assert clean["additionalProperties"] is False
    assert {"$ref": "#/$defs/clean_wash"} in clean["properties"]["wash"]["anyOf"]
    assert FOUND["$defs"]["clean_wash"]["properties"]["rank"]["minimum"] == 1
    assert list(FOUND["properties"]["keep"]["properties"]) == ["hold"]
