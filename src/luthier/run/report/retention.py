"""What the model forgot: the same texts and prompts before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from luthier.run import figures

NAMES = {
    "general_text_nll": "General English: surprise per token (NLL)",
    "kl_to_base": "Answers: distance from the base model (KL, nats per token)",
    "changed_first_token_share": "Answers that begin with another token",
}
PLACES = {"base": "before", "tuned": "after", "difference": "change"}


@dataclass(frozen=True, slots=True)
class Kept:
    """One measure: its figures by name ("before", "after", "change"), and what they say."""

    name: str
    figures: list[tuple[str, str]]
    words: str


def retention_of(evaluation: Mapping[str, Any] | None) -> list[Kept]:
    """One part per measure; empty when retention was not measured."""
    found: Mapping[str, Any] = (evaluation or {}).get("retention") or {}
    return [_kept(str(name), item) for name, item in found.items()]


def _kept(name: str, item: Any) -> Kept:
    title = NAMES.get(name, _capital(figures.of_name(name)))
    if not isinstance(item, Mapping) or not PLACES.keys() & item.keys():
        return Kept(title, [("", _text(name, item))], "")
    shown = [(PLACES[key], _text(name, item[key], key)) for key in PLACES if key in item]
    rest = {key: value for key, value in item.items() if key not in PLACES}
    return Kept(title, shown if len(shown) > 1 else [("", shown[0][1])], _words(rest))


def _words(rest: Mapping[str, Any]) -> str:
    if "words" in rest:
        return str(rest["words"])
    return "; ".join(f"{figures.of_name(key)} {_text(key, value)}" for key, value in rest.items())


def _text(name: str, value: Any, place: str = "") -> str:
    if isinstance(value, Mapping):
        if "value" in value:
            show = figures.of_difference if place == "difference" else figures.of_metric
            return _estimate(value, partial(show, name))
        return "; ".join(f"{figures.of_name(k)} {_text(k, v)}" for k, v in value.items())
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no"}.get(bool(value), "–") if value is not None else "–"
    if isinstance(value, int):
        return figures.of_count(value)
    return figures.of_metric(name, value) if isinstance(value, float) else str(value)


def _estimate(value: Mapping[str, Any], show: Callable[[float], str]) -> str:
    text = show(value["value"])
    return f"{text} ({show(value['low'])} to {show(value['high'])})" if "low" in value else text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
