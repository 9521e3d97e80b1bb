"""The package's source as syntax trees, read once."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "luthier"


@dataclass(frozen=True)
class Module:
    """One source file."""

    path: Path
    tree: ast.Module

    @property
    def name(self) -> str:
        """Dotted name; a package is named without `__init__`."""
        parts = self.path.relative_to(PACKAGE.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def layer(self) -> str:
        """The first folder below luthier; empty for luthier itself."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 and parts[1] != "__main__" else ""

    def imports(self) -> list[tuple[str, int]]:
        """(dotted name of a luthier module, line), imports for type checkers included."""
        found: list[tuple[str, int]] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(alias.name, node.lineno) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    found.append((inner if inner in names() else node.module, node.lineno))
        return [(name, line) for name, line in found if name.split(".")[0] == "luthier"]


@cache
def modules() -> tuple[Module, ...]:
    """Every source file of the package."""
    files = sorted(PACKAGE.rglob("*.py"))
    return tuple(Module(file, ast.parse(file.read_text(encoding="utf-8"))) for file in files)


@cache
def names() -> frozenset[str]:
    """Dotted names of every module."""
    return frozenset(module.name for module in modules())


@cache
def tracked() -> tuple[Path, ...]:
    """Files that belong to the repository, or all of them outside a git checkout."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0 and listed.stdout:
        return tuple(ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file())
    folders = ("src", "tests", "docs", "benchmarks")
    return tuple(file for name in folders for file in (ROOT / name).rglob("*") if file.is_file())
