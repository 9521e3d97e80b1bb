"""Every command finds the function that does its work, and calls it as it wants to be called."""

from __future__ import annotations

import ast
import inspect

import pytest

from luthier.cli.table import COMMANDS, app_of, work


def _calls() -> list[object]:
    """(place, number of plain arguments, keywords) of every `work("...")(...)`."""
    found: list[object] = []
    for name in COMMANDS:
        tree = ast.parse(inspect.getsource(inspect.getmodule(_callback(name))))
        for node in ast.walk(tree):
            inner = node.func if isinstance(node, ast.Call) else None
            if isinstance(inner, ast.Call) and getattr(inner.func, "id", "") == "work":
                place = ast.literal_eval(inner.args[0])
                keywords = [keyword.arg for keyword in node.keywords]
                found.append(pytest.param(place, len(node.args), keywords, id=place))
    return found


def _callback(name: str) -> object:
    return app_of(name).registered_commands[0].callback


@pytest.mark.parametrize(("place", "num_plain", "keywords"), _calls())
def test_the_work_behind_a_command_takes_what_it_is_given(
    place: str, num_plain: int, keywords: list[str]
) -> None:
    signature = inspect.signature(work(place))
    signature.bind(*range(num_plain), **dict.fromkeys(keywords))


def test_every_command_has_a_file_of_its_own() -> None:
    for name in COMMANDS:
        module = inspect.getmodule(_callback(name))
        assert module is not None
        assert module.__name__.rpartition(".")[2].rstrip("_") == name
