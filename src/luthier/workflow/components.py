"""What can be named in a recipe, read from the registries."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from luthier.core.registry import Registry
from luthier.data.augmenting import augmenters
from luthier.data.checks import checks
from luthier.data.cleaning import cleaners
from luthier.data.formats import formats
from luthier.data.packings import packings
from luthier.data.personal import kinds as personal
from luthier.data.places import places
from luthier.data.screens import screens
from luthier.data.sources import sources
from luthier.evaluation.arms import arms
from luthier.evaluation.metrics import metrics
from luthier.export import exporters
from luthier.graders import graders
from luthier.keeping import keepers
from luthier.objectives import objectives
from luthier.recipe.schema_json import schema as recipe_schema
from luthier.run.trackers import trackers
from luthier.tuners import tuners

REGISTRIES: Mapping[str, Registry[Any]] = {
    "objectives": objectives,
    "tuners": tuners,
    "keep": keepers,
    "places": places,
    "packings": packings,
    "sources": sources,
    "formats": formats,
    "clean": cleaners,
    "augment": augmenters,
    "personal": personal,
    "checks": checks,
    "screens": screens,
    "metrics": metrics,
    "graders": graders,
    "arms": arms,
    "exporters": exporters,
    "trackers": trackers,
}


def listing() -> dict[str, list[dict[str, str]]]:
    """Registry -> its components, each with the first line of its description."""
    return {
        word: [{"name": name, "summary": _summary(item)} for name, item in registry.items()]
        for word, registry in REGISTRIES.items()
    }


def schema() -> dict[str, Any]:
    """JSON Schema of a recipe, with the settings of every objective and tuner."""
    return recipe_schema(
        {name: item.Config for name, item in objectives.items()},
        {name: item.Config for name, item in tuners.items()},
        {name: item.Config for name, item in keepers.items()},
        {
            "clean": {name: item.Config for name, item in cleaners.items()},
            "augment": {name: item.Config for name, item in augmenters.items()},
        },
    )


def _summary(component: Any) -> str:
    text = inspect.getdoc(component) or inspect.getdoc(inspect.getmodule(component)) or ""
    return text.split("\n", 1)[0].strip()
