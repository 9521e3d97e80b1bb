"""Pictures to learn from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from luthier.data.rows.base import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Image(Row):
    """A picture in a file with the name of its class (empty when it is to be predicted)."""

    path: str
    label: str
    sha256: str = ""
    """Of the file: equal pictures under two names are one input."""

    def key(self) -> str:
        return hashlib.sha256(f"{self.sha256 or self.path}\n{self.label}".encode()).hexdigest()

    def input_key(self) -> str:
        return replace(self, label="").key()

    def given(self) -> str:
        return self.path

    def target(self) -> str:
        return self.label

    def stratum(self) -> str:
        return self.label
