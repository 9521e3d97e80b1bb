"""Small files, short functions, shallow nesting: house rules that a machine can hold."""

from __future__ import annotations

import ast

from tests.architecture.source import PACKAGE, modules

MAX_FILE, MAX_FUNCTION, MAX_NESTING = 300, 60, 3
_BLOCKS = (
    *(ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar),
    *(ast.Match, ast.With, ast.AsyncWith),
)
"""Every statement whose body is indented. Several contexts of one `with` are one level."""


def _functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def _depth(node: ast.AST) -> int:
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, _depth(child) + int(isinstance(child, _BLOCKS) and not is_elif))
    return deepest


def test_no_file_is_longer_than_the_limit() -> None:
    lengths = {
        str(module.path.relative_to(PACKAGE)): len(module.path.read_text().splitlines())
        for module in modules()
    }
    assert {name: n for name, n in lengths.items() if n > MAX_FILE} == {}


def test_no_function_is_longer_than_the_limit() -> None:
    long = {
        f"{module.name}.{function.name}": function.end_lineno - function.lineno + 1
        for module in modules()
        for function in _functions(module.tree)
        if function.end_lineno and function.end_lineno - function.lineno + 1 > MAX_FUNCTION
    }
    assert long == {}


def test_nothing_is_nested_deeper_than_the_limit() -> None:
    deep = {
        f"{module.name}.{function.name}": _depth(function)
        for module in modules()
        for function in _functions(module.tree)
        if _depth(function) > MAX_NESTING
    }
    assert deep == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [module.name for module in modules() if not ast.get_docstring(module.tree)]
    assert silent == []


def test_no_file_is_a_drawer() -> None:
    drawers = {"utils", "util", "misc", "common", "helpers"}
    assert [module.name for module in modules() if drawers & set(module.name.split("."))] == []
