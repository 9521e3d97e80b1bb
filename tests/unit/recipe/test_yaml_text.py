"""YAML as people mean it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.core.errors import RecipeError
from luthier.recipe.yaml_text import dump, parse, scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("2.5", 2.5),
        (".5", 0.5),
        ("-3", -3),
        ("010", 10),
        ("true", True),
        ("off", "off"),
        ("yes", "yes"),
        ("2024-01-01", "2024-01-01"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("auto", "auto"),
        ("", None),
        ("[a, 1]", ["a", 1]),
        ("{a: b}", {"a": "b"}),
        ('"3"', "3"),
        ("Answer: yes", "Answer: yes"),
        ("*.jsonl", "*.jsonl"),
        ("a # b", "a # b"),
        ("- x", "- x"),
    ],
)
def test_a_typed_value_is_what_it_looks_like(text: str, value: Any) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_an_unclosed_bracket_is_refused() -> None:
    with pytest.raises(RecipeError, match="not valid YAML"):
        scalar("[a, b")


def test_every_key_has_its_line() -> None:
    document = parse("model: m\n\ntraining:\n  epochs: 3\n", name="r.yaml")
    assert document.lines == {("model",): 1, ("training",): 3, ("training", "epochs"): 4}


def test_a_key_given_twice_is_refused_with_both_lines() -> None:
    with pytest.raises(RecipeError, match=r"line 3: 'a\.b' is given twice, first in line 2"):
        parse("a:\n  b: 1\n  b: 2\n", name="r.yaml")


def test_broken_yaml_is_refused_with_the_place() -> None:
    with pytest.raises(RecipeError, match=r"r\.yaml line 2, column \d+: not valid YAML"):
        parse("a: 1\n\tb: 2\n", name="r.yaml")


@pytest.mark.parametrize("text", ["a: !!python/object:os.system {}", "a: \x00"])
def test_dangerous_yaml_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="not valid YAML"):
        parse(text, name="r.yaml")


def test_yaml_that_refers_to_itself_or_grows_without_end_is_refused() -> None:
    with pytest.raises(RecipeError, match="refers to itself"):
        parse("a: &x [*x]", name="r.yaml")
    bomb = "a0: &a0 [x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    with pytest.raises(RecipeError, match="too large"):
        parse(bomb, name="r.yaml")


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs", "Cc"))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), _VALUES, max_size=4))
def test_what_is_dumped_is_read_back_by_either_version(value: dict[str, Any]) -> None:
    assert parse(dump(value), name="x").value == value
    assert yaml.safe_load(dump(value)) == value


@pytest.mark.parametrize("value", [2e-05, 1e16, -3e-300])
def test_a_power_of_ten_stays_a_number_for_every_reader(value: float) -> None:
    for read in (yaml.safe_load, lambda text: parse(text, name="x").value):
        assert read(dump({"rate": value})) == {"rate": value}
