"""JSON values, read so that nothing is lost unsaid, and every fault is a JSONDecodeError."""

from __future__ import annotations

import json
from typing import Any


class _Decoder(json.JSONDecoder):
    """Python's reader, without its two other ways to fail and without its last key winning."""

    def __init__(self) -> None:
        # raw tabs and NULs inside strings are harmless
        super().__init__(strict=False, object_pairs_hook=_object)

    def raw_decode(self, s: str, idx: int = 0) -> tuple[Any, int]:
        try:
            return super().raw_decode(s, idx)
        except json.JSONDecodeError:
            raise
        except _Ambiguous as error:
            problem = str(error)
        except RecursionError:
            problem = "Lists or objects are nested too deep"
        except ValueError:
            problem = "A whole number has too many digits"
        raise json.JSONDecodeError(problem, s, idx)


class _Ambiguous(ValueError):
    """A key stands twice in one object, with different values."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        for key, value in pairs:
            if made[key] != value:
                raise _Ambiguous(f"Key {key!r} stands twice in one object, with different values")
    return made


DECODER = _Decoder()
