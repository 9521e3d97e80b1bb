"""What must not stand in the repository, and what it must not do."""

from __future__ import annotations

import ast
import re

from tests.architecture.source import ROOT, modules, tracked

_TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".jsonl", ".html", ".css", ".js"}
_MACHINE = re.compile(r"(?<![\w.])/(?:work\b|root|home/\w+|opt/(?:wheels|pypi)|tmp/\w)[/\w]*")


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    found = [
        f"{file.relative_to(ROOT)} line {number}: {match.group()}"
        for file in tracked()
        if file.suffix in _TEXT or file.name in {"Makefile", "run"}
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if (match := _MACHINE.search(line)) and file.name != "test_repository.py"
    ]
    assert found == []


def test_nothing_loads_a_pickle_or_runs_code_from_a_model() -> None:
    wrong: list[str] = []
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                roots = {alias.name.split(".")[0] for alias in node.names}
                roots |= {(getattr(node, "module", "") or "").split(".")[0]}
                if roots & {"pickle", "dill", "joblib", "cloudpickle"}:
                    wrong.append(f"{module.name} line {node.lineno}")
            if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
                is_off = isinstance(node.value, ast.Constant) and node.value.value is False
                wrong += [] if is_off else [f"{module.name} line {node.value.lineno}"]
            if isinstance(node, ast.Attribute) and ast.unparse(node) in {
                "torch.load",
                "torch.save",
            }:
                wrong.append(f"{module.name} line {node.lineno}")
    assert wrong == []


def test_only_the_command_line_prints() -> None:
    wrong = [
        f"{module.name} line {node.lineno}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    ]
    assert wrong == []
