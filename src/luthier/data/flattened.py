"""Rows as bytes and back: marshal's plain values, which run no code when they are read."""

from __future__ import annotations

import marshal
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

_PLAIN = frozenset({str, int, float, bool, type(None), bytes})
_ROW = ...
"""First in a tuple that stands for a dataclass; no value of a row is ever this."""


class Flattener:
    """Knows the dataclasses that it met: what one flattener wrote only that one reads."""

    def __init__(self) -> None:
        self._kinds: dict[type, tuple[int, list[str]]] = {}
        self._numbered: list[tuple[type, list[str]]] = []

    def flat(self, value: Any) -> bytes:
        """A row or a record as bytes."""
        return marshal.dumps(self._plain(value))

    def whole(self, data: bytes) -> Any:
        """What `flat` was given."""
        return self._built(marshal.loads(data))

    def _plain(self, value: Any) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is tuple:
            return tuple(self._plain(item) for item in value)
        if is_dataclass(kind):
            number, names = self._kind(kind)
            return (_ROW, number, *[self._plain(getattr(value, name)) for name in names])
        if isinstance(value, Mapping):
            return {self._plain(key): self._plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._plain(item) for item in value]
        # rows at hand may hold numpy's or pandas' own texts and numbers
        return next(
            (plain(value) for plain in (str, int, float) if isinstance(value, plain)), value
        )

    def _kind(self, kind: type) -> tuple[int, list[str]]:
        if kind not in self._kinds:
            names = [item.name for item in fields(kind)]
            self._kinds[kind] = len(self._numbered), names
            self._numbered.append((kind, names))
        return self._kinds[kind]

    def _built(self, value: Any) -> Any:
        if not isinstance(value, tuple):
            return value
        if not value or value[0] is not _ROW:
            return tuple(self._built(item) for item in value)
        kind, names = self._numbered[value[1]]
        return kind(**dict(zip(names, map(self._built, value[2:]), strict=True)))
