"""Arrows point down: the import graph of docs/architecture.md."""

from __future__ import annotations

import ast

from tests.architecture.source import PACKAGE, Module, modules, names

LAYERS = (
    {"cli"},
    {"workflow"},
    {"engine", "evaluation", "export"},
    {"keeping"},
    {"objectives"},
    {"tuners", "generation", "graders"},
    {"data", "models"},
    {"recipe", "run", "store", "ops", "demo"},
    {"core"},
)
"""Left may import right; the packages of one set may not import each other."""

ALLOWED = {("models", "luthier.data.rows"), ("models", "luthier.data.features")}
FROM_THE_TOP = {
    ("", "luthier.core.errors"),
    ("", "luthier.workflow.api"),
    ("", "luthier.workflow.run"),
    ("", "luthier.cli.main"),
}
LATE = {
    "luthier": "the two calls of the package load when asked for",
    "luthier.core.registry": "the folder is the registry",
    "luthier.cli.table": "the command table",
    "luthier.models.trunks": "the folder is the registry of families",
}
"""Modules that import by name, and why."""

RARE = {
    "gguf": "for .gguf files only",
    "huggingface_hub": "for hub names only",
    "peft": "for adapters only",
}
"""Packages that may be imported in the one function that needs them: slow, or not installed."""


def _level(layer: str) -> int:
    return next(level for level, layers in enumerate(LAYERS) if layer in layers)


def _is_allowed(module: Module, target: str) -> bool:
    above, below = module.layer, target.split(".")[1] if "." in target else ""
    if below == above or (above, target) in ALLOWED | FROM_THE_TOP:
        return True
    return bool(above and below) and _level(above) < _level(below)


def test_every_package_has_a_place_in_the_graph() -> None:
    known = set().union(*LAYERS)
    found = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()}
    assert found <= known


def test_no_import_points_up_or_sideways() -> None:
    wrong = [
        f"{module.path.relative_to(PACKAGE)} line {line} imports {target}"
        for module in modules()
        for target, line in module.imports()
        if not _is_allowed(module, target)
    ]
    assert wrong == []


def test_no_import_cycle() -> None:
    graph = {module.name: {target for target, _ in module.imports()} for module in modules()}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name in done:
            return
        for target in graph.get(name, set()):
            visit(target, (*path, name))
        done.add(name)

    for name in sorted(graph):
        visit(name, ())


def test_core_imports_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "numpy", "pandas", "sklearn", "rich", "typer"}
    for module in modules():
        if module.layer in {"core", "recipe", "run", "store"}:
            limit = heavy if module.layer == "core" else {"torch", "transformers"}
            assert not limit & _roots(module.tree), module.name


def test_imports_stand_at_the_top_of_the_file() -> None:
    wrong: list[str] = []
    for module in modules():
        for function in ast.walk(module.tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                wrong += [
                    f"{module.path.relative_to(PACKAGE)} line {node.lineno}"
                    for node in ast.walk(function)
                    if isinstance(node, ast.Import | ast.ImportFrom)
                    and not _is_extra(function)
                    and not _is_rare(node)
                ]
    assert wrong == []


def test_only_the_registry_and_the_tables_import_by_name() -> None:
    for module in modules():
        calls = {
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Call)
        }
        if calls & {"import_module", "__import__"} and module.name not in LATE:
            assert _imports_extras_only(module), module.name
    assert set(LATE) <= names()


def _roots(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def _is_rare(node: ast.Import | ast.ImportFrom) -> bool:
    name = node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
    return name.split(".")[0] in RARE


def _is_extra(function: ast.AST) -> bool:
    """An optional package is imported in a `try` whose handler raises `missing(...)`."""
    return any(
        isinstance(node, ast.Call) and getattr(node.func, "id", "") == "missing"
        for handler in ast.walk(function)
        if isinstance(handler, ast.ExceptHandler)
        for node in ast.walk(handler)
    )


def _imports_extras_only(module: Module) -> bool:
    return any(
        isinstance(node, ast.FunctionDef) and _is_extra(node) for node in ast.walk(module.tree)
    )
