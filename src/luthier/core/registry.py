"""The folder is the registry: each public module of a package is one component."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, Generic, TypeVar

from luthier.core.errors import RecipeError
from luthier.core.hints import did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """Components of one folder, plus those that installed packages offer as entry points.

    Listing names reads the folder only; a component's module is imported when it is asked for.
    Plug-ins: an entry point in the group `luthier.<folder>` whose value is the component.

    Example: objectives = Registry("luthier.objectives", word="objective"); objectives.get("sft")
    """

    def __init__(self, package: str, *, word: str) -> None:
        self.package, self.word = package, word
        self._found: dict[str, T] = {}

    def add(self, component: T) -> T:
        """File `component` under the name of the module that defines it (a decorator)."""
        module: str = getattr(component, "__module__")  # noqa: B009 (T has no such attribute)
        self._found[module.rpartition(".")[2]] = component
        return component

    def names(self) -> list[str]:
        """Names of every component, sorted; nothing is imported."""
        return sorted({*self._modules(), *self._plugins()})

    def get(self, name: str) -> T:
        """The component called `name` (dashes and underscores are the same).

        Raises: RecipeError: unknown, with the nearest known name.
        """
        name = name.replace("-", "_")
        if name in self._found:
            return self._found[name]
        if name in self._modules():
            importlib.import_module(f"{self.package}.{name}")
            assert name in self._found, f"{self.package}.{name} files no component"
            return self._found[name]
        plugins = self._plugins()
        if name not in plugins:
            raise RecipeError(f"{self.word} '{name}': unknown{did_you_mean(name, self.names())}")
        self._found[name] = plugins[name].load()
        return self._found[name]

    def items(self) -> Iterator[tuple[str, T]]:
        """Every (name, component); imports them all."""
        for name in self.names():
            yield name, self.get(name)

    def _modules(self) -> list[str]:
        package: ModuleType = importlib.import_module(self.package)
        found = [module.name for module in pkgutil.iter_modules(package.__path__)]
        return [name for name in found if not name.startswith("_") and name != "contract"]

    def _plugins(self) -> dict[str, Any]:
        found = entry_points(group=self.package)
        return {point.name.replace("-", "_"): point for point in found}
