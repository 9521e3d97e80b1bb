"""The folders that an archive or a folder puts around all that it holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from luthier.data.places._parts import is_called


def root_of(folder: Path, members: Sequence[Path], *, part: str = "") -> Path:
    """Where classes and parts begin: below every folder in which all texts or pictures lie.

    A lone folder is a class where all of them lie directly in it.
    Args: part: train, validation or test, where only this is meant; its folder is kept.
    """
    root = folder
    while True:
        heads = {path.relative_to(root).parts[0] for path in members}
        inner = root / min(heads, default="")
        is_lone = len(heads) == 1 and inner.is_dir()
        is_class = all(path.parent == inner for path in members)
        if not is_lone or is_class or (part and is_called(inner, part)):
            return root
        root = inner
