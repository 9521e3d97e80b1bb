"""Every "auto" of a recipe becomes a value with a recorded reason."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from luthier.core.config import build
from luthier.recipe.identity import identity_of
from luthier.recipe.load import REVISED, leaves, origins_of, read
from luthier.recipe.place import COMPONENTS, OPTIONS
from luthier.recipe.schema import Recipe

FORMAT_VERSION = 1


class Settled:
    """A recipe whose "auto" values are being filled in, and the origin of each value.

    Example: settled = Settled(*load.read(path)); settled.settle("training.epochs", 3.0, "300 rows")
    """

    def __init__(self, recipe: Recipe, origins: Mapping[str, str]) -> None:
        self._values: dict[str, Any] = copy.deepcopy(recipe.model_dump())
        self.origins = {**origins_of(recipe), **origins}
        said = leaves(self._values)
        self._given = {
            key for key in said if self.origins.get(key) != "default" and said[key] != "auto"
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any], overrides: Sequence[str] = ()) -> Settled:
        """What a run's `resolved.yaml` says, with settings of the command line on top.

        Raises: RecipeError: the document or an override is not valid.
        """
        return cls(*read(document, overrides, name="resolved.yaml"))

    def get(self, key: str) -> Any:
        """The value at a dotted key.

        Raises: KeyError: no such key.
        """
        here: Any = self._values
        for part in key.split("."):
            here = here[part]
        return here

    def is_given(self, key: str) -> bool:
        """Whether the request said a value, neither left it out nor left it to "auto"."""
        return key in self._given

    def settle(self, key: str, value: Any, why: str) -> bool:
        """Set `value` where the recipe says "auto", or says nothing in a component's section.

        Returns: whether it was set; what a user decided is never changed.
        """
        *sections, name = key.split(".")
        here: Any = self._values
        for part in sections:
            here = here.get(part) if isinstance(here, dict) else None
        if not isinstance(here, dict) or here.get(name, "auto") != "auto":
            return False
        if name not in here and sections[:1] not in ([part] for part in COMPONENTS):
            return False
        here[name] = value
        self.origins[key] = f"auto: {why}"
        return True

    def keep(self, key: str, value: Any, origin: str) -> bool:
        """Take over an earlier run's `value` and its origin where the request said nothing.

        Returns: whether that differs from what would have been.
        """
        *sections, name = key.split(".")
        is_known = key in self.origins or key.partition(".")[0] in (*COMPONENTS, OPTIONS)
        if self.is_given(key) or not is_known:
            return False
        here = self._values[sections[0]] if sections else self._values
        differs = here.get(name, "absent") != value
        here[name] = value
        self.origins[key] = origin
        return differs

    def reopen(self, key: str) -> None:
        """Back to "auto", to be chosen anew. Args: key: a setting of a section."""
        section, _, name = key.partition(".")
        self._values[section][name] = "auto"
        self.origins[key] = "default"
        self._given.discard(key)

    def revise(self, key: str, value: Any, why: str) -> None:
        """Put what the machine allows in the place of what was asked for; the origin says so."""
        section, _, name = key.partition(".")
        was, origin = self._values[section][name], self.origins[key]
        self._values[section][name] = value
        self.origins[key] = f"auto: {why} ({REVISED} {was}, {origin})"

    def fill(self, section: str, defaults: Mapping[str, Any]) -> None:
        """Add what a component's section does not mention, with the origin "default"."""
        for name, value in defaults.items():
            if name not in self._values[section]:
                self._values[section][name] = value
                self.origins[f"{section}.{name}"] = "default"

    def write_out(self, key: str, value: Any) -> None:
        """The same setting of a section in full words; who gave it stays."""
        section, _, name = key.partition(".")
        self._values[section][name] = value

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
            "identity": {"recipe": identity_of(recipe)},
        }
