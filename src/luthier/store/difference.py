"""How two runs differ: what was asked for, and what came out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from luthier.core.errors import RunError
from luthier.store.index import SUMMARY

FIGURES = (
    "steps",
    "train_loss",
    "validation_loss",
    "best_step",
    "tokens_per_second",
    "peak_bytes",
    "disk_bytes",
    "trained_parameters",
    "verdict",
)


def diff(a: Path, b: Path) -> dict[str, dict[str, list[Any]]]:
    """{"recipe", "figures", "metrics"}: dotted key -> [value in A, value in B], where they differ.

    `metrics` holds the tuned arm of both, equal or not. For a paired test on the same rows use
    `luthier compare`.

    Raises: RunError: a document is missing or broken.
    """
    recipes = [_flat(_yaml(run / "resolved.yaml").get("recipe") or {}) for run in (a, b)]
    summaries = [_json(run / SUMMARY) for run in (a, b)]
    metrics = [_tuned(run) for run in (a, b)]
    return {
        "recipe": _unequal(recipes[0], recipes[1]),
        "figures": _unequal(
            {key: summaries[0].get(key) for key in FIGURES},
            {key: summaries[1].get(key) for key in FIGURES},
        ),
        "metrics": {
            key: [metrics[0].get(key), metrics[1].get(key)]
            for key in dict.fromkeys([*metrics[0], *metrics[1]])
        },
    }


def _unequal(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, list[Any]]:
    keys = dict.fromkeys([*a, *b])
    return {key: [a.get(key), b.get(key)] for key in keys if a.get(key) != b.get(key)}


def _tuned(run: Path) -> dict[str, float]:
    path = run / "evaluation.json"
    if not path.exists():
        return {}
    try:
        found = _json(path).get("arms", {}).get("tuned", {})
        return {metric: item["value"] for metric, item in found.items()}
    except (AttributeError, KeyError, TypeError):
        raise RunError(
            f"run {path}: holds no figures of the tuned model where they belong. The file was "
            "changed or damaged: restore it, or delete it and evaluate the run anew."
        ) from None


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            found.update(_flat(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        return _mapping(json.loads(_text(path)), path)
    except ValueError as error:
        raise RunError(f"run {path}: broken JSON ({error}).") from None


def _yaml(path: Path) -> dict[str, Any]:
    try:
        return _mapping(yaml.safe_load(_text(path)), path)
    except yaml.YAMLError as error:
        raise RunError(f"run {path}: broken YAML ({' '.join(str(error).split())}).") from None


def _mapping(found: Any, path: Path) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise RunError(f"run {path}: expected keys with values. The file was changed or damaged.")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RunError(f"run {path.parent}: has no {path.name}; it cannot be compared.") from None
    except UnicodeDecodeError as error:
        raise RunError(f"run {path}: not UTF-8 at byte {error.start}.") from None
    except OSError as error:
        raise RunError(f"run {path}: cannot be read ({error.strerror}).") from None
