"""Every component describes itself: `luthier list`, the schema and the docs are made of that."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from luthier.core.config import ComponentConfig
from luthier.workflow.components import REGISTRIES

NAMED = {
    f"{word}-{name}": item
    for word, registry in REGISTRIES.items()
    for name, item in registry.items()
}
COMPONENTS = [pytest.param(item, id=name) for name, item in NAMED.items()]
WITH_SETTINGS = [
    pytest.param(item.Config, id=name) for name, item in NAMED.items() if hasattr(item, "Config")
]


@pytest.mark.parametrize("component", COMPONENTS)
def test_component_has_a_description_of_its_own(component: Any) -> None:
    text = inspect.getdoc(component) or inspect.getdoc(inspect.getmodule(component))
    assert text
    assert len(text.splitlines()[0]) > 15


@pytest.mark.parametrize("config", WITH_SETTINGS)
def test_every_setting_of_a_component_is_described(config: type[ComponentConfig]) -> None:
    assert issubclass(config, ComponentConfig)
    assert [name for name, field in config.model_fields.items() if not field.description] == []
