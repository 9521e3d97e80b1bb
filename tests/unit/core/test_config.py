"""Problems of settings: all at once, one line each, in words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, field_validator

from luthier.core.config import Auto, ComponentConfig, build, shown
from luthier.core.errors import RecipeError


class Inner(ComponentConfig):
    beta: float = 0.1
    """Strength."""


class Config(ComponentConfig):
    rank: int = Field(default=16, ge=1)
    """Width."""
    every: int | Auto = "auto"
    width: Annotated[int, Field(ge=1)] | Auto = "auto"
    share: float = Field(default=0.1, ge=0, lt=1)
    fast: bool | Auto = "auto"
    kind: Literal["a", "b"] = "a"
    target: tuple[str, ...] = ()
    names: dict[str, str] = Field(default_factory=dict[str, str])
    inner: Inner = Inner()
    many: list[Inner] = Field(default_factory=list[Inner])
    files: str | list[str] = ""
    word: str
    """The word to learn."""

    @field_validator("word")
    @classmethod
    def _short(cls, value: str) -> str:
        if len(value) > 5:
            raise ValueError("expected at most 5 letters")
        return value


def _problem(**values: Any) -> str:
    with pytest.raises(RecipeError) as caught:
        build(Config, {"word": "x", **values}, where="tuner")
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rank": 0}, "tuner.rank: got 0, expected a whole number of at least 1"),
        ({"rank": "4"}, "tuner.rank: got '4', expected a whole number of at least 1"),
        ({"rank": True}, "tuner.rank: got true, expected a whole number of at least 1"),
        ({"rank": 2.5}, "tuner.rank: got 2.5, expected a whole number of at least 1"),
        ({"rank": None}, "tuner.rank: got nothing, expected a whole number of at least 1"),
        ({"every": "often"}, "tuner.every: got 'often', expected a whole number or auto"),
        ({"width": 0}, "tuner.width: got 0, expected a whole number of at least 1 or auto"),
        ({"share": 1.5}, "tuner.share: got 1.5, expected a number of at least 0 and below 1"),
        ({"fast": "yes"}, "tuner.fast: got 'yes', expected true, false or auto"),
        ({"kind": "c"}, "tuner.kind: got 'c', expected a or b"),
        ({"target": "q"}, "tuner.target: got 'q', expected a list of text"),
        ({"target": ["q", 1]}, "tuner.target.1: got 1, expected a list of text"),
        ({"names": {"a": 1}}, "tuner.names.a: got 1, expected text"),
        ({"names": 3}, "tuner.names: got 3, expected keys with values"),
        ({"inner": {"beta": "x"}}, "tuner.inner.beta: got 'x', expected a number"),
        ({"inner": {"betta": 1}}, "tuner.inner.betta: unknown key; did you mean 'beta'?"),
        ({"inner": 3}, "tuner.inner: got 3, expected keys with values"),
        ({"many": [{}, {"betta": 1}]}, "tuner.many.1.betta: unknown key; did you mean 'beta'?"),
        ({"many": [{"beta": "x"}]}, "tuner.many.0.beta: got 'x', expected a number"),
        ({"many": 3}, "tuner.many: got 3, expected a list of keys with values"),
        ({"files": [1]}, "tuner.files.0: got 1, expected text or a list of text"),
        ({"rnak": 3}, "tuner.rnak: unknown key; did you mean 'rank'?"),
        ({"word": "toolong"}, "tuner.word: got 'toolong', expected at most 5 letters"),
    ],
)
def test_one_problem_is_one_clean_line(values: dict[str, Any], message: str) -> None:
    assert _problem(**values) == f"recipe {message}"


def test_a_missing_setting_is_explained_by_its_meaning() -> None:
    with pytest.raises(RecipeError, match=r"^recipe tuner\.word: missing; The word to learn\.$"):
        build(Config, {}, where="tuner")


def test_all_problems_come_at_once() -> None:
    assert len(_problem(rank=0, share=2, rnak=1, every="x").splitlines()) == 4


def test_lists_may_become_tuples_and_whole_numbers_numbers() -> None:
    config = build(Config, {"word": "x", "target": ["q"], "share": 0}, where="")
    assert config.target == ("q",)
    assert config.share == 0.0


def test_infinity_is_no_number() -> None:
    assert "tuner.share: got " in _problem(share=float("inf"))


def test_a_long_value_is_quoted_short() -> None:
    assert len(shown("x" * 500)) == 80
