"""Every "auto" of a recipe becomes a value with a recorded reason."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from luthier.core.config import build
from luthier.recipe.identity import identity_of
from luthier.recipe.schema import Recipe

FORMAT_VERSION = 1


class Settled:
    """A recipe whose "auto" values are being filled in, and the origin of each value.

    Example: settled = Settled(*load.read(path)); settled.settle("training.epochs", 3.0, "300 rows")
    """

    def __init__(self, recipe: Recipe, origins: Mapping[str, str]) -> None:
        self._values: dict[str, Any] = copy.deepcopy(recipe.model_dump())
        self.origins = dict(origins)

    def get(self, key: str) -> Any:
        """The value at a dotted key.

        Raises: KeyError: no such key.
        """
        here: Any = self._values
        for part in key.split("."):
            here = here[part]
        return here

    def settle(self, key: str, value: Any, why: str) -> bool:
        """Set `value` where the recipe says "auto", or says nothing in a component's section.

        Returns: whether it was set; what a user decided is never changed.
        """
        *sections, name = key.split(".")
        here: Any = self._values
        for part in sections:
            here = here[part]
        if here.get(name, "auto") != "auto":
            return False
        here[name] = value
        self.origins[key] = f"auto: {why}"
        return True

    def fill(self, section: str, defaults: Mapping[str, Any]) -> None:
        """Add what a component's section does not mention yet, with the origin "default"."""
        here = self._values[section]
        for name, value in defaults.items():
            if name not in here:
                here[name] = value
                self.origins[f"{section}.{name}"] = "default"

    def autos(self) -> list[str]:
        """Dotted keys that still say "auto"."""
        found: list[str] = []
        for key, value in self._values.items():
            inner = value.items() if isinstance(value, dict) else [("", value)]
            found += [f"{key}.{name}".rstrip(".") for name, item in inner if item == "auto"]
        return found

    def recipe(self) -> Recipe:
        """The recipe as settled so far.

        Raises: RecipeError: a settled value is not valid (our mistake, or a component's).
        """
        return build(Recipe, self._values, where="")

    def document(self) -> dict[str, Any]:
        """The content of `resolved.yaml`: format_version, recipe, origins, identity."""
        recipe = self.recipe()
        return {
            "format_version": FORMAT_VERSION,
            "recipe": recipe.model_dump(mode="json"),
            "origins": dict(sorted(self.origins.items())),
            "identity": identity_of(recipe),
        }
