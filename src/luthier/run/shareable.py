"""A run as it is shown to others: files go by their names, not by where they lie on one disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from luthier.run.reader import RunFiles

Shown = Callable[[str], str]


def shareable(run: RunFiles) -> RunFiles:
    """The same documents without folders of data, model and home; what rows say stays as it is.

    The full paths stand in `resolved.yaml`.
    """
    names = _names(set(_paths(run)))
    home = str(Path.home())
    if len(Path(home).parts) > 1:
        names.setdefault(home, "~")
    longest_first = sorted(names, key=lambda path: -len(path))
    pattern = re.compile(rf"(?<![\w/.~-])({'|'.join(map(re.escape, longest_first))})(?!\w)")
    show = partial(pattern.sub, lambda found: names[found.group()])
    return replace(
        run,
        resolved=_everywhere(run.resolved, show),
        ledger=_everywhere(run.ledger, show),
        evaluation=_everywhere(run.evaluation, show),
        preflight=_everywhere(run.preflight, show),
        environment=_everywhere(run.environment, show),
        summary=_everywhere(run.summary, show),
        metrics=_everywhere(run.metrics, show),
        samples=[line | {"row": show(str(line.get("row", "")))} for line in run.samples],
        predictions=[
            line | {"origin": show(str(line.get("origin", "")))} for line in run.predictions
        ],
    )


def _paths(run: RunFiles) -> Iterator[str]:
    """Absolute paths of data files, the model and the run directory."""
    identity, data = (run.resolved or {}).get("identity") or {}, run.recipe.get("data") or {}
    tested = ((run.evaluation or {}).get("details") or {}).get("tested") or {}
    given = [data.get(name) for name in ("train", "validation", "test")]
    named = [*(identity.get("files") or {}), *(item["name"] for item in tested.get("files") or [])]
    named += [*_texts([given, run.recipe.get("model")])]
    for text in (*named, str(run.layout.root.resolve())):
        if text.startswith("/") and Path(text).name:
            yield text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _names(paths: set[str]) -> dict[str, str]:
    """As few last parts of each path as tell them all apart."""
    parts = {path: Path(path).parts for path in paths}
    names = {path: path for path in paths}
    for depth in range(1, max(map(len, parts.values()), default=1)):
        names = {path: "/".join(found[-depth:]) for path, found in parts.items()}
        if len(set(names.values())) == len(names):
            break
    return names


def _everywhere(value: Any, show: Shown) -> Any:
    if isinstance(value, str):
        return show(value)
    if isinstance(value, Mapping):
        return {_everywhere(key, show): _everywhere(item, show) for key, item in value.items()}
    return [_everywhere(item, show) for item in value] if isinstance(value, list) else value
